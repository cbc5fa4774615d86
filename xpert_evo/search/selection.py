"""Selection and survival of NSGA-II, on arrays: pymoo's tournaments, non-dominated sorting and crowding."""

import numpy as np
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

from xpert_evo.objectives import FloatArray
from xpert_evo.search.state import SearchState
from xpert_evo.space import IntArray

INFEASIBLE_RANK = 1_000_000
"""Rank of designs that break a limit: behind every front."""


def survive(
    objectives: FloatArray, violations: FloatArray, n_survive: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray, FloatArray]:
    """Who survives: positions, ranks and crowding, (survivors,) each, feasible designs first.

    Feasible designs survive by rank, then by crowding, pruned one by one (Kukkonen and Deb, CEC 2006); what room is
    left goes to the infeasible ones that break the limits least.

    Args:
        objectives: Minimised, (designs, objectives).
        violations: (designs, constraints).
        n_survive: Most designs to keep.
        rng: Breaks ties.
    """
    broken = np.maximum(violations, 0).sum(axis=1)
    feasible, infeasible = np.flatnonzero(broken == 0), np.flatnonzero(broken > 0)
    kept, rank, crowding = feasible[:0], feasible[:0], objectives[:0, 0]
    if len(feasible):
        population = Population.new("F", objectives[feasible], "position", feasible)
        survivors = _SURVIVAL.do(_UNCONSTRAINED, population, n_survive=n_survive, random_state=rng)
        kept, rank, crowding = survivors.get("position", "rank", "crowding")
    worst = infeasible[np.argsort(broken[infeasible], kind="stable")][: n_survive - len(kept)]
    return (
        np.concatenate([kept, worst]).astype(np.int64),
        np.concatenate([rank, np.full(len(worst), INFEASIBLE_RANK)]).astype(np.int64),
        np.concatenate([crowding, -broken[worst]]).astype(np.float64),
    )


def select_parents(state: SearchState, n: int, neighbours: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Positions of n parents, by binary tournaments, and of a mate for each among its nearest in objectives."""
    order = np.lexsort((-state.crowding, state.rank))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    parents = _TOURNAMENT.do(None, place, n_select=n, n_parents=1, to_pop=False, random_state=rng)[:, 0]
    scale = np.ptp(state.objectives, axis=0)
    scaled = state.objectives / np.where(scale > 0, scale, 1)
    distance = ((scaled[parents, None] - scaled[None]) ** 2).sum(axis=2)
    distance[np.arange(n), parents] = np.inf
    nearest = np.argsort(distance, axis=1, kind="stable")[:, : min(neighbours, max(1, len(order) - 1))]
    return parents, nearest[np.arange(n), rng.integers(nearest.shape[1], size=n)]


def _first_in_order(place: IntArray, pairs: IntArray, **_: object) -> IntArray:
    """Of each pair of positions the one whose place in the order is smaller, (pairs, 1)."""
    winner = np.argmin(place[pairs], axis=1)
    return np.asarray(pairs[np.arange(len(pairs)), winner][:, None])


_SURVIVAL = RankAndCrowding(crowding_func="pcd")
_TOURNAMENT = TournamentSelection(func_comp=_first_in_order)
_UNCONSTRAINED = Problem(n_var=1, n_obj=2)
