"""Rows that no other row beats: which of many choices can be the best one at some price."""

import numpy as np
from numpy.typing import NDArray

from xpert_evo.objectives import FloatArray
from xpert_evo.space import IntArray

_BLOCK = 128
"""Rows that are compared with one another at once."""


def efficient(values: FloatArray) -> IntArray:
    """Positions of the rows (rows, columns) that no other row beats or equals in every column, the first of equals.

    A row that beats another one has the lower sum of ranks. By rising sums, rows are only compared with those that are
    kept so far and with their own block.
    """
    ranks = np.stack([np.unique(column, return_inverse=True)[1] for column in values.T], axis=1)
    order = np.argsort(ranks.sum(axis=1), kind="stable")
    ordered = ranks[order]
    kept = np.empty(0, dtype=np.int64)
    for first in range(0, len(order), _BLOCK):
        block = np.arange(first, min(first + _BLOCK, len(order)))
        block = block[~_no_worse(ordered[kept], ordered[block]).any(axis=0)]
        earlier = np.triu(_no_worse(ordered[block], ordered[block]), 1)
        kept = np.concatenate([kept, block[~earlier.any(axis=0)]])
    return np.sort(order[kept])


def _no_worse(first: IntArray, second: IntArray) -> NDArray[np.bool_]:
    """Which rows of `first` are at most as large as those of `second` in every column, (first, second)."""
    found = np.ones((len(first), len(second)), dtype=bool)
    for one, other in zip(first.T, second.T, strict=True):
        found &= one[:, None] <= other
    return found
