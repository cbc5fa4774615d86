"""Questions on which XPertSim and the simulator that it was made from, DNN+NeuroSim V1.3, give different answers.

The members of each enum are the values of the choice in `hw_models/models/*.toml`.
"""

from __future__ import annotations

from enum import StrEnum


class ComparatorArea(StrEnum):
    """Transistors that a Flash ADC's comparators are charged for."""

    FULL = "full"
    """All of them."""
    WITHOUT_NMOS = "without-nmos"
    """All but the NMOS transistors of the sense amplifiers, whose widths XPertSim loses."""


class TileBuffers(StrEnum):
    """How wide the register files of tiles and the output registers of PEs are."""

    WHOLE = "whole"
    """A tile's buffer is one register file as wide as its bus; a PE's output has the width of the tile's sum."""
    CORES = "cores"
    """A tile's buffer consists of square cores of `buffers.tile_core_bits` as soon as it fills one, and a PE's output
    is one bit wider than a crossbar's sum."""


class DelayCycles(StrEnum):
    """How the delays of carry chains and long wires become cycles."""

    LAYER_CLOCK = "layer-clock"
    """Cycles of the layer's clock, at least one for each stage of an adder tree and each transfer."""
    NANOSECOND = "nanosecond"
    """Cycles of 1 ns, each of which then takes a whole period of the layer's clock."""


class GlobalSum(StrEnum):
    """Sums that the accumulators of the chip form for an output position."""

    TILE_COLUMNS = "tile-columns"
    """One for each output channel and column of tiles."""
    TWO_COLUMNS = "two-columns"
    """Two for each output channel, however many columns of tiles a layer has."""


class RowActivity(StrEnum):
    """What the share of active rows, which lines and row switches are charged for, refers to."""

    USED_ROWS = "used-rows"
    """Every crossbar is charged as if all its rows were in use."""
    ALL_ROWS = "all-rows"
    """Rows that are in use and active, over all rows of the crossbar."""


class ColumnModel(StrEnum):
    """What conductance, settling and sensing of a column follow from."""

    DEVICE = "device"
    """Fitted constants of the device's file; Flash ADCs sense a full column."""
    CELLS = "cells"
    """On-resistance and on/off ratio of the cells, in series with the node's wires; Flash ADCs sense a column of the
    layer's fullest crossbar, and a column without an active row costs a SAR ADC what it draws in idle state."""


class LeakageCount(StrEnum):
    """How the leakage of a tile is counted."""

    FITTED = "fitted"
    """Constants fitted to the leakage of whole tiles; adder trees as the fullest PE uses them."""
    CIRCUITS = "circuits"
    """Constants of single circuits; adder trees as the last PE of the last tile uses them, one core of a buffer."""


class PairMux(StrEnum):
    """Area of the multiplexer of two columns that share an ADC."""

    ROW = "row"
    """One row of layout, as for each column of a larger multiplexer."""
    GATES = "gates"
    """The pass gates alone, which are too few to be folded into a row."""
