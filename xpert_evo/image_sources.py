"""Names of the user's own images: `folder:PATH`, `npz:FILE` and `module:PLACE:FUNCTION`; and how images are resized.

Such a name stands wherever the name of a built-in data set does. This module only reads names, so that settings can be
checked without loading any image; `accuracy.datasets.own_images` reads the images.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from xpert_evo.paths import absolute_path

ImageSize: TypeAlias = tuple[int, int]
"""Height and width of an image [pixels]."""

IMAGE_SIZE: ImageSize = (32, 32)
"""Size of the built-in data sets' images, and of images that come in several sizes or very large."""

LARGEST_SIDE = 256
"""Longest side of images that keep their size unless a setting says otherwise [pixels]."""

FORMS_TEXT = "folder:PATH, npz:FILE or module:PACKAGE.MODULE:FUNCTION"


class Form(StrEnum):
    """Where a user's images come from; the first part of such a name."""

    FOLDER = "folder"
    NPZ = "npz"
    MODULE = "module"


class Resize(StrEnum):
    """How an image of another size or shape is resized.

    `crop` scales the image until it covers the new size and cuts off what protrudes, equally at both ends; `fit` scales
    it until it fits into the new size and adds black bars; `stretch` scales both sides independently.
    """

    CROP = "crop"
    FIT = "fit"
    STRETCH = "stretch"


def natural_size(sizes: Iterable[ImageSize]) -> ImageSize:
    """Returns the size of a data set whose images have these sizes, if no setting chooses one.

    Images of one size keep it, up to a side of `LARGEST_SIDE`; all others become `IMAGE_SIZE`.
    """
    found = set(sizes)
    only = next(iter(found)) if len(found) == 1 else IMAGE_SIZE
    return only if max(only) <= LARGEST_SIDE else IMAGE_SIZE


def stored_size(entries: Mapping[str, Any]) -> ImageSize:
    """Returns the `image_size` among stored entries; without one, as in earlier versions, it was 32 x 32."""
    height, width = entries.get("image_size", IMAGE_SIZE)
    return height, width


def size_text(size: ImageSize) -> str:
    """Returns a size as people write it, height first: `32 x 32`."""
    return f"{size[0]} x {size[1]}"


def form_of(name: str) -> Form | None:
    """The form of a data set's name; None for a built-in data set."""
    prefix, colon, _ = name.partition(":")
    return Form(prefix) if colon and prefix in list(Form) else None


def place_of(name: str) -> str:
    """What follows the form: a path, or a function's place."""
    return name.partition(":")[2]


def with_absolute_path(name: str, folder: Path | None = None) -> str:
    """The name of a data set in which a path is absolute; a relative one is so to `folder` (default: working folder).

    The place of a function that ends in `.py` is a path, too; the name of a package stays as it is.
    """
    form, place = form_of(name), place_of(name)
    if form is None or not place:
        return name
    if form is Form.MODULE:
        module, colon, function = place.rpartition(":")
        return f"{form}:{absolute_path(module, folder)}:{function}" if colon and module.endswith(".py") else name
    return f"{form}:{absolute_path(place, folder)}"


def short_name(name: str) -> str:
    """A name that can be part of a folder's: `flowers` for `folder:/home/me/flowers`."""
    form, place = form_of(name), place_of(name)
    if form is None:
        return name
    if form is Form.MODULE:
        module, _, function = place.rpartition(":")
        short = f"{Path(module).stem if module.endswith('.py') else module.rpartition('.')[2]}-{function}"
    else:
        short = Path(place).stem if form is Form.NPZ else Path(place).name
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", short).strip("-.")[:60] or form.value
