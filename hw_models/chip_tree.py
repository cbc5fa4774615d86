"""The H-tree that joins tiles to a chip, or PEs to a tile: how long its path is, in sides of what it joins."""

from __future__ import annotations

import numpy as np

from hw_models.arrays import FloatArray, IntArray

_PARTLY_FILLED = (0.0, 0.5, 2.0, 4.5, 9.0)
_FULL_FOUR = 2.5
_DELAY_LENGTHS = (0.0, 0.557, 1.97, 4.5, 9.0)


def by_doublings(
    n_leaves: IntArray | FloatArray, known: tuple[float, ...], *, growth: float, full: float
) -> FloatArray:
    """A quantity of the tree that depends on how often its grid of leaves was doubled.

    Args:
        n_leaves: Leaves; they stand in a nearly square grid of ceil(sqrt(n)) rows.
        known: The quantity for grids of up to 1, 2, 4, ... rows.
        growth: Its factor for each doubling beyond these.
        full: What a full grid of 2 x 2 or 4 x 4 has more.
    """
    n = np.asarray(n_leaves)
    rows = np.ceil(np.sqrt(n))
    columns = np.ceil(n / rows)
    stage = np.ceil(np.log2(rows)).astype(np.int64)
    last = len(known) - 1
    base: FloatArray = np.asarray(known)[np.minimum(stage, last)] * growth ** np.maximum(0, stage - last)
    is_full = (columns == rows) & (rows == 2.0**stage) & ((stage == 1) | (stage == 2))
    return base + np.where(is_full, full, 0.0)


def tree_length(n_leaves: IntArray) -> FloatArray:
    """Length of the tree's path, in sides of a leaf.

    Leaves stand in a nearly square grid of ceil(sqrt(n)) rows. Every doubling of the grid adds a stage; the lengths are
    those of the reference: 0.5, 2, 4.5 and 9 sides for grids of up to 2, 4, 8 and 16 rows, 0.5 more for a full grid
    of 2 x 2 or 4 x 4. Larger grids, beyond the reference, double the length.
    """
    return by_doublings(n_leaves, _PARTLY_FILLED, growth=2.0, full=0.5)


def tree_delay_length(n_leaves: IntArray) -> FloatArray:
    """Length that a signal's delay follows, in sides of a leaf.

    The stage that fills a 4 x 4 grid is driven more strongly in the reference: it delays like 0.3 sides, not 0.5.
    """
    length = tree_length(n_leaves)
    return length - np.where(length == _FULL_FOUR, 0.2, 0.0)


def wire_delay_length(n_leaves: IntArray) -> FloatArray:
    """Length that a signal's delay follows in DNN+NeuroSim V1.3, in sides of a leaf.

    Read off its latencies at nine nodes: whole repeaters make the shortest stages a little longer than their wires, and
    a full grid of 2 x 2 a little shorter.
    """
    return by_doublings(n_leaves, _DELAY_LENGTHS, growth=2.0, full=0.307)
