"""Maps layers onto crossbars, PEs and tiles, and counts the events for one position of the output map.

A layer's weights form a matrix of `rows` (inputs of one output) by `columns` (cells of all outputs), which is cut into
tiles, PEs and crossbars. A layer that leaves room in its tiles is repeated there, and the copies work in parallel.

Events are summed over chunks. The tiles of a layer are full ones, plus a last row and a last column of partly filled
ones: four kinds. The PEs of a tile are of the same four kinds, so a sum over PEs has four terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hw_models.adder_tree import adder_tree
from hw_models.arrays import FloatArray, IntArray, ceil_divide
from hw_models.crossbar import CrossbarSpec
from hw_models.weight_matrix import weight_matrix
from hw_models.workload import LayerShapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Mapping of layers onto the chip; every field has the shape (designs, layers) or broadcasts to it.

    Attributes:
        positions: Positions of the output map, twice where the layer takes two passes; the array works once for each.
        inputs: Inputs of all groups together (kernel area times input channels).
        outputs: Output channels.
        buffered_inputs: Elements of the padded input map, over all channels.
        tile_rows, tile_columns, n_tiles: Tiles of the layer, in rows, in columns and in total.
        n_crossbars: Crossbars that store weights (one copy).
        copies: Copies of the weights that fit into the tiles.
        working_copies: Those that work in parallel.
        pe_speedup: Factor by which the copies shorten the time of the PE buffers.
        pe_rows: PEs in a column over which one tile's outputs are summed.
        crossbar_rows: Crossbars in a column over which one PE's outputs are summed.
        last_crossbar_rows: The same in the last PE of the last tile.
        tile_inputs, tile_outputs: Inputs and outputs of the fullest tile.
        pe_inputs, pe_columns: Inputs of the fullest PE, and its columns with weights.
        utilization: Fraction of the tiles' cells that store weights.
        row_groups: Groups of rows that a crossbar of the layer reads in turn.
        crossbar_reads: Crossbars charged, summed over all PEs.
        used_crossbar_reads: The same, each crossbar weighted by the fraction of its rows in use.
        conversions: Conversions of a column, or of a differential pair, summed over all crossbars.
        column_reads: Those with at least one active input.
        cell_reads: Cells of rows and columns with weights, summed over all crossbars.
        pe_inputs_sum, pe_outputs_sum: Inputs and outputs through PE buses and buffers, summed over PEs.
        tile_inputs_sum, tile_outputs_sum: The same for tiles.
        pe_adders, pe_adder_growth: Adders of the PE trees in use, and the number of bits by which they are wider than
            the first stage.
        tile_adders, tile_adder_growth: The same for the tiles' accumulators.
    """

    positions: IntArray
    inputs: IntArray
    outputs: IntArray
    buffered_inputs: IntArray
    tile_rows: IntArray
    tile_columns: IntArray
    n_tiles: IntArray
    n_crossbars: IntArray
    copies: IntArray
    working_copies: IntArray
    pe_speedup: IntArray
    pe_rows: IntArray
    crossbar_rows: IntArray
    last_crossbar_rows: IntArray
    tile_inputs: IntArray
    tile_outputs: FloatArray
    pe_inputs: IntArray
    pe_columns: IntArray
    utilization: FloatArray
    row_groups: IntArray
    crossbar_reads: IntArray
    used_crossbar_reads: FloatArray
    conversions: FloatArray
    column_reads: FloatArray
    cell_reads: IntArray
    pe_inputs_sum: IntArray
    pe_outputs_sum: FloatArray
    tile_inputs_sum: IntArray
    tile_outputs_sum: FloatArray
    pe_adders: IntArray
    pe_adder_growth: IntArray
    tile_adders: IntArray
    tile_adder_growth: IntArray


def map_layers(
    shapes: LayerShapes,
    spec: CrossbarSpec,
    activity: float,
    *,
    empty_charged: bool = True,
    whole_positions: bool = False,
) -> Mapping:
    """Maps layers onto tiles and counts the events of one output position and input bit, (designs, layers).

    Args:
        shapes: The layers.
        spec: Crossbars and their grouping.
        activity: Fraction of the input bits that are 1.
        empty_charged: Whether PEs that a layer leaves empty are charged if no second copy fits into its tiles.
        whole_positions: Whether each copy works on whole positions, so that no more copies than positions work.
    """
    a = shapes.arrays()
    matrix = weight_matrix(a, spec)
    rows, columns = matrix.rows, matrix.columns
    grid = spec.pes_per_side
    pe_height, pe_width = spec.pe_side * spec.rows, spec.pe_side * spec.columns
    tile_height, tile_width = grid * pe_height, grid * pe_width
    tile_rows, tile_columns = ceil_divide(rows, tile_height), ceil_divide(columns, tile_width)
    tile_inputs, tile_filled = np.minimum(rows, tile_height), np.minimum(columns, tile_width)
    pe_rows, pe_columns = ceil_divide(tile_inputs, pe_height), ceil_divide(tile_filled, pe_width)
    pe_inputs, pe_filled = np.minimum(rows, pe_height), np.minimum(columns, pe_width)
    crossbar_rows = ceil_divide(pe_inputs, spec.rows)
    crossbar_columns = ceil_divide(pe_filled, spec.columns)
    pe_copies = (grid // pe_rows) * (grid // pe_columns)
    crossbar_copies = (spec.pe_side // crossbar_rows) * (spec.pe_side // crossbar_columns)
    one_pe = (rows <= pe_height) & (columns <= pe_width)
    n_crossbars = ceil_divide(rows, spec.rows) * ceil_divide(columns, spec.columns)
    n_tiles = tile_rows * tile_columns
    events = _TileEvents(
        spec=spec,
        grid_filled=(pe_copies == 1) & empty_charged,
        repeated=one_pe & (crossbar_copies > 1),
        activity=activity,
    ).total(rows, columns)
    # Events by column count all columns placed; those between blocks of groups are neither converted nor summed.
    used_ratio = matrix.used_columns / columns
    blocks = np.maximum(1.0, matrix.blocks / columns * tile_filled)
    tile_adders, tile_growth = adder_tree(pe_rows)
    per_weight = spec.columns_per_weight
    inputs = a["in_channels"] * a["kernel_size"] * a["kernel_width"]
    padded_height = (a["output_size"] - 1) * a["stride"] + a["dilation"] * (a["kernel_size"] - 1) + 1
    padded_width = (a["output_width"] - 1) * a["stride_width"] + a["dilation_width"] * (a["kernel_width"] - 1) + 1
    positions = a["output_size"] * a["output_width"] * a["passes"]
    copies = pe_copies * crossbar_copies
    at_once = np.minimum(copies, positions) if whole_positions else copies
    return Mapping(
        positions=positions,
        inputs=inputs,
        outputs=a["out_channels"],
        buffered_inputs=padded_height * padded_width * a["in_channels"],
        tile_rows=tile_rows,
        tile_columns=tile_columns,
        n_tiles=n_tiles,
        n_crossbars=n_crossbars,
        copies=copies,
        working_copies=at_once,
        pe_speedup=np.where(one_pe, np.minimum(pe_copies, at_once), at_once),
        pe_rows=pe_rows,
        crossbar_rows=crossbar_rows,
        last_crossbar_rows=ceil_divide((rows - 1) % pe_height + 1, spec.rows),
        tile_inputs=np.ceil(tile_inputs * blocks).astype(np.int64),
        tile_outputs=matrix.used_within(tile_filled) / per_weight,
        pe_inputs=pe_inputs,
        pe_columns=matrix.used_within(pe_filled),
        utilization=matrix.filled * copies / (n_tiles * spec.n_crossbars * spec.rows * spec.columns),
        row_groups=ceil_divide(np.minimum(pe_inputs, spec.rows), spec.rows_at_once),
        crossbar_reads=events["crossbars"].astype(np.int64),
        used_crossbar_reads=events["used_crossbars"],
        conversions=events["conversions"] * used_ratio,
        column_reads=events["columns"] * used_ratio,
        cell_reads=np.rint(events["cells"] * used_ratio).astype(np.int64),
        pe_inputs_sum=events["inputs"].astype(np.int64),
        pe_outputs_sum=events["outputs"] * used_ratio / per_weight,
        tile_inputs_sum=np.where(a["groups"] > 1, inputs, rows * tile_columns),
        tile_outputs_sum=matrix.used_columns / per_weight * tile_rows,
        pe_adders=events["adders"].astype(np.int64),
        pe_adder_growth=events["growth"].astype(np.int64),
        tile_adders=tile_adders * n_tiles,
        tile_adder_growth=tile_growth * n_tiles,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _TileEvents:
    """Sums over the PEs of all tiles of a layer.

    A layer of which no second copy fits into a tile's grid of PEs occupies the whole grid; the reference then charges
    each empty PE as much as the last filled PE before it. If the copies of a layer share the only PE that it needs, the
    PE's adder tree is charged once for each crossbar.
    """

    spec: CrossbarSpec
    grid_filled: npt.NDArray[np.bool_]
    repeated: npt.NDArray[np.bool_]
    activity: float

    def total(self, rows: IntArray, columns: IntArray) -> dict[str, FloatArray]:
        """Sums over all tiles, by event."""
        height, width = self.spec.tile_side * self.spec.rows, self.spec.tile_side * self.spec.columns
        full_down, full_across = (rows - 1) // height, (columns - 1) // width
        last_rows, last_columns = rows - full_down * height, columns - full_across * width
        sums: dict[str, FloatArray] = {}
        tiles = (
            (full_down * full_across, np.minimum(rows, height), np.minimum(columns, width)),
            (full_down, np.minimum(rows, height), last_columns),
            (full_across, last_rows, np.minimum(columns, width)),
            (np.ones_like(rows), last_rows, last_columns),
        )
        for n_tiles, tile_rows, tile_columns in tiles:
            if not n_tiles.any():
                continue
            _add(sums, self._tile(tile_rows, tile_columns), n_tiles)
        return sums

    def _tile(self, rows: IntArray, columns: IntArray) -> dict[str, FloatArray]:
        """Sums over the PEs of one tile that stores `rows` x `columns`."""
        height, width = self.spec.pe_side * self.spec.rows, self.spec.pe_side * self.spec.columns
        full_down, full_across = (rows - 1) // height, (columns - 1) // width
        last_rows, last_columns = rows - full_down * height, columns - full_across * width
        grid = self.spec.pes_per_side
        empty_across = np.where(self.grid_filled, grid - full_across - 1, 0)
        empty_down = np.where(self.grid_filled, grid - full_down - 1, 0)
        sums: dict[str, FloatArray] = {}
        top, left = np.minimum(rows, height), np.minimum(columns, width)
        pes = (
            (full_down * full_across, top, left),
            (full_down * (1 + empty_across), top, last_columns),
            (full_across, last_rows, left),
            (1 + empty_across + empty_down * grid, last_rows, last_columns),
        )
        for n_pes, pe_rows, pe_columns in pes:
            if not n_pes.any():
                continue
            _add(sums, self._pe(pe_rows, pe_columns), n_pes)
        return sums

    def _pe(self, rows: IntArray, columns: IntArray) -> dict[str, FloatArray]:
        """Events of one PE that stores `rows` x `columns`."""
        down, across = ceil_divide(rows, self.spec.rows), ceil_divide(columns, self.spec.columns)
        last_rows = rows - (down - 1) * self.spec.rows
        active = (down - 1) * self._active_conversions(self.spec.rows) + self._active_conversions(last_rows)
        groups = (down - 1) * self.spec.row_groups + ceil_divide(last_rows, self.spec.rows_at_once)
        conversions = columns * active / self.spec.columns_per_conversion
        adders, growth = adder_tree(down)
        n_trees = np.where(self.repeated, down * across, 1)
        events: dict[str, Any] = {
            "crossbars": down * across,
            "used_crossbars": rows * across / self.spec.rows,
            "conversions": columns * groups / self.spec.columns_per_conversion,
            "columns": conversions,
            "cells": rows * columns,
            "inputs": rows,
            "outputs": columns,
            "adders": adders * n_trees,
            "growth": growth * n_trees,
        }
        return events

    def _active_conversions(self, rows: IntArray | int) -> FloatArray:
        """Conversions of a column of `rows` cells with at least one active row, for one input bit."""
        at_once = self.spec.rows_at_once
        groups, left = np.divmod(rows, at_once)
        full: FloatArray = groups * min(1.0, self.activity * at_once) + np.minimum(1.0, self.activity * left)
        return full


def _add(sums: dict[str, FloatArray], part: dict[str, FloatArray], times: IntArray) -> None:
    """Adds `times` copies of a part to running sums."""
    for name, value in part.items():
        sums[name] = sums[name] + value * times if name in sums else value * times
