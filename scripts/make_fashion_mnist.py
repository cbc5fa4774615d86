"""Remakes the embedded Fashion-MNIST subset from the four original idx files.

The first images of every class in the original order are taken, so the result is the same everywhere: 1,000 a class
from the training file for training, the next 200 for validation, and the first 200 a class of the test file for test.

Usage: python scripts/make_fashion_mnist.py FOLDER_WITH_IDX_FILES [OUTPUT.npz]

The idx files are those of https://github.com/zalandoresearch/fashion-mnist (MIT licence), plain or as .gz.
"""

import gzip
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

OUTPUT = Path(__file__).parents[1] / "xpert_evo" / "accuracy" / "datasets" / "data" / "fashion_mnist.npz"


def read_idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """An idx file of unsigned bytes: magic number 0 0 8 d, d big-endian sizes, then the values."""
    packed = folder / f"{name}.gz"
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / name).read_bytes()
    if data[:3] != b"\0\0\x08":  # the type comes third: signed bytes have 9, floats 13
        raise SystemExit(f"{folder / name} is no idx file of unsigned bytes.")
    n_dimensions = data[3]
    shape = np.frombuffer(data, ">i4", count=n_dimensions, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * n_dimensions).reshape(shape)


def balanced(labels: NDArray[np.uint8], first: int, last: int) -> NDArray[np.int64]:
    """Positions, in rising order, of each class's images number `first` to `last` (exclusive)."""
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[first:last] for c in range(10)]))


def main(folder: Path, output: Path = OUTPUT) -> None:
    """Writes the subset to `output`."""
    source = {
        "train": (read_idx(folder, "train-images-idx3-ubyte"), read_idx(folder, "train-labels-idx1-ubyte")),
        "test": (read_idx(folder, "t10k-images-idx3-ubyte"), read_idx(folder, "t10k-labels-idx1-ubyte")),
    }
    arrays = []
    for file, first, last in (("train", 0, 1_000), ("train", 1_000, 1_200), ("test", 0, 200)):
        images, labels = source[file]
        rows = balanced(labels, first, last)
        arrays += [images[rows], labels[rows]]
    names = ("train_images", "train_labels", "validation_images", "validation_labels", "test_images", "test_labels")
    # As np.savez_compressed, but with a fixed date and the strongest compression: the same bytes wherever it runs.
    with zipfile.ZipFile(output, "w") as archive:
        for name, array in zip(names, arrays, strict=True):
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED, 9)
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    main(*map(Path, sys.argv[1:]))
