"""Arguments and working memory of the fused kernel for cells and converters that vary."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PIXELS, COLUMNS, GROUP = 64, 4, 4
"""Pixels and columns of one call, and rows of a group."""

TABLE = 2 << GROUP
"""Numbers in the table of a pair of groups."""

CONSTANTS = 8
"""float32 constants of a column's converter: gain, offset, `ROUNDER` plus the lowest and the highest code, deviation of
the noise; factors of the sums' squares, of the common term, of the product of two bends."""


class Wires(NamedTuple):
    """Effect of wires, as in `wire_levels.RoundedDrop`; arrays are empty without wires, or without bends.

    Attributes:
        modes: Integer modes, laid out like `Digits.integers`.
        block_modes: Mean modes of the groups of rows, (arrays, groups, modes).
        conductances: Mean conductances of their rows, (arrays, groups, GROUP).
        common: Half levels per unit of the common term; 0 for none.
        n_levels: Level of an input that loses nothing.
        first: Integers of the first bend, laid out like `Digits.integers`.
        second: Those of the second.
    """

    modes: NDArray[np.int16]
    block_modes: NDArray[np.float32]
    conductances: NDArray[np.float32]
    common: np.float32
    n_levels: np.float32
    first: NDArray[np.int16]
    second: NDArray[np.int16]


class Digits(NamedTuple):
    """Programmed arrays; columns are those of all slices, slice by slice.

    Attributes:
        first_rows: First row of each array, and the total number of rows.
        integers: Digits in units of the slices' steps, (arrays, columns, pairs of groups, rows of a pair), with zeros
            for missing rows, and for columns up to a multiple of COLUMNS.
        wires: Effect of wires.
    """

    first_rows: NDArray[np.int64]
    integers: NDArray[np.int16]
    wires: Wires


class Codes(NamedTuple):
    """Converters and the digital processing of their codes.

    Attributes:
        constants: For each array and column, its number padded to a multiple of COLUMNS, what `fused_levels` needs.
        steps: Value of a code in the layer's output, (slices, columns of a slice).
        has_reference: Whether the last column of each slice is subtracted from the others.
        counted_offset: Amount subtracted per unit of an input code.
        numbers: Normal numbers for the conversions' noise; empty for none.
        seed: Seed of the noise.
    """

    constants: NDArray[np.float32]
    steps: NDArray[np.float32]
    has_reference: bool
    counted_offset: np.float32
    numbers: NDArray[np.float32]
    seed: np.uint64


class LevelScratch(NamedTuple):
    """Working memory of a thread.

    Attributes:
        kind: Kind of wires.
        tables: Sums of groups for digits and two bends, (3, columns of a tile, pairs of groups, TABLE).
        bits: Places of the groups' rows in them, in the form of `Lookup`, (blocks, input bits, pairs of groups, bytes).
        levels: Levels of the inputs, 16 bits each, (blocks, input bits, pairs of groups, pixels).
        common: Common term of all columns, (blocks, input bits, pixels).
        raw: Sums of two bends, (2, input bits, COLUMNS, pixels).
        sums: Accumulated bit patterns of codes, (columns, pixels of all blocks).
    """

    kind: int
    tables: NDArray[np.int16]
    bits: NDArray[np.uint8]
    levels: NDArray[np.uint32]
    common: NDArray[np.float32]
    raw: NDArray[np.int32]
    sums: NDArray[np.int32]
