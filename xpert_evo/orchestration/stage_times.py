"""Time of a recipe's stages on this machine, from a few steps, and the factor on them that fits a budget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.recipes import Recipe
from xpert_evo.accuracy.training.teacher import Teacher
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design
from xpert_evo.orchestration.effort import images_trained
from xpert_evo.orchestration.step_times import Costs, measured_costs

BUDGET_S = 10.0
"""Approximate time for the measurements of all stages [s]."""

_MOST_RATIO = 1_000.0
_HALVINGS = 12

LEAST_RATIO = 0.05
"""Least fraction of a recipe's training to scale down to (assumed: below it, stages are a few hundred steps)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """Expected durations of a training by a recipe.

    Attributes:
        training_s: Duration of the steps of one pass of each stage [s].
        measuring_s: Duration of the measurements after one pass of each stage [s].
        judging_s: Duration of judging the last network on the test images [s].
        emulated_image_s: Duration of an image in the exact emulation of ideal devices [s].
        step_image_s: Duration of an image of a step of the last stage [s].
    """

    training_s: tuple[float, ...]
    measuring_s: tuple[float, ...]
    judging_s: float
    emulated_image_s: float = 0.0
    step_image_s: float = 0.0

    @property
    def fixed_s(self) -> float:
        """Duration of all measurements and judgements, with one pass of each stage [s]."""
        return sum(self.measuring_s) + self.judging_s

    def total_s(self, passes: Sequence[int]) -> float:
        """Duration of the whole training with so many passes of each stage [s]."""
        each = zip(self.training_s, self.measuring_s, passes, strict=True)
        return sum((training + measuring) * n for training, measuring, n in each) + self.judging_s

    @property
    def once_s(self) -> float:
        """Duration of the whole training with one pass of each stage [s]."""
        return sum(self.training_s) + self.fixed_s

    def scaled(self, shares: Sequence[float]) -> "StageTimes":
        """The same with other numbers of images trained on, relative to these, by stage."""
        return replace(self, training_s=tuple(s * share for s, share in zip(self.training_s, shares, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainee:
    """What is trained and judged, and how.

    Attributes:
        design: Design of the network.
        backbone: Its backbone.
        crossbar: Crossbar that it is trained for.
        dataset: Images.
        teacher: Trained networks whose class probabilities are learned; None for labels alone.
        noise_aware: Devices drawn anew in every step; None to train with ideal ones.
        devices: Devices of the chips that it is judged on; None for ideal ones.
    """

    design: Design
    backbone: Backbone
    crossbar: CrossbarSpec
    dataset: Dataset
    teacher: Teacher | None = None
    noise_aware: NonIdealities | None = None
    devices: NonIdealities | None = None


def measured_times(
    trainee: Trainee, recipe: Recipe, *, n_judged: Sequence[int], tell: Callable[[str], None] | None = None
) -> StageTimes:
    """Measures a few steps of each kind of stage and extrapolates to the whole recipe.

    Args:
        trainee: What is trained.
        recipe: Recipe with the stages.
        n_judged: Number of images of each judgement of the last network.
        tell: Called with a description of each measurement.
    """
    n_train, n_all = len(trainee.dataset.train), len(trainee.dataset.validation)
    protocols = recipe.fitted(trainee.dataset.name, n_train)
    distinct = {_kind(protocol): protocol for protocol in reversed(protocols)}
    costs: dict[tuple[object, ...], Costs] = {}
    for kind, protocol in distinct.items():
        costs[kind] = measured_costs(
            trainee.design,
            trainee.backbone,
            trainee.crossbar,
            trainee.dataset,
            protocol,
            budget_s=BUDGET_S / len(distinct),
            devices=trainee.devices,
            noise_aware=trainee.noise_aware,
            teacher=trainee.teacher,
            tell=None if tell is None else _named(tell, protocol),
        )
    own = [costs[_kind(protocol)] for protocol in protocols]
    return StageTimes(
        training_s=tuple(cost.training_s(p, n_train) for cost, p in zip(own, protocols, strict=True)),
        measuring_s=tuple(
            cost.measuring_s(p, n_train, min(p.n_validation or n_all, n_all))
            for cost, p in zip(own, protocols, strict=True)
        ),
        judging_s=sum(own[-1].judgement_s(n) for n in n_judged),
        emulated_image_s=own[-1].ideal_s,
        step_image_s=own[-1].step_image_s(protocols[-1]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A duration for trainings by a recipe, and how long they take.

    Attributes:
        recipe: The recipe as it is written.
        dataset: Images.
        hours: Hours that the user gave, for the scaled recipe [h].
        seconds: Duration that the trainings may take [s].
        needed_s: Their duration [s] when each stage trains on so many images relative to the recipe.
    """

    recipe: Recipe
    dataset: Dataset
    hours: float
    seconds: float
    needed_s: Callable[[Sequence[float]], float]

    def with_ratio(self, ratio: float) -> tuple[Recipe, tuple[float, ...]]:
        """The recipe with its epochs times a ratio, and the images that its stages train on relative to the original.

        These are not proportional to the ratio: few epochs are rounded, and lose the smaller images of the first parts
        of a training and the epochs that leave images out.
        """
        name, n_train = self.dataset.name, len(self.dataset.train)
        scaled = self.recipe.scaled(ratio, name, n_train, self.hours)
        pairs = zip(scaled.fitted(name, n_train), self.recipe.fitted(name, n_train), strict=True)
        return scaled, tuple(images_trained(own, n_train) / images_trained(whole, n_train) for own, whole in pairs)

    def fitted(self) -> tuple[Recipe, tuple[float, ...]]:
        """The longest training within the budget, as `with_ratio` returns it, or that of `LEAST_RATIO`."""
        low, high = LEAST_RATIO, 2 * LEAST_RATIO
        while high < _MOST_RATIO and self._fits(high):
            low, high = high, 2 * high
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self._fits(middle) else (low, middle)
        return self.with_ratio(low)

    def _fits(self, ratio: float) -> bool:
        return self.needed_s(self.with_ratio(ratio)[1]) <= self.seconds


def _kind(protocol: TrainingProtocol) -> tuple[object, ...]:
    """What the time of a step depends on besides the design."""
    p = protocol
    return p.width_divisor, p.image_size, p.batch_size, p.exact, p.bfloat16, p.noise, p.orthogonalise, p.n_threads


def _named(tell: Callable[[str], None], protocol: TrainingProtocol) -> Callable[[str], None]:
    return lambda what: tell(f"{what} ({protocol.name})")
