"""Optional baselines: other methods with the same surrogate and number of evaluations as a round's search.

They are scored, not trained: their curves show how well the search optimises the surrogate. To compare measured
accuracies instead, use a whole run with a random `search.mode`, which trains its designs.
"""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from xpert_evo.config import Baseline
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.knowledge import note_once
from xpert_evo.orchestration.layer_grid import layer_grid
from xpert_evo.orchestration.randomness import Purpose, spawned
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.surrogates import Surrogates
from xpert_evo.orchestration.task import Task
from xpert_evo.progress import Message
from xpert_evo.search import hypervolume, non_dominated
from xpert_evo.search.baselines import BASELINES, GradientSettings, gradient_designs
from xpert_evo.space import Genomes
from xpert_evo.store import Topic

N_MARKS = 24
"""Number of points of a curve."""

_BLOCK = 5000
_LATENCY_UNITS, _AREA_UNITS = 100.0, 1e4


def topic_of(baseline: Baseline) -> Topic:
    """Returns the topic of the notes that store a baseline's curves, one per round."""
    return Topic(f"baseline {baseline}")


def check_baselines(task: Task) -> None:
    """Raises ConfigError if a requested baseline does not support the task's network."""
    if any(baseline not in BASELINES for baseline in task.config.search.baselines):
        layer_grid(task)


def score_baselines(run: RunContext, round_: int, surrogates: Surrogates, n_evaluations: int) -> None:
    """Scores the requested baselines once with a round's surrogate, and notes their curves."""
    for number, baseline in enumerate(run.task.config.search.baselines):
        if run.store.note(topic_of(baseline), str(round_)) is not None:
            continue
        rng = np.random.default_rng(spawned(run.task.config.seed, Purpose.BASELINE, round_, number))
        genomes = baseline_designs(run.task, baseline, n_evaluations, rng)
        curve = scored(run.task, genomes, surrogates, n_evaluations)
        note_once(run, topic_of(baseline), str(round_), curve)
        volume = curve["hypervolume"][-1]
        text = f"baseline {baseline}, round {round_}: predicted hypervolume {volume:.4f} of {len(genomes)} designs"
        run.listener.tell(Message(text=text))


def baseline_designs(task: Task, baseline: Baseline, n_designs: int, rng: np.random.Generator) -> Genomes:
    """Returns at most `n_designs` in the order a method evaluates them, (designs, genes); raises ConfigError."""
    if baseline in BASELINES:
        return BASELINES[baseline](task.space, n_designs, rng)
    grid = layer_grid(task)
    # The release does not specify units. Here the loss's 0.01 latency becomes the latency relative to the baseline's,
    # and its 1e-7 (area - target)^2 becomes ten times the squared relative distance from the target.
    latency = float(task.costs(task.baseline)["latency"][0])
    target = task.constraints.area_limit_mm2 or float(task.costs(task.baseline)["area"][0])
    steps = gradient_designs(
        grid.latency_us * (_LATENCY_UNITS / latency),
        grid.area_mm2 * (_AREA_UNITS / target),
        area_target=_AREA_UNITS,
        settings=GradientSettings(corrected=baseline is Baseline.GRADIENT_CORRECTED, n_steps=n_designs),
        rng=rng,
    )
    depth, setting = (np.array(column) for column in zip(*islice(steps, n_designs), strict=True))
    return grid.genomes(depth, setting)


def scored(task: Task, genomes: Genomes, surrogates: Surrogates, n_evaluations: int) -> dict[str, Sequence[float]]:
    """Returns the predicted hypervolume of feasible designs after increasing numbers of evaluations.

    It stays constant for a method that runs out of designs.
    """
    marks = np.unique(np.geomspace(min(50, n_evaluations), n_evaluations, N_MARKS).astype(np.int64))
    rows, feasible = [], []
    for start in range(0, len(genomes), _BLOCK):
        values = surrogates.values(genomes[start : start + _BLOCK])
        rows.append(task.objectives.minimised(values))
        feasible.append((task.constraints.violations(values) <= 0).all(axis=1))
    objectives, within = np.concatenate(rows), np.concatenate(feasible)
    volumes: list[float] = []
    front, begin = objectives[:0], 0
    for mark in marks:
        block = slice(begin, int(mark))
        front = _best(np.concatenate([front, objectives[block][within[block]]]))
        volumes.append(hypervolume(front, task.reference_point) if len(front) else 0.0)
        begin = int(mark)
    return {"evaluations": marks.tolist(), "hypervolume": volumes}


def _best(objectives: FloatArray) -> FloatArray:
    distinct = np.unique(objectives, axis=0)
    return distinct[non_dominated(distinct)] if len(distinct) else distinct
