"""Selection and survival of NSGA-II on arrays: pymoo's tournaments and non-dominated sorting, and crowding."""

import numpy as np
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.operators.survival.rank_and_crowding.metrics import get_crowding_function
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from xpert_evo.objectives import FloatArray
from xpert_evo.search.crowding import pruned_crowding
from xpert_evo.search.pareto import finite_table
from xpert_evo.search.state import SearchState
from xpert_evo.space import IntArray

INFEASIBLE_RANK = 1_000_000
"""Rank of designs that break a limit: after every front."""


def survive(objectives: FloatArray, violations: FloatArray, n_survive: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Returns the survivors' positions, ranks and crowding, (survivors,) each, feasible designs first.

    Feasible designs survive by rank, and those of the last front that fits in part by crowding, pruned one by one
    (Kukkonen and Deb, CEC 2006); remaining places go to the infeasible designs that break the limits least.

    Args:
        objectives: Minimised objectives, (designs, objectives).
        violations: Violations of the limits, (designs, constraints).
        n_survive: Largest number of designs to keep.

    Raises:
        ValueError: If a table has the wrong shape or contains NaN or infinity, for which the compiled sorting would
            return meaningless ranks.
    """
    objectives, violations = finite_table(objectives, "objectives"), finite_table(violations, "violations")
    broken = np.maximum(violations, 0).sum(axis=1)
    feasible = np.flatnonzero(broken == 0)
    kept: list[IntArray] = []
    ranks: list[IntArray] = []
    crowdings: list[FloatArray] = []
    room = n_survive
    for rank, front in enumerate(_SORTING.do(objectives[feasible], n_stop_if_ranked=n_survive)):
        members = feasible[front]
        crowding = _CROWDING.do(objectives[members], n_remove=max(0, len(members) - room))
        lonely = np.argsort(-crowding, kind="stable")[:room] if len(members) > room else np.arange(len(members))
        kept.append(members[lonely])
        ranks.append(np.full(len(lonely), rank))
        crowdings.append(crowding[lonely])
        room -= len(lonely)
    infeasible = np.flatnonzero(broken > 0)
    least_broken = infeasible[np.argsort(broken[infeasible], kind="stable")][:room]
    return (
        np.concatenate([*kept, least_broken]),
        np.concatenate([*ranks, np.full(len(least_broken), INFEASIBLE_RANK)]),
        np.concatenate([*crowdings, -broken[least_broken]]),
    )


def select_parents(state: SearchState, n: int, neighbours: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Returns positions of n parents, by binary tournaments, and of a mate for each among its neighbours in the front.

    Neighbours are adjacent when the population is sorted by its first objective.
    """
    size = len(state.rank)
    order = np.lexsort((-state.crowding, state.rank))
    place = _places(order)
    parents = _TOURNAMENT.do(None, place, n_select=n, n_parents=1, to_pop=False, random_state=rng)[:, 0]
    along = np.argsort(state.objectives[:, 0], kind="stable")
    offset = rng.integers(1, neighbours // 2 + 2, size=n) * np.where(rng.random(n) < 0.5, 1, -1)
    beside = _places(along)[parents] + offset
    beside = np.where((beside < 0) | (beside >= size), beside - 2 * offset, beside)
    return parents, along[np.clip(beside, 0, size - 1)]


def _places(order: IntArray) -> IntArray:
    """Returns the place of each position in an order: the inverse permutation."""
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return places


def _first_in_order(place: IntArray, pairs: IntArray, **_: object) -> IntArray:
    """Returns, of each pair of positions, the one with the smaller place in the order, (pairs, 1)."""
    winner = np.argmin(place[pairs], axis=1)
    return np.asarray(pairs[np.arange(len(pairs)), winner][:, None])


_SORTING = NonDominatedSorting()
_CROWDING = get_crowding_function(pruned_crowding)
_TOURNAMENT = TournamentSelection(func_comp=_first_in_order)
