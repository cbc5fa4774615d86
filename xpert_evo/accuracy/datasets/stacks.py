"""`npz:FILE`, and functions that return arrays: whole stacks of images with their labels."""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpert_evo.accuracy.datasets.resizing import (
    MAX_CHANNELS,
    ImageError,
    Planes,
    bytes_of,
    channels_axis,
    check_nan,
)
from xpert_evo.accuracy.datasets.sources import PARTS, Part, Source, numbered
from xpert_evo.errors import DataError
from xpert_evo.image_sources import place_of

_BLOCK = 1024
_MAGIC = (b"PK", b"\x93NUMPY")
"""First bytes of files by numpy.savez and numpy.save."""
_KEYS = {"train": "train", "validation": "val", "test": "test"}

Stack = tuple[NDArray[Any], NDArray[Any]]
"""Images and their labels."""


def npz_fingerprint(name: str) -> str:
    """Hexadecimal digits that change whenever the file is touched or replaced; raises DataError where it is missing."""
    try:
        told = Path(place_of(name)).stat()
    except OSError as failure:
        raise DataError(
            f"{name} cannot be read ({failure.strerror}); give a file of arrays, as numpy.savez writes."
        ) from None
    text = f"{name} {told.st_size} {told.st_mtime_ns} {told.st_ctime_ns}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]


def open_npz(name: str) -> Source:
    """The arrays of a file, which are in memory from here on; raises DataError."""
    npz_fingerprint(name)
    try:
        with Path(place_of(name)).open("rb") as stream:  # which numpy leaves open where the file is damaged
            if not stream.read(6).startswith(_MAGIC):
                raise DataError(f"{name} is not an .npz file; write it with numpy.savez.")
            stream.seek(0)
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise DataError(f"{name} holds a single array; save images and labels with numpy.savez.")
            wanted = {f"{axis}_{key}" for key in _KEYS.values() for axis in "xy"}
            arrays = {key: file[key] for key in file.files if key in wanted}
            known = file.files
    except (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as failure:
        raise DataError(
            f"{name} cannot be read ({failure}); it must hold plain arrays, as numpy.savez writes them (no objects)."
        ) from None
    return open_stacks(name, stacks_of(name, arrays, known))


def stacks_of(name: str, arrays: Mapping[str, Any], known: object = None) -> dict[str, Stack]:
    """Images and labels by part from arrays called x_train, y_train and so on; raises DataError where one lacks."""
    missing = [key for key in ("x_train", "y_train") if key not in arrays]
    missing += [f"y_{key}" for key in _KEYS.values() if f"x_{key}" in arrays and f"y_{key}" not in arrays]
    missing += [f"x_{key}" for key in _KEYS.values() if f"y_{key}" in arrays and f"x_{key}" not in arrays]
    if missing:
        names = ", ".join(sorted(map(str, known if isinstance(known, list) else arrays))) or "nothing"
        raise DataError(
            f"{name} must hold x_train and y_train, and may hold x_val and y_val, x_test and y_test; {missing[0]} is "
            f"missing, it holds {names}."
        )
    return {
        part: (np.asarray(arrays[f"x_{key}"]), np.asarray(arrays[f"y_{key}"]))
        for part, key in _KEYS.items()
        if f"x_{key}" in arrays
    }


def open_stacks(name: str, stacks: Mapping[str, Stack]) -> Source:
    """Stacks of images with labels as a source; raises DataError where shapes, types or ranges are not usable."""
    labels = {part: _labels(name, part, *stacks[part]) for part in PARTS if part in stacks}
    class_names, positions = numbered(name, labels)
    images = {part: _images(name, part, stacks[part][0]) for part in positions}
    channels = {part: own.shape[1] for part, own in images.items()}
    if len(set(channels.values())) > 1:
        told = ", ".join(f"{n} in {part}" for part, n in channels.items())
        raise DataError(f"{name} must have as many channels in all images, got {told}.")
    return Source(
        name=name,
        class_names=class_names,
        image_channels=channels["train"],
        sizes=frozenset((own.shape[2], own.shape[3]) for own in images.values()),
        parts={
            part: Part(labels=positions[part], image=partial(_plane_stack, own), told=partial(_told, part))
            for part, own in images.items()
        },
    )


def _labels(name: str, part: str, images: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iuUS" or len(labels) != len(images):
        hint = " (labels that are one-hot: take their argmax)" if labels.ndim == 2 else ""
        raise DataError(
            f"{name} must have one integer or one name for each of its {len(images):,} {part} images, got labels of "
            f"{labels.dtype} in the shape {labels.shape}{hint}."
        )
    return np.char.decode(labels, "utf-8", "replace") if labels.dtype.kind == "S" else labels


def _images(name: str, part: str, images: NDArray[Any]) -> NDArray[Any]:
    """Images (n, channels, height, width), floats still; their range is checked."""
    if images.ndim not in {3, 4} or 0 in images.shape[1:]:
        raise DataError(
            f"{name} must have {part} images in three or four axes: (images, height, width), (images, channels, "
            f"height, width) or (images, height, width, channels), with 1 to {MAX_CHANNELS} channels; got the shape "
            f"{images.shape}."
        )
    try:
        starts = range(0, len(images), _BLOCK)
        if images.dtype.kind == "f":
            check_nan(sum(int(np.isnan(images[start : start + _BLOCK]).sum()) for start in starts), images.size)
        for start in starts:  # checked now, converted when each image is read
            bytes_of(images[start : start + _BLOCK])
        if images.ndim == 3:
            return images[:, None]
        return np.moveaxis(images, channels_axis(images.shape), 1)
    except ImageError as failure:
        raise DataError(f"{name}: {part} images: {failure}.") from None


def _plane_stack(images: NDArray[Any], i: int) -> Planes:
    return np.ascontiguousarray(bytes_of(images[i]))


def _told(part: str, i: int) -> str:
    return f"{part} image {i}"
