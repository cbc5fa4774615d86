"""Gets data sets: from their canonical place, or from an archive or folder that the user has."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from xpert_evo.accuracy.datasets.archives import extract, moved_into_place
from xpert_evo.accuracy.datasets.catalogue import dataset_spec, load_dataset
from xpert_evo.accuracy.datasets.downloads import Progress, download
from xpert_evo.accuracy.datasets.python_batches import integers, pixels, read_batch
from xpert_evo.accuracy.datasets.readers import IMAGENET_FILE, write_tiny_imagenet
from xpert_evo.errors import DataError

_UNPACKING = ".unpacking-"
_PYTHON_FILES = {
    "cifar10": {**{f"data_batch_{i}": f"data_batch_{i}.bin" for i in range(1, 6)}, "test_batch": "test_batch.bin"},
    "cifar100": {"train": "train.bin", "test": "test.bin"},
}


def fetch_dataset(
    name: str, data_dir: Path, *, url: str | None = None, md5: str | None = None, on_progress: Progress | None = None
) -> Path:
    """Downloads a data set, checks and unpacks it, and returns its folder inside `data_dir`.

    Args:
        name: One of `DATASETS`.
        data_dir: Made if it is missing; holds the archive as well until it is unpacked.
        url: Another place than the canonical one, with the same archive.
        md5: Checksum of the archive; the published one by default.
        on_progress: Told the bytes at hand and their total.

    Raises:
        DataError: Nothing to fetch, no connection, a wrong checksum, an unusable archive.
    """
    spec = dataset_spec(name)
    if spec.url is None or spec.md5 is None:
        raise DataError(f"{name} comes with xpert-evo; there is nothing to fetch.")
    archive = data_dir / Path(spec.url).name
    with _alone_in(data_dir):
        download(url or spec.url, archive, md5=md5 or spec.md5, on_progress=on_progress)
        folder = _imported(name, archive, data_dir)
        archive.unlink()
    return folder


def import_dataset(name: str, path: Path, data_dir: Path) -> Path:
    """Takes a data set from an archive or folder into `data_dir`, checks it by loading it, and returns its folder.

    Args:
        name: One of `DATASETS`.
        path: CIFAR in its binary or python layout, Tiny ImageNet in its usual one; a folder, tar or zip archive.
        data_dir: Where later runs shall find it.

    Raises:
        DataError: The archive or folder does not hold the data set, or not all of it.
    """
    spec = dataset_spec(name)
    if spec.folder is None:
        raise DataError(f"{name} comes with xpert-evo; there is nothing to import.")
    if not path.exists():
        raise DataError(f"{path} does not exist; give the archive or folder that holds {name}.")
    with _alone_in(data_dir):
        return _imported(name, path, data_dir)


@contextmanager
def _alone_in(data_dir: Path) -> Iterator[None]:
    """Keeps other processes from filling `data_dir` meanwhile, and removes what one that was killed left unpacked."""
    is_new = not data_dir.exists()
    path = data_dir / ".filling.lock"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(path, blocking=False):
            try:
                for left in data_dir.glob(f"{_UNPACKING}*"):
                    shutil.rmtree(left, ignore_errors=True)
                yield
            finally:
                path.unlink(missing_ok=True)
                if is_new and not any(data_dir.iterdir()):
                    data_dir.rmdir()
    except Timeout:
        raise DataError(f"another process is filling {data_dir}; wait for it, or choose another --data-dir.") from None
    except OSError as failure:
        what = failure.strerror or failure
        raise DataError(f"{data_dir} cannot be filled ({what}); free some space or choose another folder.") from None


def _imported(name: str, path: Path, data_dir: Path) -> Path:
    """Unpacks or copies, checks by loading, and only then moves into place."""
    spec = dataset_spec(name)
    folder = data_dir / str(spec.folder)
    if (
        path.is_dir()
        and name in _PYTHON_FILES
        and _is_same(_found(path, next(iter(_PYTHON_FILES[name].values()))), folder)
    ):
        load_dataset(name, data_dir)  # it lies where it would be put
        return folder
    with moved_into_place(folder) as new:
        if path.is_dir():
            with _told_as(path, new):
                _take(name, path, new, folder)
                spec.read(new)
        else:
            with tempfile.TemporaryDirectory(dir=data_dir, prefix=_UNPACKING) as unpacked:
                extract(path, Path(unpacked))
                with _told_as(path, new, Path(unpacked)):
                    _take(name, Path(unpacked), new, folder)
                    spec.read(new)
    load_dataset(name, data_dir)
    return folder


@contextmanager
def _told_as(source: Path, *temporary: Path) -> Iterator[None]:
    """Lets errors speak of what the user gave, `source`, in place of folders that are gone when they are read."""
    try:
        yield
    except DataError as failure:
        sentence = str(failure)
        for folder in temporary:
            sentence = sentence.replace(f"{folder}/", f"{source}: ").replace(str(folder), str(source))
        raise DataError(sentence) from None


def _take(name: str, source: Path, new: Path, target: Path) -> None:
    """Copies or converts what is found at or below `source` into the layout that `load_dataset` reads.

    Args:
        name: Of the data set.
        source: Holds it.
        new: An empty folder to fill.
        target: What `new` will replace.
    """
    if name == "tiny-imagenet":
        root = _holder(name, source, "wnids.txt")
        if _is_same(root, target):
            raise DataError(
                f"{root} is where the converted data set would be put, and your files would be lost; move them "
                "elsewhere, or import into another folder with --data-dir."
            )
        write_tiny_imagenet(root, new / IMAGENET_FILE)
        return
    files = _PYTHON_FILES[name]
    binary = _found(source, next(iter(files.values())))
    if binary is not None:
        for file in files.values():
            if not (binary / file).is_file():
                raise DataError(f"{binary / file} is missing, so {name} is not complete; get it again.")
            shutil.copyfile(binary / file, new / file)
        return
    root = _holder(name, source, next(iter(files)))
    for old, file in files.items():
        _write_records(root / old, new / file)


def _is_same(folder: Path | None, target: Path) -> bool:
    return folder is not None and folder.resolve() == target.resolve()


def _write_records(path: Path, target: Path) -> None:
    """Converts one file of the python layout into the binary one."""
    batch = read_batch(path)
    images = pixels(batch, path)
    columns = [
        _labels(batch, key, len(images), path) for key in ("coarse_labels", "labels", "fine_labels") if key in batch
    ]
    if not columns:
        raise DataError(f"{path} holds no labels; get it again.")
    np.concatenate([np.stack(columns, axis=1), images], axis=1).tofile(target)


def _labels(batch: dict[str, object], key: str, n_images: int, path: Path) -> NDArray[np.uint8]:
    values = integers(batch[key])
    if values is None or len(values) != n_images or not all(0 <= value < 256 for value in values):
        raise DataError(f"{path} must hold {n_images} integers from 0 to 255 as {key}; get it again.")
    return np.array(values, dtype=np.uint8)


def _found(source: Path, file: str) -> Path | None:
    """The folder at or below `source` (two levels at most) that holds `file`."""
    for pattern in (file, f"*/{file}", f"*/*/{file}"):
        for match in sorted(source.glob(pattern)):
            return match.parent
    return None


def _holder(name: str, source: Path, file: str) -> Path:
    folder = _found(source, file)
    if folder is None:
        raise DataError(f"{source} does not hold {name}: expected {file} in it; give its archive or folder.")
    return folder
