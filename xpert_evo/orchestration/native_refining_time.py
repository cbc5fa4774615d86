"""How long the refinement of networks at native size will take, from the speed of their trainings."""

from collections.abc import Sequence

from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.recipes import Recipe
from xpert_evo.config import RunConfig
from xpert_evo.design import Design
from xpert_evo.orchestration.chips import Chips
from xpert_evo.orchestration.native_refining import refining_of
from xpert_evo.orchestration.refining import Refining
from xpert_evo.orchestration.refining.chips import DrawnChips
from xpert_evo.orchestration.refining.estimate import Planner
from xpert_evo.orchestration.refining.options import Options
from xpert_evo.orchestration.refining.plan import Pace
from xpert_evo.orchestration.refining.settings import FEWEST_VALIDATION
from xpert_evo.orchestration.refining.spaces import unlimited
from xpert_evo.orchestration.stage_times import StageTimes
from xpert_evo.orchestration.task import Task

LATER = 1
"""Rounds after the first one until nothing moves any more (those of most refinements of a VGG16)."""


def is_refined(config: RunConfig, recipe: Recipe, n_validation: int) -> bool:
    """Whether networks at native size are refined: only full-width ones, with enough validation images."""
    return config.native.refine and not recipe.is_proxy and n_validation >= FEWEST_VALIDATION


def refinement_s(
    task: Task, dataset: Dataset, recipe: Recipe, timed: Sequence[tuple[Design, StageTimes]], *, n_workers: int
) -> float:
    """Mean duration of refining one of several designs after its training [s].

    Args:
        task: Search task.
        dataset: Data set of the run.
        recipe: Recipe of the trainings.
        timed: Some designs, and the measured times of their trainings.
        n_workers: Number of concurrent measurements.
    """
    if not is_refined(task.config, recipe, len(dataset.validation)):
        return 0.0
    protocols = recipe.fitted(dataset.name, len(dataset.train))
    refining = refining_of(protocols, seed=0, chips=Chips.of(task.config)).fitted_to(len(dataset.validation))
    each = []
    for design, times in timed:
        planner = _planner(task, dataset, design, protocols, refining)
        pace = Pace(conversion_s=times.emulated_image_s / planner.conversions, step_image_s=times.step_image_s)
        each.append(planner.plan().whole.seconds(LATER, pace, n_workers))
    return sum(each) / len(each)


def _planner(
    task: Task, dataset: Dataset, design: Design, protocols: Sequence[TrainingProtocol], refining: Refining
) -> Planner:
    size = protocols[-1].size_for(task.backbone.image_size)
    return Planner(
        options=Options.of(unlimited(task.config), design, dataset, image_size=size),
        design=design,
        refining=refining,
        chips=DrawnChips.of(task.config, refining.chips, refining.seed),
        n_validation=len(dataset.validation),
        protocol=None if refining.tune is None else refining.tuning(task.protocol(refining.tune)),
        n_train=len(dataset.train),
        moves=False,
    )
