"""Dominance, hypervolume and knee of a set of minimised objectives (pymoo, and moocore below it, do the counting)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymoo.indicators.hv import Hypervolume
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from xpert_evo.objectives import FloatArray


def non_dominated(objectives: ArrayLike) -> NDArray[np.bool_]:
    """Which designs no other one dominates, (designs,); equal ones do not dominate each other.

    Args:
        objectives: Minimised, (designs, objectives).
    """
    table = _checked(objectives)
    mask = np.zeros(len(table), dtype=bool)
    mask[NonDominatedSorting().do(table, only_non_dominated_front=True)] = True
    return mask


def hypervolume(objectives: ArrayLike, reference_point: ArrayLike) -> float:
    """Volume between the designs and a reference point, in the product of the objectives' units.

    With the project's objectives the two axes of a default run are decades of EDAP and fractions of accuracy, which
    are fixed scales: no normalisation by the front's own range, so volumes of different runs compare.

    Args:
        objectives: Minimised, (designs, objectives).
        reference_point: (objectives,), finite; designs that are not better than it in every objective add nothing.
    """
    table = _checked(objectives)
    point = np.asarray(reference_point, dtype=np.float64)
    if point.shape != (table.shape[1],):
        raise ValueError(f"reference_point must have one value an objective ({table.shape[1]}), got {point.shape}.")
    if not np.isfinite(point).all():
        raise ValueError(f"reference_point must be finite, got {point.tolist()}.")
    inside = table[(table < point).all(axis=1)]
    return float(Hypervolume(ref_point=point).do(inside)) if len(inside) else 0.0


def normalised(objectives: ArrayLike) -> FloatArray:
    """Objectives scaled to [0, 1] over the non-dominated designs; outside it for others.

    An objective in which all non-dominated designs are equal has no scale and becomes 0 for those.
    """
    table = _checked(objectives)
    front = table[non_dominated(table)]
    low, high = front.min(axis=0), front.max(axis=0)
    return np.asarray((table - low) / np.where(high > low, high - low, 1.0))


def knee(objectives: ArrayLike) -> int:
    """Index of the non-dominated design that bulges most towards the ideal point.

    Over the front scaled to [0, 1] it has the smallest sum of objectives: for two objectives the point farthest below
    the straight line between the front's ends (Das, "On characterizing the knee of the Pareto curve", 1999).
    """
    table = _checked(objectives)
    if not len(table):
        raise ValueError("a knee needs at least one design, got none.")
    front = np.flatnonzero(non_dominated(table))
    return int(front[np.argmin(normalised(table)[front].sum(axis=1))])


def finite_table(values: ArrayLike, name: str) -> FloatArray:
    """A table (designs, columns) fit for compiled code: finite, of doubles, row after row in memory.

    On NaN moocore's hypervolume ends in a segmentation fault or does not end at all.

    Args:
        values: What should be such a table.
        name: What it holds, in the plural.

    Raises:
        ValueError: It has another number of dimensions, or holds NaN or infinity.
    """
    table = np.ascontiguousarray(values, dtype=np.float64)
    if np.ndim(values) != 2:
        raise ValueError(f"{name} must have the shape (designs, {name}), got {np.shape(values)}.")
    if not np.isfinite(table).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity; leave unscored designs out.")
    return table


def _checked(objectives: ArrayLike) -> FloatArray:
    table = finite_table(objectives, "objectives")
    if not table.shape[1]:
        raise ValueError(f"objectives must have the shape (designs, objectives), got {table.shape}.")
    return table
