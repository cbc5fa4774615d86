"""What single designs add to the hypervolume of a front."""

import numpy as np
from numpy.typing import ArrayLike

from xpert_evo.objectives import FloatArray
from xpert_evo.search.pareto import hypervolume, non_dominated

_MOST_CELLS = 4_000_000


def gains(front: FloatArray, points: FloatArray, reference_point: ArrayLike) -> FloatArray:
    """Hypervolume that each point alone would add to a front, (points,).

    With two objectives it is the area between the point, the reference point and the steps of the front, in closed form
    after a sort; with more, a difference of hypervolumes.

    Args:
        front: Minimised objectives of the designs to improve on, (designs, objectives).
        points: Minimised objectives, (points, objectives).
        reference_point: Reference point of the hypervolume, (objectives,).
    """
    point = np.asarray(reference_point, dtype=np.float64)
    best = front[(front < point).all(axis=1)]
    best = best[non_dominated(best)] if len(best) else best
    if len(point) == 2:
        return _areas(best, points, point)
    before = hypervolume(best, point) if len(best) else 0.0
    return np.array([hypervolume(np.vstack([best, one]), point) - before for one in points])


def _areas(best: FloatArray, points: FloatArray, reference: FloatArray) -> FloatArray:
    """Closed form for two objectives; `best` is non-dominated and better than the reference point."""
    best = best[np.argsort(best[:, 0], kind="stable")]
    edges = np.concatenate([[-np.inf], best[:, 0], reference[:1]])
    heights = np.concatenate([reference[1:], best[:, 1]])
    found = np.empty(len(points))
    step = max(1, _MOST_CELLS // len(heights))
    for start in range(0, len(points), step):
        x, y = points[start : start + step, :1], points[start : start + step, 1:]
        widths = np.maximum(edges[1:] - np.maximum(edges[:-1], x), 0.0)
        found[start : start + step] = (widths * np.maximum(heights - y, 0.0)).sum(axis=1)
    return found
