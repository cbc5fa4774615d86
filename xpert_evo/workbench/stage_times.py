"""Time of a recipe's stages on this machine, from a few steps, and recipes that fit a budget of hours."""

from collections.abc import Callable
from dataclasses import dataclass

from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.recipes import Recipe
from xpert_evo.errors import UsageError
from xpert_evo.orchestration.step_times import Costs, measured_costs
from xpert_evo.words import duration
from xpert_evo.workbench.plan import TrainingPlan

BUDGET_S = 10.0
"""Approximate time for the measurements of all stages [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """Expected durations of a training by a recipe.

    Attributes:
        training_s: Duration of the steps of one pass of each stage [s].
        measuring_s: Duration of the measurements after one pass of each stage [s].
        judging_s: Duration of judging the last network on the test images [s].
    """

    training_s: tuple[float, ...]
    measuring_s: tuple[float, ...]
    judging_s: float

    def total_s(self, passes: tuple[int, ...]) -> float:
        """Duration of the whole training with so many passes of each stage [s]."""
        each = zip(self.training_s, self.measuring_s, passes, strict=True)
        return sum((training + measuring) * n for training, measuring, n in each) + self.judging_s


def measured_times(plan: TrainingPlan, recipe: Recipe, tell: Callable[[str], None] | None = None) -> StageTimes:
    """Measures a few steps of each kind of stage and extrapolates to the whole recipe.

    Args:
        plan: Plan of the first stage.
        recipe: Recipe with the stages.
        tell: Called with a description of each measurement.
    """
    protocols = [stage.protocol for stage in recipe.stages]
    distinct = list({_kind(protocol): protocol for protocol in reversed(protocols)}.items())
    costs: dict[tuple[object, ...], Costs] = {}
    for kind, protocol in distinct:
        costs[kind] = measured_costs(
            plan.design,
            plan.backbone,
            plan.crossbar,
            plan.dataset,
            protocol,
            budget_s=BUDGET_S / len(distinct),
            tell=None if tell is None else _named(tell, protocol),
        )
    n_train, n_test = len(plan.dataset.train), len(plan.dataset.test)
    own = [costs[_kind(protocol)] for protocol in protocols]
    n_validation = [
        min(p.n_validation or len(plan.dataset.validation), len(plan.dataset.validation)) for p in protocols
    ]
    return StageTimes(
        training_s=tuple(cost.training_s(p, n_train) for cost, p in zip(own, protocols, strict=True)),
        measuring_s=tuple(
            cost.measuring_s(p, n_train, n) for cost, p, n in zip(own, protocols, n_validation, strict=True)
        ),
        judging_s=plan.n_judgements * own[-1].judgement_s(n_test),
    )


def fitted(plan: TrainingPlan, recipe: Recipe, hours: float, tell: Callable[[str], None] | None = None) -> Recipe:
    """Returns the recipe with its epochs scaled so that training and judging take so many hours on this machine.

    Raises:
        UsageError: Measuring and judging alone take longer.
    """
    times = measured_times(plan, recipe, tell)
    fixed_s, training_s = sum(times.measuring_s) + times.judging_s, sum(times.training_s)
    left_s = 3600 * hours - fixed_s
    if left_s < _LEAST_RATIO * training_s:
        raise UsageError(
            f"{plan.spelled('hours')} {hours:g} is too short: measuring and judging take about {duration(fixed_s)} and "
            f"the shortest useful training {duration(_LEAST_RATIO * training_s)}; give more, or use a quicker "
            f"{plan.spelled('recipe')}."
        )
    return recipe.scaled(left_s / training_s, len(plan.dataset.train), hours)


_LEAST_RATIO = 0.05
"""Least fraction of a recipe's training to scale down to (assumed: below it, stages are a few hundred steps)."""


def _kind(protocol: TrainingProtocol) -> tuple[object, ...]:
    """What the time of a step depends on besides the design."""
    p = protocol
    return p.width_divisor, p.image_size, p.batch_size, p.exact, p.bfloat16, p.noise, p.orthogonalise, p.n_threads


def _named(tell: Callable[[str], None], protocol: TrainingProtocol) -> Callable[[str], None]:
    return lambda what: tell(f"{what} ({protocol.name})")
