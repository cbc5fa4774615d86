"""Candidates for training: designs that are good under some of the functions that could be the truth.

A search on mean predictions finds the designs that are best if the mean is right. Which designs are worth a training
also depends on where the mean may be wrong, so the pool evolves under all functions drawn from the surrogate at once:
each keeps its own front, and their members are varied further (Thompson sampling with many objectives, as in E.
Bradford, A. Schweidtmann, A. Lapkin, "Efficient multiobjective optimization employing Gaussian processes, spectral
sampling and a genetic algorithm", Journal of Global Optimization 71, 2018).
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from xpert_evo.objectives import FloatArray
from xpert_evo.search.pareto import non_dominated
from xpert_evo.search.variation import Variation, VariationSettings
from xpert_evo.space import Genomes, IntArray, SearchSpace

Drawn: TypeAlias = Callable[[Genomes], tuple[FloatArray, NDArray[np.bool_]]]
"""Minimised objectives of genomes under each function, (draws, designs, objectives), and which keep the limits."""

N_GENERATIONS = 12
"""Default number of generations; more of them add little."""


def evolved_pool(
    space: SearchSpace,
    start: Genomes,
    drawn: Drawn,
    rng: np.random.Generator,
    *,
    own: Callable[[Genomes], Genomes],
    whole: Callable[[Genomes], Genomes],
    n_generations: int = N_GENERATIONS,
    n_children: int = 300,
) -> Genomes:
    """Returns candidates, (designs, genes), distinct: every function's front, and the designs it began with.

    Args:
        space: Space whose genes vary.
        start: Good designs to begin with, (designs, genes), complete.
        drawn: Objectives under the drawn functions.
        rng: Random generator.
        own: Converts complete genomes to `space`.
        whole: Converts genomes of `space` to complete ones.
        n_generations: Number of generations.
        n_children: Designs tried in a generation.
    """
    variation = Variation(space, VariationSettings(crossover_rate=0.6))
    pool = _distinct(start)
    objectives, feasible = drawn(pool)
    if not variation.is_free:
        return pool
    for _ in range(n_generations):
        members = _fronts(objectives, feasible)
        parents = rng.choice(members, n_children)
        mates = _mates(objectives, members, parents, rng)
        children = whole(variation.children(own(pool[parents]), own(pool[mates]), rng))
        children = _new(_distinct(children), pool)
        if not len(children):
            continue
        more, allowed = drawn(children)
        pool, feasible = np.concatenate([pool, children]), np.concatenate([feasible, allowed])
        objectives = np.concatenate([objectives, more], axis=1)
        kept = np.unique(_fronts(objectives, feasible))
        pool, objectives, feasible = pool[kept], objectives[:, kept], feasible[kept]
    return _distinct(np.concatenate([pool, start]))


def _fronts(objectives: FloatArray, feasible: NDArray[np.bool_]) -> IntArray:
    """Positions of the members of all functions' fronts; a member of several counts as often."""
    allowed = np.flatnonzero(feasible) if feasible.any() else np.arange(len(feasible))
    found: IntArray = np.concatenate([allowed[non_dominated(table[allowed])] for table in objectives])
    return found


def _mates(objectives: FloatArray, members: IntArray, parents: IntArray, rng: np.random.Generator) -> IntArray:
    """A mate for each parent among the members that are near it along the fronts."""
    along = np.unique(members)
    along = along[np.argsort(objectives[0, along, -1], kind="stable")]
    place = np.empty(objectives.shape[1], dtype=np.int64)
    place[along] = np.arange(len(along))
    reach = max(1, len(along) // 10)
    offset = rng.integers(-reach, reach + 1, size=len(parents))
    return np.asarray(along[np.clip(place[parents] + offset, 0, len(along) - 1)], dtype=np.int64)


def _new(genomes: Genomes, known: Genomes) -> Genomes:
    seen = {row.tobytes() for row in known}
    return np.asarray(genomes[[i for i, row in enumerate(genomes) if row.tobytes() not in seen]])


def _distinct(genomes: Genomes) -> Genomes:
    _, first = np.unique(genomes, axis=0, return_index=True)
    return np.ascontiguousarray(genomes[np.sort(first)])
