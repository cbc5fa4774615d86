"""`module:PACKAGE.MODULE:FUNCTION` and `module:FILE.py:FUNCTION`: arrays or map-style data sets of a function.

The function is the user's own code and is called, so such a name must come from the user, as any program does.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xpert_evo.accuracy.datasets.resizing import ImageError, Planes, n_channels, planes_of, size_of
from xpert_evo.accuracy.datasets.sources import Part, Source, numbered
from xpert_evo.accuracy.datasets.stacks import Stack, open_stacks, stacks_of
from xpert_evo.errors import DataError
from xpert_evo.image_sources import ImageSize, place_of

_PARTS_OF_NAMES = {
    "train": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
}
_IMAGE_KEYS = ("image", "img", "pixel_values")
_LABEL_KEYS = ("label", "labels", "fine_label")
_LABEL_ATTRIBUTES = ("targets", "labels")
_PAIR = 2
_N_SIZED = 100


class MapStyle(Protocol):
    """A data set of items by number, such as torchvision's and Hugging Face's."""

    def __len__(self) -> int:
        """Images."""

    def __getitem__(self, i: Any, /) -> Any:
        """An image with its label, or a column by its name."""


def open_function(name: str) -> Source:
    """Calls a function and takes what it returns; raises DataError where that is nothing to learn from."""
    returned = _called(name, _function(name))
    if isinstance(returned, Mapping):
        if not any(key in _PARTS_OF_NAMES for key in returned):
            return open_stacks(name, stacks_of(name, returned))
        parts = {part: returned[key] for key, part in _PARTS_OF_NAMES.items() if key in returned}
    elif isinstance(returned, tuple | list) and len(returned) in {2, 3}:
        names = ("train", "test") if len(returned) == _PAIR else ("train", "validation", "test")
        parts = dict(zip(names, returned, strict=True))
    else:
        parts = {"train": returned}
    if "train" not in parts:
        raise DataError(f"{name} returned {', '.join(parts)} but no training images; add them as train.")
    stacks = {part: stack for part, value in parts.items() if (stack := _stack(value)) is not None}
    if len(stacks) == len(parts):
        return open_stacks(name, stacks)
    return _open_map_style(name, parts)


def _function(name: str) -> Callable[[], object]:
    """The function that a name tells; modules are looked for in the working folder, too."""
    module, _, function = place_of(name).rpartition(":")
    if not module or not function:
        raise DataError(
            f"{name} must be module:PACKAGE.MODULE:FUNCTION or module:FILE.py:FUNCTION, such as module:mydata:load."
        )
    try:
        found = getattr(_file_module(Path(module)) if module.endswith(".py") else _package_module(module), function)
    except Exception as failure:
        raise DataError(f"{name} cannot be imported ({type(failure).__name__}: {failure}).") from failure
    if not callable(found):
        raise DataError(f"{name} must name a function, got {type(found).__name__}.")
    return partial(found)


def _package_module(module: str) -> object:
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        return importlib.import_module(module)
    finally:
        sys.path.remove(here)


def _file_module(path: Path) -> object:
    spec = importlib.util.spec_from_file_location(f"_images_of_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _called(name: str, function: Callable[[], object]) -> object:
    try:
        return function()
    except Exception as failure:
        raise DataError(f"{name} raised {type(failure).__name__}: {failure}.") from failure


def _stack(value: object) -> Stack | None:
    """Images and labels where a part came as two arrays; None where it is a map-style data set."""
    if isinstance(value, tuple | list) and len(value) == _PAIR:
        images, labels = (np.asarray(entry) if hasattr(entry, "__array__") else entry for entry in value)
        if isinstance(images, np.ndarray) and images.ndim >= 3:
            return images, np.asarray(labels)
    return None


def _open_map_style(name: str, parts: Mapping[str, Any]) -> Source:
    for part, value in parts.items():
        if not (hasattr(value, "__len__") and hasattr(value, "__getitem__")) or isinstance(value, str | bytes):
            raise DataError(
                f"{name} must return arrays (a dictionary with x_train, y_train, x_test, y_test) or map-style data "
                f"sets (train, test) of (image, label), which have a length and are indexed; got "
                f"{type(value).__name__} as {part}."
            )
        if not len(value):
            raise DataError(f"{name} returned no {part} images.")
    class_names, labels = numbered(name, {part: _labels(name, part, value) for part, value in parts.items()})
    try:
        channels, sizes = _channels(parts), _sizes(parts)
    except ImageError as failure:
        raise DataError(f"{name}: {failure}.") from None
    return Source(
        name=name,
        class_names=_named(parts["train"], class_names),
        image_channels=channels,
        sizes=sizes,
        parts={
            part: Part(labels=labels[part], image=partial(_image, value), told=partial("{} image {}".format, part))
            for part, value in parts.items()
        },
    )


def _channels(parts: Mapping[str, MapStyle]) -> int:
    """Channels of the first image, unless it is grey: then of the first one with colours."""
    for value in parts.values():
        for i in range(len(value)):
            if (channels := n_channels(_image(value, i))) > 1:
                return channels
    return 1


def _sizes(parts: Mapping[str, MapStyle]) -> frozenset[ImageSize]:
    """Sizes of the first images of each part; to look at all of them would decode the whole data set."""
    return frozenset(size_of(_image(value, i)) for value in parts.values() for i in range(min(_N_SIZED, len(value))))


def _named(dataset: object, found: tuple[str, ...]) -> tuple[str, ...]:
    """The names that a torchvision-like data set gives its classes, where labels are positions among them."""
    names = getattr(dataset, "classes", None)
    if not isinstance(names, list | tuple) or not all(name.isdigit() and int(name) < len(names) for name in found):
        return found
    return tuple(str(names[int(name)]) for name in found)


def _labels(name: str, part: str, dataset: MapStyle) -> NDArray[Any]:
    """The labels of a data set: as it lists them, else item by item."""
    listed = next((getattr(dataset, key) for key in _LABEL_ATTRIBUTES if hasattr(dataset, key)), None)
    columns = getattr(dataset, "column_names", None)
    if listed is None and isinstance(columns, list):  # Hugging Face's, which need not decode images for it
        key = next((key for key in _LABEL_KEYS if key in columns), None)
        listed = None if key is None else dataset[key]
    try:
        values = np.asarray(listed if listed is not None else [_pair(dataset[i])[1] for i in range(len(dataset))])
    except ImageError as failure:
        raise DataError(f"{name}: {part}: {failure}.") from None
    if values.dtype.kind not in "iuU" or values.shape != (len(dataset),):
        raise DataError(
            f"{name} must have an integer or a name as the label of each of its {len(dataset):,} {part} images, got "
            f"{values.dtype} in the shape {values.shape}."
        )
    return values


def _image(dataset: MapStyle, i: int) -> Image.Image | Planes:
    try:
        item = dataset[i]
    except Exception as failure:
        raise ImageError(f"it raised {type(failure).__name__}: {failure}") from failure
    return planes_of(_pair(item)[0])


def _pair(item: Any) -> tuple[object, object]:
    """Image and label of an item; raises ImageError."""
    if isinstance(item, Mapping):
        keys = [next((key for key in keys if key in item), None) for keys in (_IMAGE_KEYS, _LABEL_KEYS)]
        if None not in keys:
            return item[keys[0]], item[keys[1]]
        raise ImageError(f"an item must have image and label, got {', '.join(map(str, item))}")
    if isinstance(item, tuple | list) and len(item) == _PAIR:
        return item[0], item[1]
    raise ImageError(f"an item must be (image, label), got {type(item).__name__}")
