"""Crowding by pruning: a design's distance to its neighbours on the front, with the most crowded removed one by one.

pymoo's compiled version has no bounds check and reads past its arrays if several designs share the largest value of an
objective, which happens with three or more objectives. This version is bit-identical on fronts with two objectives.
"""

import numpy as np

from xpert_evo.objectives import FloatArray
from xpert_evo.space import IntArray


def pruned_crowding(objectives: FloatArray, n_remove: int = 0) -> FloatArray:
    """Crowding of each design when it was removed, or at the end, (designs,); infinite for the ends of each objective.

    The distance of a design is the mean over the objectives, each scaled to [0, 1], of the gap between its two
    neighbours. The most crowded design is removed, its neighbours close the gap, and so on (S. Kukkonen, K. Deb,
    "Improved pruning of non-dominated solutions based on crowding distance for bi-objective optimization problems", CEC
    2006). An objective in which all designs are equal is ignored.

    Args:
        objectives: Distinct designs of one front, minimised, (designs, objectives).
        n_remove: Number of designs in excess; one fewer is removed, because the last one is left to a sort.
    """
    n_designs, n_objectives = objectives.shape
    low, high = objectives.min(axis=0), objectives.max(axis=0)
    spread = high > low
    if not spread.any():
        return np.full(n_designs, np.inf)
    table = objectives[:, spread]
    scaled = (table - low[spread]) / (high - low)[spread]
    order = np.argsort(table, axis=0, kind="stable")
    before, after = np.empty_like(order), np.empty_like(order)
    np.put_along_axis(before, order, np.concatenate([order[:1], order[:-1]]), axis=0)
    np.put_along_axis(after, order, np.concatenate([order[1:], order[-1:]]), axis=0)
    ends = np.concatenate([order[0], order[-1], table.argmax(axis=0)])
    columns = np.arange(table.shape[1])

    def distances(designs: slice | IntArray) -> FloatArray:
        gaps = (scaled[after[designs], columns] - scaled[before[designs], columns]) / n_objectives
        return np.asarray(gaps.sum(axis=1))

    crowding = distances(slice(None))
    crowding[ends] = np.inf
    remaining = crowding.copy()
    for _ in range(min(n_remove, n_designs - n_objectives) - 1):
        lowest = n_designs - 1 - int(np.argmin(remaining[::-1]))  # last one of equal distances
        if np.isinf(remaining[lowest]):
            break  # only ends remain
        remaining[lowest] = np.inf
        previous, following = before[lowest], after[lowest]
        after[previous, columns], before[following, columns] = following, previous
        beside = np.concatenate([previous, following])
        crowding[beside] = distances(beside)
        crowding[ends] = np.inf
        remaining[beside] = crowding[beside]
    return crowding
