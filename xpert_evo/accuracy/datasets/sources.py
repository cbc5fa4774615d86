"""What every form of a user's images is turned into: for each part its labels, and a way to read one image."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xpert_evo.accuracy.datasets.resizing import Planes
from xpert_evo.errors import DataError

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
        parts: By the names in `PARTS`; `train` is always there.
        notes: Sentences that the user should read.
        threads: Whether several threads may read at once.
    """

    name: str
    class_names: tuple[str, ...]
    image_channels: int
    parts: Mapping[str, Part]
    notes: tuple[str, ...] = ()
    threads: bool = False

    @property
    def n_classes(self) -> int:
        """Classes."""
        return len(self.class_names)


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
