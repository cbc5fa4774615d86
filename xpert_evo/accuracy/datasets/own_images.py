"""Images of the user's own by their name: opened, described, and decoded into the cache.

`sources` is what each form becomes: `folders` reads image files, `stacks` arrays, `functions` what a function returns.
`splitting` decides which images train, select and judge, and `decoded` keeps them.
"""

from pathlib import Path

from xpert_evo.accuracy.datasets.decoded import Decoded, decoded
from xpert_evo.accuracy.datasets.folders import folder_fingerprint, open_folder
from xpert_evo.accuracy.datasets.functions import open_function
from xpert_evo.accuracy.datasets.sources import Source
from xpert_evo.accuracy.datasets.stacks import npz_fingerprint, open_npz
from xpert_evo.errors import DataError
from xpert_evo.image_sources import (
    FORMS_TEXT,
    Form,
    ImageSize,
    Resize,
    form_of,
    place_of,
    with_absolute_path,
)


def open_source(name: str, image_size: ImageSize | None) -> Source:
    """The images that a name tells, not decoded yet; raises DataError.

    Args:
        name: `folder:PATH`, `npz:FILE` or `module:PLACE:FUNCTION`.
        image_size: Size that they will be resized to; None for the natural one.
    """
    name = with_absolute_path(name)
    if not place_of(name):
        raise DataError(f"a data set of your own is named {FORMS_TEXT}, got '{name}'.")
    match form_of(name):
        case Form.FOLDER:
            return open_folder(name, image_size)
        case Form.NPZ:
            return open_npz(name)
        case _:
            return open_function(name)


def own_images(name: str, cache: Path, image_size: ImageSize | None, resize: Resize) -> Decoded:
    """The images that a name tells, out of the cache; raises DataError."""
    name = with_absolute_path(name)
    fingerprint = None
    if place_of(name):
        match form_of(name):
            case Form.FOLDER:
                fingerprint = folder_fingerprint(name)
            case Form.NPZ:
                fingerprint = npz_fingerprint(name)
    return decoded(cache, fingerprint, lambda: open_source(name, image_size), image_size, resize)
