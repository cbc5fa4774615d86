"""What `refine` would measure and how long that would take, without writing anything."""

from collections.abc import Callable
from dataclasses import dataclass

from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.orchestration.estimate import planned_workers
from xpert_evo.orchestration.refining import Refinable
from xpert_evo.orchestration.refining.chip_choices import chip_choices
from xpert_evo.orchestration.refining.estimate import Pace, Plan, Planner, measured_pace


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinementPlan:
    """A refinement that has not begun.

    Attributes:
        design: Id of the network's design.
        dataset: Name of the data set.
        hardware: Cost model and chip in words.
        devices: Devices that networks are judged on, in words.
        choices: Name of each gene that may change, and what the layers may choose from.
        plans: Weight coding and cell bits in words, empty if there is but one chip, and what is measured for each.
        pace: How fast this machine is.
        n_workers: Number of concurrent measurements.
    """

    design: str
    dataset: str
    hardware: str
    devices: str
    choices: tuple[tuple[str, tuple[object, ...]], ...]
    plans: tuple[tuple[str, Plan], ...]
    pace: Pace
    n_workers: int

    def seconds(self, n_rounds: int) -> float:
        """Expected duration with so many rounds [s]."""
        return sum(plan.seconds(n_rounds, self.pace, self.n_workers) for _, plan in self.plans)


@own_numerics()
def plan_refinement(network: Refinable, tell: Callable[[str], None]) -> RefinementPlan:
    """Counts the measurements of a refinement and times a few of them; raises the errors of `refine_network`."""
    options, refining = network.options(), network.refining
    protocol = None if refining.tune is None else refining.tuning(options.task.protocol(refining.tune))
    choices = chip_choices(network.config, network.design, network.dataset)
    planners = [Planner.of(network, choice.design, protocol) for choice in choices]
    n_conversions = float(sum(geometry.n_conversions for geometry in options.geometries(network.design)))
    return RefinementPlan(
        design=network.design.digest,
        dataset=network.dataset.name,
        hardware=options.task.hardware.words,
        devices=network.chips.words,
        choices=options.offered(),
        plans=tuple((choice.words, planner.plan()) for choice, planner in zip(choices, planners, strict=True)),
        pace=measured_pace(network.trained, network.dataset, protocol, n_conversions=n_conversions, tell=tell),
        n_workers=planned_workers(network.config),
    )
