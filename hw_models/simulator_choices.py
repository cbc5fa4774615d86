"""Questions on which XPertSim and the simulator that it derives from, DNN+NeuroSim V1.3, differ.

The members of each enum are the values of the choice in `hw_models/models/*.toml`.
"""

from __future__ import annotations

from enum import StrEnum


class ComparatorArea(StrEnum):
    """Transistors counted in the area of a Flash ADC's comparators."""

    FULL = "full"
    """All of them."""
    WITHOUT_NMOS = "without-nmos"
    """All but the NMOS transistors of the sense amplifiers, whose widths are lost in XPertSim."""


class TileBuffers(StrEnum):
    """Widths of the register files of tiles and the output registers of PEs."""

    WHOLE = "whole"
    """A tile's buffer is one register file as wide as its bus; a PE's output is as wide as the tile's sum."""
    CORES = "cores"
    """A tile's buffer consists of square cores of `buffers.tile_core_bits` once it fills one, and a PE's output is one
    bit wider than a crossbar's sum."""


class DelayCycles(StrEnum):
    """Conversion of the delays of carry chains and long wires into cycles."""

    LAYER_CLOCK = "layer-clock"
    """Cycles of the layer's clock, at least one for each stage of an adder tree and each transfer."""
    NANOSECOND = "nanosecond"
    """Cycles of 1 ns, each of which then takes a whole period of the layer's clock."""


class GlobalSum(StrEnum):
    """Number of sums that the accumulators of the chip form for an output position."""

    TILE_COLUMNS = "tile-columns"
    """One for each output channel and column of tiles."""
    TWO_COLUMNS = "two-columns"
    """Two for each output channel, however many columns of tiles a layer has."""


class RowActivity(StrEnum):
    """Reference for the share of active rows, which determines the charge for lines and row switches."""

    USED_ROWS = "used-rows"
    """Every crossbar is charged as if all its rows were in use."""
    ALL_ROWS = "all-rows"
    """Rows that are in use and active, over all rows of the crossbar."""


class ColumnModel(StrEnum):
    """Source of the conductance, settling and sensing of a column."""

    DEVICE = "device"
    """Fitted constants of the device's file; Flash ADCs sense a full column."""
    CELLS = "cells"
    """On-resistance and on/off ratio of the cells, in series with the node's wires; Flash ADCs sense a column of the
    layer's fullest crossbar, and a column without an active row costs a SAR ADC its idle power."""


class LeakageCount(StrEnum):
    """Method of counting the leakage of a tile."""

    FITTED = "fitted"
    """Constants fitted to the leakage of whole tiles; adder trees as used by the fullest PE."""
    CIRCUITS = "circuits"
    """Constants of individual circuits; adder trees as used by the last PE of the last tile, one core of a buffer."""


class PairMux(StrEnum):
    """Area of the multiplexer for two columns that share an ADC."""

    ROW = "row"
    """One row of layout, as for each column of a larger multiplexer."""
    GATES = "gates"
    """The pass gates alone, which are too few to be folded into a row of layout."""
