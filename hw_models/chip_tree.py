"""The H-tree that connects tiles into a chip, or PEs into a tile: the length of its path, in sides of a leaf."""

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
        n_leaves: Number of leaves, arranged in a nearly square grid of ceil(sqrt(n)) rows.
        known: Values for grids of up to 1, 2, 4, ... rows.
        growth: Growth factor for each doubling beyond these.
        full: Amount added for a full grid of 2 x 2 or 4 x 4.
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

    Leaves are arranged in a nearly square grid of ceil(sqrt(n)) rows. Every doubling of the grid adds a stage. The
    lengths are those of the reference: 0.5, 2, 4.5 and 9 sides for grids of up to 2, 4, 8 and 16 rows, and 0.5 more for
    a full grid of 2 x 2 or 4 x 4. For larger grids, beyond the reference, the length doubles.
    """
    return by_doublings(n_leaves, _PARTLY_FILLED, growth=2.0, full=0.5)


def tree_delay_length(n_leaves: IntArray) -> FloatArray:
    """Effective length for the delay of a signal, in sides of a leaf.

    In the reference the stage that fills a 4 x 4 grid has a stronger driver: its delay equals 0.3 sides, not 0.5.
    """
    length = tree_length(n_leaves)
    return length - np.where(length == _FULL_FOUR, 0.2, 0.0)


def wire_delay_length(n_leaves: IntArray) -> FloatArray:
    """Effective length for the delay of a signal in DNN+NeuroSim V1.3, in sides of a leaf.

    Fitted to its latencies at nine nodes: because repeaters come in whole numbers, the shortest stages are slightly
    longer than their wires, and a full grid of 2 x 2 is slightly shorter.
    """
    return by_doublings(n_leaves, _DELAY_LENGTHS, growth=2.0, full=0.307)
