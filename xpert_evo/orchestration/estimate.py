"""Estimates the duration of a run from about ten seconds of measurements: trainings of two designs, and one search.

The real training code is timed on few images (`step_times`) and extrapolated to those of the protocol. Between and
beyond the two designs, time is assumed to be linear in multiply-accumulates.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.surrogate.features import macs
from xpert_evo.accuracy.surrogate.fit import LEAST_LABELS, fit_surrogate
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.config import RunConfig, SearchMode
from xpert_evo.design import Design
from xpert_evo.executors.base import usable_cores
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.candidates import pool_generations
from xpert_evo.orchestration.chips import Chips
from xpert_evo.orchestration.choosing import first_batch, first_share
from xpert_evo.orchestration.completing import Completion
from xpert_evo.orchestration.effort import makespan
from xpert_evo.orchestration.finalists import most_finalists
from xpert_evo.orchestration.goals import joint_goals
from xpert_evo.orchestration.step_times import Costs, measured_costs
from xpert_evo.orchestration.task import Task
from xpert_evo.search import Nsga2, SearchSettings
from xpert_evo.space import Genomes

BUDGET_S = 10.0
"""Approximate time for measurements [s]; a few steps of large networks may take longer."""

_SMALL, _LARGE = 0.25, 0.9  # quantiles of multiply-accumulates of the measured designs
_N_GENERATIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Expected duration of a run.

    Attributes:
        seconds: Duration of the whole run [s].
        n_workers: Assumed number of concurrent trainings.
        training_s: Duration of an average training in the search [s].
        finalist_s: Duration of an average finalist training, including judging on test data [s].
        search_s: Total duration of searches and surrogates [s].
        measured_s: Time taken by the measurements [s].
    """

    seconds: float
    n_workers: int
    training_s: float
    finalist_s: float
    search_s: float
    measured_s: float


def planned_workers(config: RunConfig) -> int:
    """Returns the number of concurrent trainings in the settings; 1 if a scheduler decides."""
    settings = config.executor
    if not settings.kind.record.has_workers or settings.dask_scheduler is not None:
        return 1
    return settings.workers or settings.gpus or usable_cores()


def estimate(
    task: Task, dataset: Dataset, budget_s: float | None = None, tell: Callable[[str], None] | None = None
) -> Estimate:
    """Measures for about `budget_s` seconds (default: `BUDGET_S`) and extrapolates to the whole run.

    Args:
        task: Search task.
        dataset: Data set of the run.
        budget_s: Time for measurements [s]; shorter times are less accurate.
        tell: Called with a description of each measurement.
    """
    started = time.perf_counter()
    training, n_workers = task.config.training, planned_workers(task.config)
    genomes = first_batch(task)
    sizes = np.asarray(macs(task.space, genomes), dtype=np.float64)
    order = np.argsort(sizes)
    measured = [int(order[round(q * (len(order) - 1))]) for q in (_SMALL, _LARGE)]
    protocols = [task.protocol(training.protocol), task.protocol(training.finalist_protocol)]
    distinct = protocols[:1] if _alike(*protocols) else protocols
    share_s = (BUDGET_S if budget_s is None else budget_s) / (len(measured) * len(distinct))
    designs = [task.space.decode(genomes[i : i + 1])[0] for i in measured]
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as workers do
    try:
        with threadpool_limits(1):
            costs = [
                [_measured(design, protocol, task, dataset, budget_s=share_s, tell=tell) for design in designs]
                for protocol in distinct
            ]
            first, others = costs[0], costs[-1]
            if tell is not None:
                tell("a surrogate and a few generations of the search")
            fit_s, generation_s = _measured_search(task, genomes)
    finally:
        torch.set_num_threads(before)
    n_validation = [min(p.n_validation or len(dataset.validation), len(dataset.validation)) for p in protocols]
    n_test = min(training.judge_images or len(dataset.test), len(dataset.test))
    chips = Chips.of(task.config)
    labelled = [(n + chips.norm_images,) * max(1, chips.label_chips) for n in n_validation]
    seconds_of_search = [cost.seconds(protocols[0], len(dataset.train), labelled[0]) for cost in first]
    judged = (*labelled[1], n_test, *(n_test + chips.norm_images,) * chips.judge_chips)
    finalist_ends = [cost.seconds(protocols[1], len(dataset.train), judged) for cost in others]
    each = _between(sizes, sizes[measured], seconds_of_search)
    finalist_s = float(_between(sizes, sizes[measured], finalist_ends).mean())
    training_s = float(each.mean())
    search_s = search_seconds(task.config, fit_s, generation_s)
    seconds = makespan(list(each), n_workers) + search_s
    seconds += makespan([training_s] * second_share(task.config), n_workers)
    seconds += training.rounds * makespan([training_s] * training.designs_per_round, n_workers)
    seconds += makespan([finalist_s] * most_finalists(task.config), n_workers)
    return Estimate(
        seconds=seconds,
        n_workers=n_workers,
        training_s=training_s,
        finalist_s=finalist_s,
        search_s=search_s,
        measured_s=time.perf_counter() - started,
    )


def _measured(
    design: Design,
    protocol: TrainingProtocol,
    task: Task,
    dataset: Dataset,
    *,
    budget_s: float,
    tell: Callable[[str], None] | None,
) -> Costs:
    def named(what: str) -> None:
        if tell is not None:
            tell(f"{what} (design {design.digest[:8]}, protocol {protocol.name})")

    chips = Chips.of(task.config)
    return measured_costs(
        design,
        task.backbone,
        task.hardware.crossbar,
        dataset,
        protocol,
        budget_s=budget_s,
        devices=chips.devices if chips.label_chips else None,
        tell=named,
    )


def _alike(first: TrainingProtocol, second: TrainingProtocol) -> bool:
    """Whether two protocols have the same time per step."""
    free = {"name": "", "epochs": 1, "n_train": None, "n_validation": None, "n_recalibration": 1}
    return first.model_copy(update=free) == second.model_copy(update=free)


def _between(sizes: FloatArray, known: FloatArray, seconds: list[float]) -> FloatArray:
    """Returns durations by linear interpolation between the two known ones, never below the smaller one [s]."""
    width = float(known[1] - known[0])
    slope = max(0.0, (seconds[1] - seconds[0]) / width) if width > 0 else 0.0
    return np.asarray(np.maximum(seconds[0] + slope * (sizes - known[0]), min(seconds)))


def second_share(config: RunConfig) -> int:
    """Returns the number of designs that the second of two phases starts with; 0 in other modes."""
    n = config.training.first_designs
    return n - first_share(n) if config.search.mode is SearchMode.TWO_PHASE else 0


_POOL_RATIO = 2
"""Generations of a search that take as long as one of its candidates, with the choice of designs (on VGG16)."""


def search_seconds(config: RunConfig, fit_s: float, generation_s: float) -> float:
    """Returns the total duration of surrogates and generations; each round has one search per area limit [s].

    Args:
        config: Settings of the run.
        fit_s: Duration of fitting one surrogate [s].
        generation_s: Duration of one generation [s].
    """
    if config.search.mode in {SearchMode.RANDOM, SearchMode.RANDOM_HOMOGENEOUS}:
        return fit_s  # for the predictions of the finalists
    n_searches = config.training.rounds * len(config.hardware.area_limits_mm2)
    n_generations = config.search.generations + _POOL_RATIO * pool_generations(config.search)
    return (config.training.rounds + 1) * fit_s + n_searches * n_generations * generation_s


def _measured_search(task: Task, genomes: Genomes) -> tuple[float, float]:
    """Measures the time of fitting a surrogate to synthetic labels, and of a generation (mean of a few) [s]."""
    config = task.config
    if len(genomes) < LEAST_LABELS:
        return 0.0, 0.0
    begun = time.perf_counter()
    labels = np.random.default_rng(0).uniform(0.2, 0.9, len(genomes))
    surrogate = fit_surrogate(
        task.space,
        genomes,
        labels,
        crossbar=task.hardware.crossbar,
        losses=task.losses,
        seed=0,
        kind=config.search.surrogate,
    )
    fit_s = time.perf_counter() - begun
    settings = SearchSettings(
        population_size=config.search.population_size, offspring_size=config.search.offspring_size
    )
    completion = Completion(joint_goals(task)[-1])
    search = Nsga2(completion.space, settings, seed=0, initial=completion.own(genomes))
    begun = time.perf_counter()
    for _ in range(_N_GENERATIONS):
        asked = completion.whole(search.ask())
        if not len(asked):
            break  # all designs of a small space are known
        accuracy = surrogate.predict(asked)[0]
        values = task.values(asked, {"accuracy": accuracy, "robustness": accuracy})  # it takes as long
        search.tell(task.objectives.minimised(values), task.constraints.violations(values))
    return fit_s, (time.perf_counter() - begun) / _N_GENERATIONS
