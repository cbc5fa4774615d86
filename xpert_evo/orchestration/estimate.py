"""How long a run will take, from some ten seconds of measuring: trainings of two of its designs, and one search.

The real training code works on few images, so that steps are timed and not imports; what it takes is carried to the
protocol's images. Between the two designs, and beyond them, time grows linearly with multiply-accumulates.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from xpert_evo.accuracy.datasets import Dataset
from xpert_evo.accuracy.features import macs
from xpert_evo.accuracy.judge import judge
from xpert_evo.accuracy.protocols import TrainingProtocol, load_protocol
from xpert_evo.accuracy.surrogate import LEAST_LABELS, fit_surrogate
from xpert_evo.accuracy.training import TrainedDesign, train_design
from xpert_evo.config import ExecutorKind, RunConfig, SearchMode
from xpert_evo.design import Design
from xpert_evo.executors.base import usable_cores
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.choosing import first_batch, first_share, most_finalists
from xpert_evo.orchestration.effort import images_trained, makespan
from xpert_evo.orchestration.task import Task
from xpert_evo.search import Nsga2, SearchSettings
from xpert_evo.space import Genomes

BUDGET_S = 10.0
"""Seconds that measuring may take, more or less: a single step of a large network may take longer."""

_SMALL, _LARGE = 0.25, 0.9  # which of the first designs are measured: quantiles of their multiply-accumulates
_N_JUDGED = 32
_NATIVE_SHARE = 8  # designs at native width are measured on so many times fewer images
_FORWARD_RATIO = 1 / 3  # of a training step's time, the pass forward alone
_N_GENERATIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Seconds of the parts of a training: an image of a step, an epoch as such, an image judged, judging as such."""

    image_s: float
    epoch_s: float
    judged_s: float
    judging_s: float

    def seconds(self, protocol: TrainingProtocol, n_train: int, n_judged: tuple[int, ...]) -> float:
        """Of a whole training.

        Args:
            protocol: How it is trained.
            n_train: Training images of the data set.
            n_judged: Images of each judgement by the exact emulation, the validation's first.
        """
        trained = images_trained(protocol, n_train) * self.image_s + protocol.epochs * self.epoch_s
        ratio = 1.0 if protocol.exact else _FORWARD_RATIO
        forward = (min(protocol.n_recalibration, n_train) + n_judged[0]) * self.image_s * ratio
        return trained + forward + sum(self.judging_s + n * self.judged_s for n in n_judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run is expected to take.

    Attributes:
        seconds: Of the whole run.
        n_workers: Trainings at a time that it counts on.
        training_s: Of an average training of the search.
        finalist_s: Of an average finalist, its judging on test data included.
        search_s: Of all searches and surrogates together.
        measured_s: That measuring took.
    """

    seconds: float
    n_workers: int
    training_s: float
    finalist_s: float
    search_s: float
    measured_s: float


def planned_workers(config: RunConfig) -> int:
    """Trainings at a time that the settings ask for; 1 where a scheduler decides."""
    settings = config.executor
    if settings.kind is ExecutorKind.SERIAL or settings.dask_scheduler is not None:
        return 1
    return settings.workers or settings.gpus or usable_cores()


def estimate(
    task: Task, dataset: Dataset, budget_s: float | None = None, tell: Callable[[str], None] = lambda _: None
) -> Estimate:
    """Measures for about `budget_s` seconds (`BUDGET_S` by default) and carries it to the whole run.

    Args:
        task: What is searched.
        dataset: Its images.
        budget_s: Fewer seconds make it less certain.
        tell: Is told what is measured next, since a step of a large network may take minutes.
    """
    started = time.perf_counter()
    training, n_workers = task.config.training, planned_workers(task.config)
    genomes = first_batch(task)
    sizes = np.asarray(macs(task.space, genomes), dtype=np.float64)
    order = np.argsort(sizes)
    measured = [int(order[round(q * (len(order) - 1))]) for q in (_SMALL, _LARGE)]
    protocols = [load_protocol(training.protocol), load_protocol(training.finalist_protocol)]
    n_runs = len(measured) * (1 if _alike(*protocols) else 2)
    share_s = (BUDGET_S if budget_s is None else budget_s) / n_runs
    designs = [task.space.decode(genomes[i : i + 1])[0] for i in measured]
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as workers do
    try:
        with threadpool_limits(1):
            found = []
            for protocol in protocols[: n_runs // len(measured)]:
                costs = []
                for i, design in enumerate(designs, 1):
                    tell(f"design {i} of {len(designs)} with protocol {protocol.name}")
                    costs.append(_measured(design, task, dataset, protocol, share_s))
                found.append(costs)
            first, others = found[0], found[-1]
            tell("a surrogate and some generations")
            fit_s, generation_s = _measured_search(task, genomes)
    finally:
        torch.set_num_threads(before)
    n_validation = [min(p.n_validation or len(dataset.validation), len(dataset.validation)) for p in protocols]
    n_test = min(training.judge_images or len(dataset.test), len(dataset.test))
    seconds_of_search = [cost.seconds(protocols[0], len(dataset.train), (n_validation[0],)) for cost in first]
    judged = (n_validation[1], n_test)
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


def _alike(first: TrainingProtocol, second: TrainingProtocol) -> bool:
    """Whether two protocols differ in nothing that changes the time of a step."""
    free = {"name": "", "epochs": 1, "n_train": None, "n_validation": None, "n_recalibration": 1}
    return first.model_copy(update=free) == second.model_copy(update=free)


def _measured(design: Design, task: Task, dataset: Dataset, protocol: TrainingProtocol, share_s: float) -> Costs:
    """Times one design: few steps, then as many as `share_s` allows; a judgement of few images, then of more."""
    share = 1 if protocol.width_divisor > 1 else _NATIVE_SHARE
    batch_size, n_judged = max(1, protocol.batch_size // share), _N_JUDGED // share

    def epoch(n_steps: int) -> tuple[float, TrainedDesign]:
        small = {
            "epochs": 1,
            "early_sizes": (),
            "n_train": n_steps * batch_size,
            "batch_size": batch_size,
            "n_validation": 1,
            "n_recalibration": batch_size,
        }
        trained = train_design(
            design,
            task.backbone,
            dataset,
            protocol.model_copy(update=small),
            crossbar=task.hardware.crossbar,
            seed=0,
        )
        return trained.history[-1].seconds, trained

    epoch(1)  # memory and kernels are made ready
    short_s, _ = epoch(1)
    most = max(2, (protocol.n_train or len(dataset.train)) // batch_size)
    n_steps = int(np.clip(0.5 * share_s / short_s, 2, most))
    long_s, trained = epoch(n_steps)
    step_s = max(0.0, long_s - short_s) / (n_steps - 1) or long_s / n_steps
    judgements = []
    for n in (n_judged, 4 * n_judged):
        begun = time.perf_counter()
        judge(trained, dataset, split="validation", exact=True, max_images=n)
        judgements.append(time.perf_counter() - begun)
    judged_s = max(0.0, judgements[1] - judgements[0]) / (3 * n_judged)
    return Costs(
        image_s=step_s / batch_size,
        epoch_s=max(0.0, short_s - step_s),
        judged_s=judged_s,
        judging_s=max(0.0, judgements[0] - n_judged * judged_s),
    )


def _between(sizes: FloatArray, known: FloatArray, seconds: list[float]) -> FloatArray:
    """Seconds of designs of all sizes, by the line through the two known ones, never below the smaller one."""
    width = float(known[1] - known[0])
    slope = max(0.0, (seconds[1] - seconds[0]) / width) if width > 0 else 0.0
    return np.asarray(np.maximum(seconds[0] + slope * (sizes - known[0]), min(seconds)))


def second_share(config: RunConfig) -> int:
    """How many designs the second of two phases begins with; 0 in the other modes."""
    n = config.training.first_designs
    return n - first_share(n) if config.search.mode is SearchMode.TWO_PHASE else 0


def search_seconds(config: RunConfig, fit_s: float, generation_s: float) -> float:
    """Seconds of all surrogates and generations of a run: each round has a search for each limit on area.

    Args:
        config: Settings.
        fit_s: Of one surrogate.
        generation_s: Of one generation.
    """
    if config.search.mode in {SearchMode.RANDOM, SearchMode.RANDOM_HOMOGENEOUS}:
        return fit_s  # what is expected of the finalists
    n_searches = config.training.rounds * len(config.hardware.area_limits_mm2)
    return (config.training.rounds + 1) * fit_s + n_searches * config.search.generations * generation_s


def _measured_search(task: Task, genomes: Genomes) -> tuple[float, float]:
    """Seconds of a surrogate of made-up labels, and of a generation, from a few."""
    config = task.config
    if len(genomes) < LEAST_LABELS:
        return 0.0, 0.0
    begun = time.perf_counter()
    labels = np.random.default_rng(0).uniform(0.2, 0.9, len(genomes))
    surrogate = fit_surrogate(
        task.space, genomes, labels, crossbar=task.hardware.crossbar, seed=0, kind=config.search.surrogate
    )
    fit_s = time.perf_counter() - begun
    settings = SearchSettings(
        population_size=config.search.population_size, offspring_size=config.search.offspring_size
    )
    search = Nsga2(task.space, settings, seed=0, initial=genomes)
    begun = time.perf_counter()
    for _ in range(_N_GENERATIONS):
        asked = search.ask()
        if not len(asked):
            break  # a small space is known
        accuracy = surrogate.predict(asked)[0]
        values = task.values(asked, {"accuracy": accuracy, "robustness": accuracy})  # it takes as long
        search.tell(task.objectives.minimised(values), task.constraints.violations(values))
    return fit_s, (time.perf_counter() - begun) / _N_GENERATIONS
