"""What every form of a user's images is turned into: for each part its labels, and a way to read one image."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xpert_evo.accuracy.datasets.resizing import Planes
from xpert_evo.errors import DataError
from xpert_evo.image_sources import LARGEST_SIDE, ImageSize, natural_size, size_text

PARTS = ("train", "validation", "test")
_N_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Images that came together.

    Attributes:
        labels: Positions in the source's class names, int64, (images,).
        image: Reads one image; raises ImageError.
        told: Names one image, for messages.
    """

    labels: NDArray[np.int64]
    image: Callable[[int], Image.Image | Planes]
    told: Callable[[int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A user's images, not read yet.

    Attributes:
        name: Of the data set, as in settings.
        class_names: In the order of the labels.
        image_channels: Planes of an image.
        sizes: Heights and widths of the images [pixels].
        parts: By the names in `PARTS`; `train` is always there.
        notes: Sentences that the user should read.
        threads: Whether several threads may read at once.
    """

    name: str
    class_names: tuple[str, ...]
    image_channels: int
    sizes: frozenset[ImageSize]
    parts: Mapping[str, Part]
    notes: tuple[str, ...] = ()
    threads: bool = False

    @property
    def n_classes(self) -> int:
        """Classes."""
        return len(self.class_names)

    @property
    def image_size(self) -> ImageSize:
        """Size of the images unless a setting chooses another one."""
        return natural_size(self.sizes)

    def notes_on_size(self, chosen: ImageSize | None) -> Iterator[str]:
        """Yields a sentence if images are resized although no setting says so.

        Args:
            chosen: Size chosen by a setting; None for the natural one.
        """
        if chosen is not None or self.sizes == {self.image_size}:
            return
        smallest, largest = min(self.sizes), max(self.sizes)
        came = (
            f"images have {len(self.sizes):,} sizes ({size_text(smallest)} to {size_text(largest)} pixels)"
            if len(self.sizes) > 1
            else f"images of {size_text(largest)} pixels have a side longer than {LARGEST_SIDE}"
        )
        yield f"{came}; they were resized to {size_text(self.image_size)}: choose another size with dataset.image_size"


def check_classes(name: str, class_names: Sequence[str]) -> None:
    """Raises DataError where there is nothing to tell apart."""
    if len(class_names) < 2:
        only = f"one class only, '{class_names[0]}'" if class_names else "no images"
        raise DataError(f"{name} has {only}; a classifier needs images of two classes or more.")


def check_readable(name: str, complaints: Sequence[str], n_images: int) -> None:
    """Raises DataError where images cannot be used: how many of them, and the first ones with the reason."""
    if complaints:
        more = f", and {len(complaints) - _N_TOLD:,} more" if len(complaints) > _N_TOLD else ""
        raise DataError(
            f"{len(complaints):,} of {n_images:,} images of {name} cannot be used: {', '.join(complaints[:_N_TOLD])}"
            f"{more}; repair or remove them."
        )


def numbered(
    name: str, labels: Mapping[str, NDArray[np.generic]]
) -> tuple[tuple[str, ...], dict[str, NDArray[np.int64]]]:
    """The classes of labels of any values, and the labels as positions among them.

    Args:
        name: Of the data set, for messages.
        labels: For each part integers or names, (images,).

    Raises:
        DataError: One class only, or a class that no training image has.
    """
    classes = np.unique(labels["train"])
    positions = {}
    for part, values in labels.items():
        unknown = sorted({str(value) for value in values[~np.isin(values, classes)]})
        if unknown:
            raise DataError(f"{name} has {part} images of the class '{unknown[0]}', but no training image of it.")
        positions[part] = np.searchsorted(classes, values).astype(np.int64)
    names = tuple(str(value) for value in classes)
    check_classes(name, names)
    return names, positions
