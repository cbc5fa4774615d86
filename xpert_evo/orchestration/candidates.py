"""Candidates for training: designs of a search, and those that may be better still where predictions are in doubt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xpert_evo.config.method import SearchConfig
from xpert_evo.objectives import OBJECTIVES, FloatArray, Objectives
from xpert_evo.orchestration.completing import Completion
from xpert_evo.orchestration.goals import Goal
from xpert_evo.orchestration.randomness import Purpose, spawned
from xpert_evo.orchestration.surrogates import Surrogates
from xpert_evo.orchestration.task import Task
from xpert_evo.search import SearchState
from xpert_evo.search.pool import N_GENERATIONS, evolved_pool
from xpert_evo.space import Genomes

N_DRAWS = 32
"""Number of functions that could be the truth, over which gains are averaged."""


CHILDREN_RATIO = 3
"""Designs tried in a generation of the candidates, relative to those of a search."""


def pool_generations(search: SearchConfig) -> int:
    """Returns the number of generations by which candidates evolve: a quarter of a search's, at most twelve."""
    return max(1, min(N_GENERATIONS, search.generations // 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnTruths:
    """Functions drawn from the surrogates of a round; each tells the accuracies of all designs.

    Attributes:
        task: Task that computes the designs' costs.
        functions: Drawn functions of each measured objective, genomes to fractions (draws, designs).
    """

    task: Task
    functions: Mapping[str, Callable[[Genomes], FloatArray]]

    @classmethod
    def of(cls, surrogates: Surrogates, round_: int) -> "DrawnTruths":
        """Draws the functions of a round, or of a fit in a steady state."""
        rng = np.random.default_rng(spawned(surrogates.task.config.seed, Purpose.INFILL, round_, 2))
        return cls(
            task=surrogates.task,
            functions={name: one.draws(N_DRAWS, rng) for name, one in surrogates.fitted.items()},
        )

    def minimised(self, genomes: Genomes, objectives: Objectives) -> FloatArray:
        """Minimised objectives under each function, (draws, designs, objectives)."""
        costs = self.task.costs(genomes)
        columns = [
            OBJECTIVES[name].minimised(self.functions[name](genomes) if name in self.functions else costs[name])
            for name in objectives.names
        ]
        return np.stack([np.broadcast_to(column, (N_DRAWS, len(genomes))) for column in columns], axis=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A search of a round and the candidates that it leads to.

    Attributes:
        goal: Goal of the search.
        state: Its last state.
        candidates: Designs of the whole space to choose from, (designs, genes).
    """

    goal: Goal
    state: SearchState
    candidates: Genomes


def searched(round_: int, goal: Goal, state: SearchState, surrogates: Surrogates, truths: DrawnTruths) -> Searched:
    """Returns a search with its candidates: its population, evolved further under every drawn function.

    If no member of the population satisfies the limits, those on accuracies are left out, because predictions may be
    too low; those on the chip, whose costs are exact, are kept wherever some design keeps them.
    """
    completion = Completion(goal)
    limits = goal.constraints if state.feasible.any() else goal.constraints.on_chip

    def within(genomes: Genomes) -> NDArray[np.bool_]:
        return np.asarray((limits.violations(surrogates.values(genomes)) <= 0).all(axis=1))

    def drawn(genomes: Genomes) -> tuple[FloatArray, NDArray[np.bool_]]:
        return truths.minimised(genomes, goal.traded), within(genomes)

    begun = state.feasible if state.feasible.any() else within(state.genomes)
    population = state.genomes[begun] if begun.any() else state.genomes
    candidates = evolved_pool(
        completion.space,
        population,
        drawn,
        np.random.default_rng(spawned(goal.task.config.seed, Purpose.INFILL, round_, goal.number, 3)),
        own=completion.own,
        whole=completion.whole,
        n_generations=pool_generations(goal.task.config.search),
        n_children=CHILDREN_RATIO * goal.task.config.search.offspring_size,
    )
    kept = within(candidates)
    return Searched(goal=goal, state=state, candidates=candidates[kept] if kept.any() else candidates)
