"""Which images train, select and judge: as they came, and drawn from the training images where a part is missing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xpert_evo.accuracy.datasets.sources import PARTS, Source
from xpert_evo.errors import DataError
from xpert_evo.words import counted, listed

SPLIT_SEED = 2023
DRAWN_SHARE = 10
"""A part that is missing gets one in so many images of each class."""

_IMBALANCE_RATIO = 10
_FEW_IMAGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The images of a part of the data set, in the order in which it has them.

    Attributes:
        origin: The part of the source that they are from.
        images: Their positions there.
    """

    origin: str
    images: NDArray[np.int64]


def split(source: Source) -> dict[str, Members]:
    """Training, validation and test images, each in an order drawn with a fixed seed.

    Validation images that did not come are drawn from the training images, and so are test images: a tenth of every
    class, at least one where the class can spare it.
    """
    generator = np.random.default_rng(SPLIT_SEED)
    missing = [part for part in PARTS if part not in source.parts]
    labels = source.parts["train"].labels
    drawn = _drawn(labels, source.n_classes, missing, generator)
    kept = np.setdiff1d(np.arange(len(labels)), np.concatenate([np.empty(0, dtype=np.int64), *drawn.values()]))
    members = {}
    for part in PARTS:
        if part == "train":
            positions = kept
        else:
            positions = drawn[part] if part in drawn else np.arange(len(source.parts[part].labels))
        origin = "train" if part in drawn else part
        members[part] = Members(origin=origin, images=generator.permutation(positions))
    return members


def _drawn(
    labels: NDArray[np.int64], n_classes: int, parts: Sequence[str], generator: np.random.Generator
) -> dict[str, NDArray[np.int64]]:
    """Training images that become those of `parts`; of every class at least one stays."""
    drawn: dict[str, list[NDArray[np.int64]]] = {part: [] for part in parts}
    for label in range(n_classes):
        own = generator.permutation(np.flatnonzero(labels == label))
        share = max(1, round(len(own) / DRAWN_SHARE))
        for part in parts:
            n = max(0, min(share, len(own) - 1))
            drawn[part].append(own[:n])
            own = own[n:]
    return {part: np.concatenate(found) for part, found in drawn.items()}


def check_parts(source: Source, labels: Mapping[str, NDArray[np.int64]]) -> None:
    """Raises DataError where a part of the finished data set has no image, or no image of a class trains."""
    counts = np.bincount(labels["train"], minlength=source.n_classes)
    if not counts.all():
        raise DataError(
            f"{source.name} has no training image of the class '{source.class_names[int(counts.argmin())]}' that is "
            "not among the validation or test images; add some, or remove the class."
        )
    empty = [part for part in PARTS if not len(labels[part])]
    if empty:
        raise DataError(
            f"{source.name} has too few images: none is left for {listed(empty)}. At least one class needs three "
            "different images or more."
        )


def notes_on(source: Source, labels: Mapping[str, NDArray[np.int64]]) -> Iterator[str]:
    """What the user should know of the parts: what was drawn, rare classes, coarse accuracies."""
    for part in PARTS[1:]:
        if part not in source.parts:
            yield (
                f"no {part} images came with {source.name}: {len(labels[part]):,} of the training images were drawn "
                f"with a fixed seed, one in {DRAWN_SHARE} of each class and at least one where it can spare one"
            )
    counts = np.bincount(labels["train"], minlength=source.n_classes)
    if counts.max() >= _IMBALANCE_RATIO * counts.min():
        most, least = int(counts.argmax()), int(counts.argmin())
        yield (
            f"classes are uneven: {counts[most]:,} training images of '{source.class_names[most]}', {counts[least]:,} "
            f"of '{source.class_names[least]}'; accuracies are shares of all images, so rare classes count little"
        )
    for part in PARTS[1:]:
        n = len(labels[part])
        absent = source.n_classes - len(np.unique(labels[part]))
        if absent:
            yield f"{absent:,} of {source.n_classes:,} classes have no {part} images"
        if n < _FEW_IMAGES:
            yield f"only {counted(n, f'{part} image')}: accuracy comes in steps of {100 / n:.1f} points"
