"""Judges a trained network under the devices of a run: on drawn chips, on ideal devices, or on both."""

from functools import partial
from typing import Any, Protocol

from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.judge import Judgement, Trained, chip_norm_images, judge
from xpert_evo.orchestration.chips import Chips


class Drawable(Protocol):
    """Chips that can be drawn: those of a run, or one of a refinement."""

    @property
    def devices(self) -> NonIdealities:
        """Their cells, wires and converters."""

    @property
    def norm_images(self) -> int:
        """Number of training images on which each chip calibrates its batch norm."""


def judged_on(
    chips: Drawable | None,
    trained: Trained,
    dataset: Dataset,
    split: str,
    *,
    n_chips: int = 1,
    first_chip: int = 0,
    seed: int = 0,
    max_images: int | None = None,
) -> Judgement:
    """Judges a network by the exact emulation on drawn chips, or on ideal devices for 0 chips.

    Args:
        chips: What is drawn; None for ideal devices.
        trained: The network.
        dataset: Its data set.
        split: "validation" or "test".
        n_chips: Number of chips; 0 for ideal devices.
        first_chip: Number of the first of them.
        seed: Random seed of the chips.
        max_images: Number of images, from the first; None for all.
    """
    judged = partial(judge, trained, dataset, split, seed=seed, max_images=max_images)
    if chips is None or not n_chips:
        return judged()
    return judged(
        nonidealities=chips.devices,
        n_draws=n_chips,
        first_draw=first_chip,
        norm_images=chip_norm_images(dataset, trained.protocol, chips.norm_images),
    )


def tested(
    chips: Chips | None, trained: Trained, dataset: Dataset, *, seed: int, max_images: int | None
) -> dict[str, Any]:
    """The judgement on test data: on ideal devices and on drawn chips, one of which is the accuracy to report."""
    measured = partial(judged_on, chips, trained, dataset, "test", seed=seed, max_images=max_images)
    ideal = measured(n_chips=0)
    found = measured(n_chips=chips.judge_chips) if chips is not None and chips.judge_chips else None
    reported = found if chips is not None and found is not None and chips.label_chips else ideal
    plain = {"accuracy": reported.mean, "n_images": reported.n_images, "emulation": reported.emulation}
    return plain if found is None else {**plain, "ideal": ideal.mean, "chips": plain_chips(found)}


def plain_chips(judgement: Judgement) -> dict[str, Any]:
    """The accuracies of drawn chips as plain values of a label's details."""
    return {
        "mean": judgement.mean,
        "worst": judgement.worst,
        "accuracies": list(judgement.accuracies),
        "n_chips": judgement.n_draws,
        "norm_images": judgement.norm_images,
    }
