"""The exact extremes of a sum of tables over shared integer variables, by variable elimination.

The area of a design is a sum over layers, each depending on a few genes. A gene read by a single layer is optimised
immediately; a gene that couples layers (a channel depth) is kept until all layers that read it have been joined. For a
chain of layers this is dynamic programming along the chain; residual stages and other ties need no special treatment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hw_models.arrays import IntArray
from hw_models.errors import HardwareModelError

_MOST_ENTRIES = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factor:
    """A table over some genome columns, with one axis per column."""

    columns: tuple[int, ...]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaBounds:
    """The range of area that a search space can reach.

    Attributes:
        smallest_mm2, largest_mm2: The extremes [mm2].
        smallest_genome, largest_genome: Genomes that reach them, (genes,).
        smallest_by_layer_mm2: Area of each layer of the smallest design [mm2].
    """

    smallest_mm2: float
    smallest_genome: IntArray
    largest_mm2: float
    largest_genome: IntArray
    smallest_by_layer_mm2: Mapping[str, float]

    def largest_holders(self, n: int = 3) -> list[tuple[str, float]]:
        """Returns the layers that take most of the smallest design's area, with their area [mm2]."""
        return sorted(self.smallest_by_layer_mm2.items(), key=lambda item: -item[1])[:n]


def extreme(factors: Sequence[Factor], n_genes: int, *, largest: bool) -> tuple[float, IntArray]:
    """Returns the extreme of the sum of all factors and a genome that reaches it.

    Raises:
        HardwareModelError: If layers are coupled through so many genes at once that the joint table would not fit.
    """
    sign = -1.0 if largest else 1.0
    pool = [Factor(columns=factor.columns, values=sign * factor.values) for factor in factors]
    decisions: list[tuple[int, tuple[int, ...], IntArray]] = []
    remaining = {column for factor in pool for column in factor.columns}
    while remaining:
        column = min(remaining, key=lambda c: (_joint_size(pool, c), c))
        if _joint_size(pool, column) > _MOST_ENTRIES:
            raise HardwareModelError(
                f"genome column {column} couples too many choices for an exact area bound; tie fewer layers together."
            )
        touched = [factor for factor in pool if column in factor.columns]
        joined = _join(touched)
        axis = joined.columns.index(column)
        rest = tuple(c for c in joined.columns if c != column)
        decisions.append((column, rest, joined.values.argmin(axis=axis)))
        pool = [factor for factor in pool if column not in factor.columns]
        pool.append(Factor(columns=rest, values=joined.values.min(axis=axis)))
        remaining.remove(column)
    genome = np.zeros(n_genes, dtype=np.int64)
    for column, rest, choice in reversed(decisions):
        genome[column] = choice[tuple(genome[list(rest)])] if rest else choice
    return sign * float(sum(float(factor.values) for factor in pool)), genome


def _joint_columns(factors: Sequence[Factor]) -> dict[int, int]:
    """Returns the factors' columns and the number of choices of each."""
    return {
        column: size for factor in factors for column, size in zip(factor.columns, factor.values.shape, strict=True)
    }


def _joint_size(pool: Sequence[Factor], column: int) -> int:
    """Returns the number of table entries needed to eliminate a column."""
    size = 1
    for n_choices in _joint_columns([factor for factor in pool if column in factor.columns]).values():
        size *= n_choices
    return size


def _join(factors: Sequence[Factor]) -> Factor:
    """Returns the sum of factors over the union of their columns."""
    columns = _joint_columns(factors)
    total = np.zeros(tuple(columns.values()))
    order = list(columns)
    for factor in factors:
        present = [factor.columns.index(column) for column in order if column in factor.columns]
        values = factor.values.transpose(present)
        total += values.reshape([columns[c] if c in factor.columns else 1 for c in order])
    return Factor(columns=tuple(order), values=total)
