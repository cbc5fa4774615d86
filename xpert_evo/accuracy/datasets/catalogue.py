"""Data sets: uint8 images of one size in fixed training, validation and test splits.

`load_dataset` reads a data set, `fetch_dataset` downloads one and `import_dataset` takes a published one that the user
has. The validation images are drawn from the training images with a fixed seed and never trained on; test images only
judge. A new data set is a reader in `data_formats` and an entry of `DATASETS`; images of the user's own have names such
as `folder:PATH` and are read by `own_images`.
"""

import hashlib
import shlex
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from xpert_evo.accuracy.datasets import readers as data_formats
from xpert_evo.accuracy.datasets.dataset import Dataset, DatasetSpec, Split
from xpert_evo.accuracy.datasets.decoded import FOLDER as DECODED
from xpert_evo.accuracy.datasets.decoded import read_decoded
from xpert_evo.accuracy.datasets.own_images import own_images
from xpert_evo.accuracy.datasets.sources import PARTS
from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.errors import DataError
from xpert_evo.image_sources import FORMS_TEXT, IMAGE_SIZE, Form, ImageSize, Resize, form_of
from xpert_evo.paths import DATA_DIR, absolute_path, user_path
from xpert_evo.validation import nearest

__all__ = [
    "DATASETS",
    "Dataset",
    "DatasetSpec",
    "Split",
    "command_to_get",
    "dataset_spec",
    "find_folder",
    "load_dataset",
    "name_of",
]

_SPLIT_SEED = 2023


@own_numerics()
def load_dataset(
    name: str,
    data_dir: Path | None = None,
    *,
    image_size: ImageSize | None = None,
    resize: Resize = Resize.CROP,
    digest: str | None = None,
) -> Dataset:
    """The data set called `name`.

    Args:
        name: One of `DATASETS`, or of the user's own images: `folder:PATH`, `npz:FILE`, `module:PLACE:FUNCTION`.
        data_dir: Where data sets that are not embedded lie: the folder itself or the one that holds it; None for the
            folder `data` inside the working folder, where `xpert-evo data` puts them by default. The user's own images
            are decoded into a folder in it.
        image_size: Size of the user's own images; None for their natural one (`image_sources.natural_size`).
        resize: How the user's own images of another size or shape are resized.
        digest: Of the user's own images, where it is known: what is decoded already is then used without a look at
            their files.

    Raises:
        DataError: Unknown name, missing, truncated or altered files; the message says how to get them.
    """
    if form_of(name) is not None:
        return _own(name, absolute_path(data_dir or DATA_DIR) / DECODED, image_size, resize, digest)
    spec = dataset_spec(name)
    if spec.folder is None:
        return _loaded(name, Path(data_formats.__file__).parent / "data")
    return _loaded(name, find_folder(name, absolute_path(data_dir or DATA_DIR)))


def _own(name: str, cache: Path, image_size: ImageSize | None, resize: Resize, digest: str | None) -> Dataset:
    """The user's own images: mapped from the cache of decoded ones, which is filled first where it has to be."""
    found = read_decoded(cache, digest) if digest is not None else None
    if found is None:
        found = own_images(name, cache, image_size, resize)
    train, validation, test = (
        Split(images=torch.from_numpy(found.images[part]), labels=torch.from_numpy(found.labels[part]))
        for part in PARTS
    )
    return Dataset(
        name=name,
        train=train,
        validation=validation,
        test=test,
        n_classes=len(found.class_names),
        image_channels=found.images["train"].shape[1],
        image_size=(found.images["train"].shape[2], found.images["train"].shape[3]),
        digest=found.digest,
        class_names=found.class_names,
        notes=found.notes,
    )


def dataset_spec(name: str) -> DatasetSpec:
    """The entry of `DATASETS`; raises DataError with a suggestion for an unknown name."""
    if name not in DATASETS:
        raise DataError(f"no data set is called '{name}'; {_hint(name)}")
    return DATASETS[name]


def _hint(name: str) -> str:
    """What may have been meant by a name that is unknown."""
    with suppress(OSError, ValueError):  # no path at all
        path = user_path(name)
        if path.is_dir() or path.suffix.lower() == ".npz":
            return f"for your own images write {Form.FOLDER if path.is_dir() else Form.NPZ}:{name}."
    return f"{nearest(name, DATASETS)} Your own images are {FORMS_TEXT}."


def name_of(digest: str | None) -> str | None:
    """The name of the built-in data set with a digest; None for others."""
    return next((name for name, spec in DATASETS.items() if digest is not None and spec.digest == digest), None)


def find_folder(name: str, data_dir: Path) -> Path:
    """The folder of a data set at or inside `data_dir`; raises DataError where there is none."""
    folder = dataset_spec(name).folder
    assert folder is not None, "only data sets with a folder are looked for"
    with suppress(OSError):  # a name that is too long for the file system
        for candidate in (data_dir / folder, data_dir):
            if candidate.is_dir() and candidate.name == folder:
                return candidate
    other = _in_another_layout(name, data_dir)
    if other is not None:
        how = f"convert {other.name}, which is there, with: {command_to_get(name, data_dir)}"
    else:
        how = (
            f"name the folder that holds it (--data-dir, or dataset.data_dir in settings), or get it with: "
            f"{command_to_get(name, data_dir)}"
        )
    raise DataError(f"{name} is not in {data_dir}: expected the folder {folder}; {how}")


def command_to_get(name: str, data_dir: Path) -> str:
    """What to call for a data set that is missing in a folder: an import of what lies there, else a download."""
    other = _in_another_layout(name, data_dir)
    words = ["data", "fetch", name] if other is None else ["data", "import", name, str(other)]
    # A folder that is itself what is imported is no place for the result.
    place = data_dir if other != data_dir else data_dir.parent
    option = [] if absolute_path(place) == absolute_path(DATA_DIR) else ["--data-dir", str(place)]
    return shlex.join(["xpert-evo", *words, *option])


def _in_another_layout(name: str, data_dir: Path) -> Path | None:
    """What lies at or inside `data_dir` that can be imported; None where nothing does."""
    with suppress(OSError):
        for other in dataset_spec(name).other_layouts:
            for candidate in (data_dir / other, data_dir):
                if candidate.exists() and candidate.name == other:
                    return candidate
    return None


@lru_cache(maxsize=2)
def _loaded(name: str, folder: Path) -> Dataset:
    spec = DATASETS[name]
    arrays = spec.read(folder)
    parts = {part: (_padded(arrays[part][0]), arrays[part][1].astype(np.int64)) for part in arrays}
    if spec.n_validation:
        images, labels = parts["train"]
        order = np.random.default_rng(_SPLIT_SEED).permutation(len(labels))
        kept, held_out = order[spec.n_validation :], order[: spec.n_validation]
        parts["train"] = images[kept], labels[kept]
        parts["validation"] = images[held_out], labels[held_out]
    content = hashlib.sha256()
    splits = {}
    for part in ("train", "validation", "test"):
        images, labels = parts[part]
        content.update(images.tobytes())
        content.update(labels.tobytes())
        if part == "validation" and not spec.n_validation:
            # Its first images, which protocols may make do with, must be of all classes.
            order = np.random.default_rng(_SPLIT_SEED).permutation(len(labels))
            images, labels = images[order], labels[order]
        splits[part] = Split(images=torch.from_numpy(images), labels=torch.from_numpy(labels))
    return Dataset(
        name=name,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        n_classes=spec.n_classes,
        image_channels=spec.image_channels,
        image_size=spec.image_size,
        digest=content.hexdigest()[:16],
    )


def _padded(images: data_formats.Images) -> data_formats.Images:
    """Images (n, channels, side, side) with a black border up to 32 pixels; larger ones are averaged down."""
    side, wanted = images.shape[-1], IMAGE_SIZE[0]
    if side > wanted:
        factor = side // wanted
        blocks = images.reshape(*images.shape[:2], wanted, factor, wanted, factor)
        averaged: data_formats.Images = np.rint(blocks.mean(axis=(3, 5), dtype=np.float32)).astype(np.uint8)
        return averaged
    border = (wanted - side) // 2
    return np.ascontiguousarray(np.pad(images, [(0, 0), (0, 0), (border, border), (border, border)]))


DATASETS = {
    "fashion-mnist": DatasetSpec(
        n_classes=10,
        image_channels=1,
        read=data_formats.read_embedded,
        digest="aa04294ebd35c87b",
        about="Fashion-MNIST (Xiao et al., 2017), balanced 10,000 / 2,000 / 2,000 images; comes with xpert-evo",
    ),
    "cifar10": DatasetSpec(
        n_classes=10,
        image_channels=3,
        read=data_formats.read_cifar10,
        folder="cifar-10-batches-bin",
        other_layouts=("cifar-10-batches-py", "cifar-10-python.tar.gz", "cifar-10-binary.tar.gz"),
        url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        md5="c32a1d4ab5d03f1284b67883e8d87530",
        digest="feca598d1a0da278",
        n_validation=5_000,
        about="CIFAR-10 (Krizhevsky, 2009), 45,000 / 5,000 / 10,000 images",
    ),
    "cifar100": DatasetSpec(
        n_classes=100,
        image_channels=3,
        read=data_formats.read_cifar100,
        folder="cifar-100-binary",
        other_layouts=("cifar-100-python", "cifar-100-python.tar.gz", "cifar-100-binary.tar.gz"),
        url="https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
        md5="03b5dce01913d631647c71ecec9e9cb8",
        n_validation=5_000,
        about="CIFAR-100 (Krizhevsky, 2009), 45,000 / 5,000 / 10,000 images",
    ),
    "tiny-imagenet": DatasetSpec(
        n_classes=200,
        image_channels=3,
        read=data_formats.read_tiny_imagenet,
        folder="tiny-imagenet-200",
        other_layouts=("tiny-imagenet-200.zip",),
        url="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
        md5="90528d7ca1a48142e341f4ef8d21d0de",
        n_validation=10_000,
        about="Tiny ImageNet (Stanford CS231n), averaged to 32 x 32; 90,000 / 10,000 / 10,000 images, judged on val",
    ),
}
