"""Dominance, hypervolume and knee of a set of minimised objectives; computed by pymoo and moocore."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymoo.indicators.hv import Hypervolume
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from xpert_evo.objectives import FloatArray


def non_dominated(objectives: ArrayLike) -> NDArray[np.bool_]:
    """Returns which designs are not dominated by any other, (designs,); equal designs do not dominate each other.

    Args:
        objectives: Minimised objectives, (designs, objectives).
    """
    table = _checked(objectives)
    mask = np.zeros(len(table), dtype=bool)
    mask[NonDominatedSorting().do(table, only_non_dominated_front=True)] = True
    return mask


def hypervolume(objectives: ArrayLike, reference_point: ArrayLike) -> float:
    """Volume between the designs and a reference point, in the product of the objectives' units.

    With the project's objectives the two axes of a default run are decades of EDAP and fractions of accuracy. These are
    fixed scales, not normalised by the front's own range, so volumes of different runs are comparable.

    Args:
        objectives: Minimised objectives, (designs, objectives).
        reference_point: Finite reference point, (objectives,); designs that do not improve on it in every objective add
            nothing.
    """
    table = _checked(objectives)
    point = np.asarray(reference_point, dtype=np.float64)
    if point.shape != (table.shape[1],):
        raise ValueError(f"reference_point must have one value per objective ({table.shape[1]}), got {point.shape}.")
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
    """Converts to a table (designs, columns) fit for compiled code: finite, of doubles, row after row in memory.

    With NaN, moocore's hypervolume crashes with a segmentation fault or never returns.

    Args:
        values: Values of the table.
        name: Name of the quantity, in the plural.

    Raises:
        ValueError: If the number of dimensions is wrong, or a value is NaN or infinite.
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
