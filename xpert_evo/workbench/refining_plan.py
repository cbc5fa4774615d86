"""What `refine` would measure and how long that would take, without writing anything."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.accuracy.training.weights import load_network, weights_file
from xpert_evo.config import RunConfig
from xpert_evo.orchestration.estimate import planned_workers
from xpert_evo.orchestration.refining import Refining
from xpert_evo.orchestration.refining.chip_choices import chip_choices
from xpert_evo.orchestration.refining.chips import DrawnChips
from xpert_evo.orchestration.refining.estimate import Pace, Plan, Planner, measured_pace
from xpert_evo.orchestration.refining.options import Options
from xpert_evo.orchestration.refining.refinement import check_network
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.workbench.refining import settings_of_network


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
def plan_refinement(path: Path, config: RunConfig, refining: Refining, tell: Callable[[str], None]) -> RefinementPlan:
    """Counts the measurements of a refinement and times a few of them; raises the errors of `refine_network`."""
    file = weights_file(path)
    trained, dataset = load_network(file), cached_dataset(config.dataset)
    check_network(file, trained, dataset, refining)
    settings, design = settings_of_network(trained, config), trained.header.design
    options = Options.of(settings, design, dataset, image_size=trained.image_size)
    chips = DrawnChips.of(settings, refining.chips, refining.seed)
    protocol = None if refining.tune is None else refining.tuning(options.task.protocol(refining.tune))
    moves = trained.network.crossbar != options.task.hardware.crossbar
    choices = chip_choices(settings, design, dataset)
    planners = [
        Planner(
            options=Options.of(settings, choice.design, dataset, image_size=trained.image_size),
            design=choice.design,
            refining=refining,
            chips=chips,
            n_validation=len(dataset.validation),
            protocol=protocol,
            n_train=len(dataset.train),
            moves=moves or choice.design != design,
        )
        for choice in choices
    ]
    n_conversions = float(sum(geometry.n_conversions for geometry in options.geometries(design)))
    return RefinementPlan(
        design=design.digest,
        dataset=dataset.name,
        hardware=options.task.hardware.words,
        devices=chips.words,
        choices=options.offered(),
        plans=tuple((choice.words, planner.plan()) for choice, planner in zip(choices, planners, strict=True)),
        pace=measured_pace(trained, dataset, protocol, n_conversions=n_conversions, tell=tell),
        n_workers=planned_workers(settings),
    )
