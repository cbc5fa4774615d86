"""Readers of data sets' published file layouts; each returns plain arrays or raises DataError."""

import shlex
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xpert_evo.errors import DataError
from xpert_evo.paths import read_text

Images: TypeAlias = NDArray[np.uint8]
Arrays: TypeAlias = dict[str, tuple[Images, NDArray[np.int64]]]
"""For each part ("train", "validation", "test") its images (n, channels, side, side) and labels (n,)."""

EMBEDDED_FILE = "fashion_mnist.npz"
IMAGENET_FILE = "tiny-imagenet.npz"
IMAGENET_CLASSES = 200
IMAGENET_TRAINING, IMAGENET_VALIDATION = 500, 50
"""Images of each of its classes."""

_IMAGENET_SIDE = 64


def read_embedded(folder: Path) -> Arrays:
    """The Fashion-MNIST subset inside the package; scripts/make_fashion_mnist.py remakes it."""
    try:
        with np.load(folder / EMBEDDED_FILE, allow_pickle=False) as file:
            parts = {part: (file[f"{part}_images"], file[f"{part}_labels"]) for part in ("train", "validation", "test")}
    except (OSError, ValueError, KeyError) as failure:
        raise DataError(f"{folder / EMBEDDED_FILE} cannot be read ({failure}); reinstall xpert-evo.") from None
    return {part: (images[:, None], labels.astype(np.int64)) for part, (images, labels) in parts.items()}


def read_cifar10(folder: Path) -> Arrays:
    """CIFAR-10's binary layout: five files of 10,000 records for training, one for test."""
    train = [read_records(folder / f"data_batch_{i}.bin", 10_000, label_bytes=1, n_classes=10) for i in range(1, 6)]
    images, labels = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return {
        "train": (images, labels),
        "test": read_records(folder / "test_batch.bin", 10_000, label_bytes=1, n_classes=10),
    }


def read_cifar100(folder: Path) -> Arrays:
    """CIFAR-100's binary layout; the second label byte is the class."""
    return {
        "train": read_records(folder / "train.bin", 50_000, label_bytes=2, n_classes=100),
        "test": read_records(folder / "test.bin", 10_000, label_bytes=2, n_classes=100),
    }


def read_records(path: Path, n_records: int, *, label_bytes: int, n_classes: int) -> tuple[Images, NDArray[np.int64]]:
    """CIFAR records: label bytes, then 3 x 32 x 32 pixels."""
    size = label_bytes + 3 * 32 * 32
    try:
        raw = np.fromfile(path, dtype=np.uint8)
    except OSError as failure:
        raise DataError(
            f"{path} cannot be read ({failure.strerror}); it belongs to the data set's binary layout, get it again."
        ) from None
    if raw.size != n_records * size:
        raise DataError(
            f"{path} must have {n_records * size:,} bytes, got {raw.size:,}: truncated or altered; get it again."
        )
    records = raw.reshape(n_records, size)
    labels = records[:, label_bytes - 1].astype(np.int64)
    if labels.max() >= n_classes:
        raise DataError(
            f"{path} has the label {labels.max()} where 0 to {n_classes - 1} are known: altered; get it again."
        )
    return np.ascontiguousarray(records[:, label_bytes:]).reshape(-1, 3, 32, 32), labels


def read_tiny_imagenet(folder: Path) -> Arrays:
    """What `write_tiny_imagenet` made; the validation images judge, since test labels were never published."""
    path = folder / IMAGENET_FILE
    if not path.exists() and (folder / "wnids.txt").exists():
        raise DataError(
            f"{folder} holds Tiny ImageNet as it is published; convert it into another folder with: xpert-evo data "
            f"import tiny-imagenet {shlex.quote(str(folder))} --data-dir FOLDER"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {part: (file[f"{part}_images"], file[f"{part}_labels"]) for part in ("train", "test")}
    except (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as failure:
        raise DataError(f"{path} cannot be read ({failure}); import or fetch tiny-imagenet again.") from None
    for part, (images, labels) in arrays.items():
        _check(path, part, images, labels)
    return arrays


def _check(path: Path, part: str, images: NDArray[Any], labels: NDArray[Any]) -> None:
    """Raises DataError unless arrays of a file are colour images in unsigned bytes, planes first, and their classes.

    Floats from 0 to 1, signed bytes, or planes last would be taken without a word, and every pixel would be wrong.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (3, 32, 32):
        raise DataError(
            f"{path}: {part}_images must be unsigned bytes of the shape (images, 3, 32, 32), got {images.dtype} of the "
            f"shape {images.shape}; import or fetch tiny-imagenet again."
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise DataError(
            f"{path}: {part}_labels must be {len(images)} integers, got {labels.dtype} of the shape {labels.shape}; "
            "import or fetch tiny-imagenet again."
        )
    if len(labels) and not (labels.min() >= 0 and labels.max() < IMAGENET_CLASSES):
        raise DataError(
            f"{path}: {part}_labels must be from 0 to {IMAGENET_CLASSES - 1}, got {labels.min()} to {labels.max()}; "
            "import or fetch tiny-imagenet again."
        )


def write_tiny_imagenet(root: Path, target: Path) -> None:
    """Decodes Tiny ImageNet's usual folders into one array file, images averaged from 64 x 64 to 32 x 32 pixels.

    Args:
        root: Holds wnids.txt, train/<class>/images/*.JPEG, val/images/*.JPEG and val/val_annotations.txt.
        target: The file to write.

    Raises:
        DataError: A file is missing or is no image.
    """
    try:
        classes = {name: i for i, name in enumerate(sorted(read_text(root / "wnids.txt").split()))}
        lines = read_text(root / "val" / "val_annotations.txt").splitlines()
        train = [(p, c) for n, c in classes.items() for p in sorted((root / "train" / n / "images").glob("*.JPEG"))]
        test = [(root / "val" / "images" / line.split()[0], classes[line.split()[1]]) for line in lines]
    except (OSError, KeyError, IndexError, UnicodeDecodeError) as failure:
        raise DataError(f"{root} is not laid out as Tiny ImageNet ({failure}); get it again.") from None
    for part, entries, wanted in (("training", train, IMAGENET_TRAINING), ("validation", test, IMAGENET_VALIDATION)):
        counts = Counter(c for _, c in entries)
        few = next((name for name, c in classes.items() if counts[c] != wanted), None)
        if few is not None or not classes:
            raise DataError(
                f"{root} must have {wanted} {part} images of each class, got {counts[classes[few]] if few else 0} of "
                f"{few or 'any'}: a part is missing; get it again."
            )
    arrays = {}
    for part, entries in (("train", train), ("test", test)):
        arrays[f"{part}_images"] = np.stack([_decoded(path) for path, _ in entries])
        arrays[f"{part}_labels"] = np.array([label for _, label in entries], dtype=np.int64)
    with target.open("wb") as file:
        np.savez(
            file,
            train_images=arrays["train_images"],
            train_labels=arrays["train_labels"],
            test_images=arrays["test_images"],
            test_labels=arrays["test_labels"],
        )


def _decoded(path: Path) -> Images:
    """One image as (3, 32, 32)."""
    try:
        with Image.open(path, formats=["JPEG"]) as image:
            if image.size != (_IMAGENET_SIDE, _IMAGENET_SIDE):  # before decoding, which takes memory by this claim
                raise ValueError(
                    f"it has {image.width} x {image.height} pixels where Tiny ImageNet has {_IMAGENET_SIDE} x "
                    f"{_IMAGENET_SIDE}"
                )
            small = image.convert("RGB").resize((32, 32), Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as failure:
        raise DataError(f"{path} cannot be read as an image ({failure}); get it again.") from None
    return np.ascontiguousarray(np.asarray(small, dtype=np.uint8).transpose(2, 0, 1))
