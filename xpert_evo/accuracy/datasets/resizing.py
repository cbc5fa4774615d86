"""Images of any size and kind as planes of unsigned bytes, all of one size."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from xpert_evo.image_sources import ImageSize, Resize

Planes: TypeAlias = NDArray[np.uint8]
"""An image (channels, height, width), or a stack of images (images, channels, height, width)."""

MAX_CHANNELS = 16
_ORIENTATION = 0x0112  # EXIF tag
_WIDTH, _HEIGHT = 0x0100, 0x0101  # TIFF tags
_ON_ITS_SIDE = {5, 6, 7, 8}  # EXIF orientations that exchange width and height
_SAMPLING = Image.Resampling.BILINEAR  # smoothed where Pillow scales down


class ImageError(Exception):
    """One image cannot be read; the text says why, and the caller which image it is."""


def bytes_of(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Pixels as unsigned bytes: floats from 0 to 1 are converted, bytes stay.

    Raises:
        ImageError: Any other type or range, as nobody can tell what its numbers stand for.
    """
    if values.dtype == np.uint8:
        return values
    wanted = "pixels must be unsigned bytes (uint8) or floats from 0 to 1"
    if values.dtype.kind != "f":
        raise ImageError(f"{wanted}, got {values.dtype}; convert them, such as with .astype('uint8')")
    check_nan(int(np.isnan(values).sum()), values.size)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not (low >= 0.0 and high <= 1.0):
        raise ImageError(f"{wanted}, got floats from {low:.3g} to {high:.3g}; undo the normalisation or divide by 255")
    converted: NDArray[np.uint8] = np.rint(values * 255).astype(np.uint8)
    return converted


def check_nan(n_nan: int, n_pixels: int) -> None:
    """Raises ImageError if some pixels are NaN."""
    if n_nan:
        raise ImageError(f"{n_nan:,} of {n_pixels:,} pixels are NaN; replace them")


def channels_axis(shape: tuple[int, ...]) -> int:
    """Where one image (two or three axes) or a stack of images (see `stack_axis`) has its channels: -3 or -1.

    Args:
        shape: The last three axes count; square images decide where both ends could be channels.

    Raises:
        ImageError: Neither end is a number of channels, or both could be.
    """
    first, middle, last = shape[-3:]
    can_be_first, can_be_last = 1 <= first <= MAX_CHANNELS, 1 <= last <= MAX_CHANNELS
    if can_be_first and can_be_last:
        can_be_first, can_be_last = middle == last, middle == first
        if can_be_first == can_be_last:
            can_be_first, can_be_last = first in {1, 3} and last not in {1, 3}, last in {1, 3} and first not in {1, 3}
    if can_be_first == can_be_last:
        raise ImageError(
            f"images must have 1 to {MAX_CHANNELS} channels as their first or their last axis, and it must be clear "
            f"which; got images of the shape {shape[-3:]}"
        )
    return -3 if can_be_first else -1


def planes_of(image: object) -> Image.Image | Planes:
    """One image of a data set's item: a Pillow image as it is; an array or tensor as planes of bytes.

    Raises:
        ImageError: It is no image.
    """
    if isinstance(image, Image.Image):
        return image
    values = np.asarray(image)
    if values.ndim == 2:
        return bytes_of(values)[None]
    if values.ndim != 3 or values.dtype == object:
        raise ImageError(f"an image must be a Pillow image or an array of two or three axes, got {type(image)}")
    return np.moveaxis(bytes_of(values), channels_axis(values.shape), 0)


def n_channels(image: Image.Image | Planes) -> int:
    """Channels of an image: 1 for a grey one, 3 for any other Pillow image."""
    if isinstance(image, Image.Image):
        return 1 if image.mode in {"1", "L", "LA", "La", "I", "F"} or image.mode.startswith("I;16") else 3
    return len(image)


def has_16_bits(image: Image.Image | Planes) -> bool:
    """Whether an image has 16 bits a pixel, of which the upper 8 are kept."""
    return isinstance(image, Image.Image) and (image.mode == "I" or image.mode.startswith("I;16"))


def size_of(image: Image.Image | Planes) -> ImageSize:
    """Height and width of an image, turned as its camera was held [pixels]; only a file's head is read."""
    if not isinstance(image, Image.Image):
        return image.shape[1], image.shape[2]
    turned = image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE and not _is_turned(image)
    return (image.width, image.height) if turned else (image.height, image.width)


def _is_turned(image: Image.Image) -> bool:
    """Whether Pillow has turned the size of an image already, as some of its versions do for TIFF."""
    tags = getattr(image, "tag_v2", None)
    return tags is not None and (tags.get(_WIDTH), tags.get(_HEIGHT)) == image.size[::-1] != image.size


def resized(image: Image.Image | Planes, channels: int, size: ImageSize, how: Resize) -> Planes:
    """An image as planes (channels, height, width); a grey one among colour ones has three equal planes.

    Raises:
        ImageError: It cannot be decoded, or has another number of channels.
    """
    own = n_channels(image)
    if own != channels and not (own == 1 and channels == 3):
        raise ImageError(f"it has {own} channels where others have {channels}")
    if isinstance(image, Image.Image):
        flat = _sized(_eight_bits(image, grey=own == 1), size, how)
        planes = np.asarray(flat, dtype=np.uint8)
        planes = planes[None] if planes.ndim == 2 else planes.transpose(2, 0, 1)
    elif image.shape[1:] == size:
        planes = image
    else:
        planes = np.stack([np.asarray(_sized(Image.fromarray(plane), size, how)) for plane in image])
    if own != channels:
        planes = np.repeat(planes, channels, axis=0)
    return np.ascontiguousarray(planes)


def _sized(image: Image.Image, size: ImageSize, how: Resize) -> Image.Image:
    height, width = size
    if image.size == (width, height):
        return image
    if how is Resize.STRETCH:
        return image.resize((width, height), _SAMPLING)
    if how is Resize.FIT:
        return ImageOps.pad(image, (width, height), _SAMPLING, color=0)
    return ImageOps.fit(image, (width, height), _SAMPLING)


def _eight_bits(image: Image.Image, *, grey: bool) -> Image.Image:
    """Decodes and turns an image as its camera was held; 16 bits a pixel become 8, transparency is dropped."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise ImageError("it holds floats, whose range nobody can tell; save it with 8 bits a pixel")
    if has_16_bits(image):
        values = np.asarray(image)
        if values.size and not 0 <= values.min() <= values.max() < 1 << 16:
            raise ImageError("it has more than 16 bits a pixel; save it with 8")
        return Image.fromarray((values >> 8).astype(np.uint8))
    return image.convert("L" if grey else "RGB")
