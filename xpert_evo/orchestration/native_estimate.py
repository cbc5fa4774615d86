"""Estimates how long trainings at native size will take, before the search has chosen the designs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.surrogate.features import macs
from xpert_evo.accuracy.training.recipes import Recipe, load_recipe
from xpert_evo.orchestration.choosing import first_batch
from xpert_evo.orchestration.effort import makespan
from xpert_evo.orchestration.native_plan import at_a_time, seconds_each, times_by_size, within
from xpert_evo.orchestration.native_refining_time import refinement_s
from xpert_evo.orchestration.task import Task

_SMALL, _LARGE = 0.25, 0.75
"""Quantiles of the first designs' multiply-accumulates between which the chosen designs are assumed to lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeEstimate:
    """Expected durations of the trainings at native size.

    Attributes:
        recipe: Recipe of the trainings, scaled to the budget if there is one.
        n_trainings: Largest number of trainings.
        stages_s: Duration of each stage of an average training, with one pass [s].
        judging_s: Duration of its judgement on test images [s].
        seconds: Duration of all trainings [s].
        refining_s: Duration of refining one of the networks [s]; 0 if they are not refined.
    """

    recipe: Recipe
    n_trainings: int
    stages_s: tuple[float, ...]
    judging_s: float
    seconds: float
    refining_s: float

    @property
    def total_s(self) -> float:
        """Duration of all trainings and refinements [s]."""
        return self.seconds + self.n_trainings * self.refining_s


def estimate_native(
    task: Task, dataset: Dataset, *, n_workers: int, search_s: float, tell: Callable[[str], None] | None = None
) -> NativeEstimate:
    """Measures a smaller and a larger design of the first batch for about twenty seconds, and extrapolates.

    Args:
        task: Search task.
        dataset: Data set of the run.
        n_workers: Number of concurrent trainings.
        search_s: Expected duration of the search, which a budget of hours includes [s].
        tell: Called with a description of each measurement.
    """
    native, recipe = task.config.native, load_recipe(task.config.native.recipe)
    genomes = first_batch(task)
    order = np.argsort(macs(task.space, genomes))
    pair = genomes[[order[round(q * (len(order) - 1))] for q in (_SMALL, _LARGE)]]
    times, _ = times_by_size(task, dataset, pair, recipe, tell)
    n_trainings = native.designs + native.rivals
    places, lanes = np.full(n_trainings, 0.5), at_a_time(task.config, recipe, n_workers)
    refining_s = refinement_s(
        task, dataset, recipe, [*zip(task.space.decode(pair), times, strict=True)], n_workers=n_workers
    )
    if native.hours is not None:
        left_s = 3600 * native.hours - search_s - n_trainings * refining_s
        recipe, times = within(times, places, recipe, dataset, native.hours, seconds=left_s, n_workers=lanes)
    low, high = times
    stages_s = tuple(
        (a + b + c + d) / 2
        for a, b, c, d in zip(low.training_s, high.training_s, low.measuring_s, high.measuring_s, strict=True)
    )
    return NativeEstimate(
        recipe=recipe,
        n_trainings=n_trainings,
        stages_s=stages_s,
        judging_s=(low.judging_s + high.judging_s) / 2,
        seconds=makespan(seconds_each(times, places), lanes),
        refining_s=refining_s,
    )
