"""Settings and result of a refinement."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.design import Design
from xpert_evo.errors import UsageError

_IMAGES, _JUDGED = 400, 1_000
"""Validation images for measurements and for comparing designs, where there are as many."""

_FEWEST = 10
"""Fewest images for either."""

FEWEST_VALIDATION = 2 * _FEWEST
"""Fewest validation images that a refinement needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refining:
    """How a trained network's peripherals are chosen again.

    Attributes:
        n_images: Validation images on which class probabilities are measured, from the first.
        n_calibration: Training images for ADC ranges and batch norm in these measurements.
        n_adopted: Training images on which batch norm is calibrated for a chosen design.
        n_judged: Validation images, those after the first ones, on which chosen designs are compared.
        n_chosen: Designs that are compared in each round.
        n_pairs: Pairs of layers that are measured in each round.
        n_joint: Random joint choices on which the prediction is tested in the first round, and with `tune` in every
            round.
        most_rounds: Rounds at most.
        target_loss: Loss of accuracy, a fraction, at which the next round continues with the cheapest design.
        tune: Name of the protocol that continues the training of that design in each round; None for no training.
        n_tuned: Training images of that protocol; None for its own number.
        seed: Random seed of trainings, random choices and drawn chips.
        chips: Number of drawn chips of the settings' device that networks are judged on, and for which they are tuned;
            0 for ideal devices.
    """

    n_images: int = _IMAGES
    n_calibration: int = 256
    n_adopted: int = 1_024
    n_judged: int = _JUDGED
    n_chosen: int = 6
    n_pairs: int = 12
    n_joint: int = 12
    most_rounds: int = 3
    target_loss: float = 0.007
    tune: str | None = None
    n_tuned: int | None = 6_000
    seed: int = 0
    chips: int = 0

    @property
    def compared(self) -> slice:
        """Validation images on which chosen designs are compared."""
        return slice(self.n_images, self.n_images + self.n_judged)

    def fitted_to(self, n_validation: int) -> "Refining":
        """Returns it with default numbers of validation images lowered to those that a data set has.

        Both are lowered in proportion, or one of them if the other is not the default. What does not fit then stays as
        it is, to be refused.
        """
        if self.n_images + self.n_judged <= n_validation or n_validation < FEWEST_VALIDATION:
            return self
        if (self.n_images, self.n_judged) == (_IMAGES, _JUDGED):
            n_images = max(_FEWEST, n_validation * _IMAGES // (_IMAGES + _JUDGED))
            return replace(self, n_images=n_images, n_judged=n_validation - n_images)
        if self.n_judged == _JUDGED:
            return replace(self, n_judged=max(_FEWEST, n_validation - self.n_images))
        if self.n_images == _IMAGES:
            return replace(self, n_images=max(_FEWEST, n_validation - self.n_judged))
        return self

    def tuning(self, protocol: TrainingProtocol) -> TrainingProtocol:
        """A protocol with the number of training images of tuning."""
        if self.n_tuned is None:
            return protocol
        return protocol.model_copy(update={"n_train": self.n_tuned, "n_validation": self.n_images})

    def __post_init__(self) -> None:
        """Raises UsageError for numbers out of range."""
        for name, least in (
            ("n_images", _FEWEST),
            ("n_calibration", 32),
            ("n_adopted", 32),
            ("n_judged", _FEWEST),
            ("n_chosen", 1),
            ("n_pairs", 0),
            ("n_joint", 0),
            ("most_rounds", 1),
            ("chips", 0),
        ):
            if getattr(self, name) < least:
                raise UsageError(f"{name} must be at least {least}, got {getattr(self, name)}.")
        if not 0 < self.target_loss < 1:
            raise UsageError(f"target_loss must be a fraction between 0 and 1, such as 0.007, got {self.target_loss}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A joint choice of all layers: its divergence as predicted and as measured [nats].

    Attributes:
        design: Id of the design.
        is_random: Whether it was drawn at random to test the prediction; otherwise it was chosen.
        added: Sum of the divergences of its layers.
        joined: Divergence of the sum of the movements of the class scores by its layers.
        expected: Sum with measured pairs.
        corrected: The same, corrected by joint choices of its kind (random or chosen) in earlier rounds; if there are
            none, by all others of the round.
        measured: Measured divergence.
    """

    design: str
    is_random: bool
    added: float
    joined: float
    expected: float
    corrected: float
    measured: float

    @property
    def joint(self) -> tuple[float, float]:
        """Expected and measured divergence [nats], to fit a correction to."""
        return self.expected, self.measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """A design that was chosen for the network, with its weights.

    Attributes:
        design: The design.
        weights: File of its network: batch norm calibrated for it, or tuned.
        round: Round that chose it, from 1; 0 for the trained network itself.
        is_tuned: Whether the weights were trained further for it.
        edap: EDAP [mm2 us uJ]; in the worst case over several cost models if the settings ask for it.
        edap_ratio: EDAP of the baseline divided by it.
        area_mm2: Area.
        latency_us: Latency of an image.
        energy_uj: Energy of an image.
        expected: Divergence that was expected before it was measured [nats]; None for the trained network.
        divergence: Measured divergence beyond that of the network on the peripherals it was trained for [nats].
        judged: Accuracy on the images on which designs are compared; over drawn chips it is what the setting
            `search.robustness` says, their mean by default.
        n_judged: Number of these images.
        validation: Accuracy on all validation images; None if others beat it before on those of `judged`.
        unseen: Accuracy on the validation images that had no part in the rounds; None likewise or if there are none.
        n_unseen: Number of these images.
        gap: By how much the EDAP of another choice could be lower at most at the same price if errors of layers add
            up; None for the trained network.
        edap_ratios: EDAP of the baseline divided by it, by cost model, in a worst case over several.
        on_chips: Accuracy of each drawn chip on all validation images, or on those of `judged` where the design is not
            on the front; empty for ideal devices.
        chip: Weight coding and cell bits in words, where several were tried.
    """

    design: Design
    weights: Path
    round: int
    is_tuned: bool
    edap: float
    edap_ratio: float
    area_mm2: float
    latency_us: float
    energy_uj: float
    expected: float | None
    divergence: float
    judged: float
    n_judged: int
    validation: float | None = None
    unseen: float | None = None
    n_unseen: int = 0
    gap: float | None = None
    edap_ratios: tuple[tuple[str, float], ...] = ()
    on_chips: tuple[float, ...] = ()

    chip: str = ""

    @property
    def accuracy(self) -> float:
        """Accuracy on all validation images, or on those that it was compared on."""
        return self.judged if self.validation is None else self.validation

    def to_plain(self) -> dict[str, Any]:
        """An entry of the refinement's `front.json`; `load_designs` reads the design from it."""
        plain = {**asdict(self), "id": self.design.digest, "design": self.design.to_plain()}
        for name in ("on_chips", "chip"):
            if not plain[name]:
                del plain[name]
        return {**plain, "weights": str(self.weights), "edap_ratios": dict(self.edap_ratios)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement:
    """The result of a refinement.

    Attributes:
        trained: The trained network on its own peripherals.
        front: Designs that are best in EDAP and accuracy together, by falling EDAP.
        others: Further designs that were judged.
        predictions: Joint choices by round, from 1: predicted and measured divergences.
        seconds: Time of the measurements and trainings of this call [s].
        devices: Devices under which accuracies hold, in words.
        rounds: Names of the rounds of `predictions`, where several chips were tried; empty for one.
    """

    trained: Refined
    front: tuple[Refined, ...]
    others: tuple[Refined, ...]
    predictions: tuple[tuple[Prediction, ...], ...]
    seconds: float
    devices: str
    rounds: tuple[str, ...] = ()

    @property
    def round_names(self) -> tuple[str, ...]:
        """Names of the rounds of `predictions`."""
        return self.rounds or tuple(f"round {number}" for number in range(1, len(self.predictions) + 1))

    @property
    def chosen(self) -> tuple[Refined, ...]:
        """The front without the trained network on its own peripherals, by falling EDAP."""
        return tuple(one for one in self.front if one.weights != self.trained.weights)

    def best(self, loss: float) -> Refined:
        """The design of the lowest EDAP that loses at most this fraction of all validation images."""
        least = self.trained.accuracy - loss
        kept = [one for one in self.front if one.accuracy >= least]
        return min(kept or [self.trained], key=lambda one: one.edap)


def front_of(pool: Sequence[Refined]) -> list[Refined]:
    """Designs that no other one beats in both EDAP and accuracy, by falling EDAP.

    Args:
        pool: Designs that were judged on the same images: either all of them on all validation images, or none.
    """
    front: list[Refined] = []
    for one in sorted(pool, key=lambda one: (one.edap, -one.accuracy)):
        if not front or one.accuracy > front[-1].accuracy:
            front.append(one)
    return front[::-1]
