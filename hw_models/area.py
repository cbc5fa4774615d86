"""Area of one tile, circuit by circuit [um2], and the resulting floor plan.

A crossbar is as wide as its cells. Column circuits (multiplexers, ADCs, shift-adders) are folded below it into rows of
one standard height, so their area comes in whole rows; row circuits stand beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hw_models.adc import AdcType, flash_comparators_um2, flash_encoder_height_um, sar_area_um2
from hw_models.adder_tree import adder_tree
from hw_models.arrays import FloatArray, IntArray, ceil_divide
from hw_models.cost_model import Choices, CostModel
from hw_models.crossbar import CrossbarSpec, WeightCoding
from hw_models.register_file import interpolate_log2, tile_buffers_um2
from hw_models.simulator_choices import PairMux
from hw_models.technology import Device, Technology

CIRCUITS = {
    "adc": ("ADCs",),
    "array": ("cells",),
    "accumulation": ("shift-adders", "PE adder trees", "tile accumulator"),
    "periphery": ("level shifters", "row switches", "column switches", "multiplexers", "multiplexer decoders"),
    "buffers": ("PE buffers", "tile buffers"),
    "interconnect": ("tile wires",),
}
"""Circuits of a tile, by the component under which they are reported."""

COMPONENTS = tuple(CIRCUITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Periphery:
    """Checked peripheral choices and quantities derived from them; arrays of shape (designs, layers).

    Attributes:
        sharing, precision, bits: Column sharing, ADC precision and input precision.
        flash: Whether the ADC is a Flash ADC.
        copies: Number of times the weights are stored.
        n_adcs: Number of ADCs per crossbar.
        sum_bits: Width of a weight's sum over one crossbar, after all input bits.
        tile_bits: Width of the sum over a PE.
        column_rows: Rows read at once by the layer's fullest crossbar, or by any crossbar where the model does not
            distinguish layers.
    """

    sharing: IntArray
    precision: IntArray
    bits: IntArray
    flash: np.ndarray
    copies: IntArray
    n_adcs: IntArray
    sum_bits: IntArray
    tile_bits: IntArray
    column_rows: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class TileArea:
    """Area and floor plan of one tile; arrays of shape (designs, layers).

    Attributes:
        components: Area by component [um2].
        circuits: The same by component and circuit [um2].
        crossbar_width_um, crossbar_height_um: Size of one crossbar with its periphery.
        pe_side_um: Side length of a PE, taken as a square.
        tile_side_um: Side length of the tile, taken as a square.
    """

    components: dict[str, FloatArray]
    circuits: dict[str, dict[str, FloatArray]]
    crossbar_width_um: float
    crossbar_height_um: FloatArray
    pe_side_um: FloatArray
    tile_side_um: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class TileParts:
    """Circuits of a tile for which a cost model may replace the technology's choice.

    Attributes:
        adc_um2: Area of one ADC [um2], (1, distinct peripherals); None for the technology's circuits.
        row_driver_um2: Area of the circuit that raises one row to the write voltage [um2].
    """

    adc_um2: FloatArray | None
    row_driver_um2: float


def ceil_log2(n: int) -> int:
    """Number of bits needed to count `n` items: log2, rounded up."""
    return (n - 1).bit_length()


def tree_stages(n: int) -> int:
    """Stages of the adder tree over `n` crossbars; at least one, for the register that holds the sum."""
    return max(1, int(np.ceil(np.log2(n))))


def periphery_of(arrays: dict[str, IntArray], spec: CrossbarSpec) -> Periphery:
    """Derives quantities from the peripheral choices, such as the ADCs per crossbar and the widths of sums."""
    sharing, precision, bits = arrays["column_sharing"], arrays["adc_precision"], arrays["input_precision"]
    sum_bits = precision + bits + spec.cells_per_weight + 1 + ceil_log2(spec.row_groups)
    return Periphery(
        sharing=sharing,
        precision=precision,
        bits=bits,
        flash=arrays["adc_type"] == AdcType.FLASH.code,
        copies=arrays["copies"],
        n_adcs=ceil_divide(np.full_like(sharing, spec.converted_columns + spec.converted_references), sharing),
        sum_bits=sum_bits,
        tile_bits=sum_bits + tree_stages(spec.pe_side),
        column_rows=arrays.get("column_rows", np.full_like(sharing, spec.rows_at_once)),
    )


def tile_area(
    p: Periphery,
    spec: CrossbarSpec,
    device: Device,
    technology: Technology,
    model: CostModel,
    *,
    parts: TileParts,
) -> TileArea:
    """Area of one tile by component and circuit, and its floor plan."""
    layout = technology.layout
    cell_um = 1e-3 * technology.node.feature_nm
    array_width = spec.built_columns * device.cell.cell_width_f * cell_um
    array_height = spec.rows * device.cell.cell_height_f * cell_um
    crossbar = _crossbar_circuits(p, (array_width, array_height), spec, technology, parts, choices=model.choices)
    below_um2 = _sum(crossbar[name] for name in ("ADCs", "shift-adders", "multiplexers", "column switches"))
    overhang = _overhang_um2(p, array_width, technology) if parts.adc_um2 is None else 0.0
    below = (below_um2 - overhang) / array_width
    width = array_width + layout.subarray_extra_width_um
    height = array_height + layout.subarray_extra_height_um + below
    pe_buffers = _pe_buffers_um2(p, spec, technology, width, height)
    pe_trees = pe_tree_um2(p, spec, technology)
    pe_side = np.sqrt(spec.pe_side**2 * _sum(crossbar.values()) + pe_trees + pe_buffers)
    tile = {name: spec.n_crossbars * value for name, value in crossbar.items()} | {
        "PE adder trees": spec.n_pes * pe_trees,
        "tile accumulator": tile_accumulator_um2(p, spec, technology),
        "PE buffers": spec.n_pes * pe_buffers,
        "tile buffers": tile_buffers_um2(p, spec, technology, model),
        "tile wires": tile_wires_um2(pe_side, spec, technology),
    }
    circuits = {component: {name: tile[name] for name in names} for component, names in CIRCUITS.items()}
    components = {component: _sum(parts.values()) for component, parts in circuits.items()}
    return TileArea(
        components=components,
        circuits=circuits,
        crossbar_width_um=width,
        crossbar_height_um=height,
        pe_side_um=pe_side,
        tile_side_um=np.sqrt(_sum(components.values())),
    )


def _sum(areas: Iterable[FloatArray]) -> FloatArray:
    """Sum of areas."""
    return functools.reduce(np.add, areas)


def _crossbar_circuits(
    p: Periphery,
    array_um: tuple[float, float],
    spec: CrossbarSpec,
    technology: Technology,
    parts: TileParts,
    *,
    choices: Choices,
) -> dict[str, FloatArray]:
    """Area of one crossbar with its periphery, by circuit [um2]."""
    area = technology.area
    array_width_um, array_height_um = array_um
    zero = np.zeros(p.sharing.shape)
    row_um2 = array_width_um * technology.layout.row_height_um
    return {
        "cells": zero + array_width_um * array_height_um,
        "ADCs": (
            _adc_um2(p, array_width_um, technology, choices) if parts.adc_um2 is None else p.n_adcs * parts.adc_um2
        ),
        "shift-adders": shift_add_um2(p, spec, technology, array_width_um),
        "multiplexers": np.where(
            p.sharing == 2, _pair_mux_um2(row_um2, technology, choices), np.where(p.sharing > 2, p.sharing, 0) * row_um2
        ),
        "multiplexer decoders": interpolate_log2(np.log2(p.sharing), area.mux_decoder_sharing, area.mux_decoder_um2),
        "column switches": zero + area.column_switch_um2 * spec.built_columns,
        "row switches": zero + area.row_switch_um2 * spec.rows,
        "level shifters": zero + parts.row_driver_um2 * spec.rows,
    }


def _pair_mux_um2(row_um2: float, technology: Technology, choices: Choices) -> float:
    """Area of the multiplexer for two columns that share an ADC [um2]."""
    return row_um2 if choices.pair_mux is PairMux.ROW else technology.area.mux_pair_um2


def _adc_um2(p: Periphery, array_width_um: float, technology: Technology, choices: Choices) -> FloatArray:
    """Area of the ADCs of one crossbar, including the encoders of Flash ADCs [um2]."""
    height, width = flash_encoder_height_um(p.precision, p.n_adcs, array_width_um, technology.flash, technology.layout)
    flash = p.n_adcs * flash_comparators_um2(p.precision, technology.flash, choices.comparator_area) + height * width
    return np.where(p.flash, flash, p.n_adcs * sar_area_um2(p.precision, technology.sar))


def _overhang_um2(p: Periphery, array_width_um: float, technology: Technology) -> FloatArray:
    """Area of Flash encoders that extend beyond a narrow crossbar and do not add to its height [um2]."""
    height, width = flash_encoder_height_um(p.precision, p.n_adcs, array_width_um, technology.flash, technology.layout)
    return np.where(p.flash, height * (width - array_width_um), 0.0)


def shift_add_um2(p: Periphery, spec: CrossbarSpec, technology: Technology, array_width_um: float) -> FloatArray:
    """Area of the shift-adders of one crossbar [um2].

    Each ADC feeds one shift-adder that combines the cells of a weight; a second one, absent for one-bit inputs,
    combines the input bits. Each has one adder per input bit, whole rows of flip-flops for its result, and one row of
    control logic. A digital offset adds a counter of active rows.
    """
    area, k = technology.area, spec.cells_per_weight
    per_row = max(1, int(array_width_um / technology.layout.flipflop_width_um))
    row_um2 = array_width_um * technology.layout.row_height_um

    def rows(bits: IntArray) -> FloatArray:
        return row_um2 * (1 + np.ceil(p.n_adcs * bits / per_row))

    cells = p.n_adcs * area.full_adder_um2 * p.precision + rows(p.precision + k)
    inputs = p.n_adcs * area.full_adder_um2 * (p.precision + k) + rows(p.precision + k + p.bits)
    counter = area.full_adder_um2 * (spec.rows - 1) if spec.coding is WeightCoding.OFFSET_DIGITAL else 0.0
    return cells + np.where(p.bits > 1, inputs, 0.0) + counter


def _tree_um2(n_inputs: int, first_bits: IntArray, technology: Technology) -> FloatArray:
    """Area of one adder tree over `n_inputs` [um2]; its first stage adds numbers of `first_bits`."""
    adders, growth = adder_tree(np.asarray([n_inputs]))
    return technology.area.full_adder_um2 * (int(adders[0]) * first_bits + int(growth[0]))


def pe_tree_um2(p: Periphery, spec: CrossbarSpec, technology: Technology) -> FloatArray:
    """Area of the adder trees of one PE [um2]: one below each ADC of a row of crossbars."""
    return spec.pe_side * p.n_adcs * _tree_um2(spec.pe_side, p.sum_bits, technology)


def tile_accumulator_um2(p: Periphery, spec: CrossbarSpec, technology: Technology) -> FloatArray:
    """Area of the accumulator of one tile [um2], which adds over the PEs stacked above each other."""
    return spec.pes_per_side * p.n_adcs * _tree_um2(spec.pes_per_side, p.tile_bits, technology)


def _pe_buffers_um2(
    p: Periphery, spec: CrossbarSpec, technology: Technology, width_um: float, height_um: FloatArray
) -> FloatArray:
    """Area of the input and output registers of one PE [um2], whole columns and rows of flip-flops along its sides."""
    layout = technology.layout
    pe_width, pe_height = spec.pe_side * width_um, spec.pe_side * height_um
    columns = np.ceil(spec.rows * p.bits * layout.row_height_um / pe_height)
    rows = np.ceil(p.n_adcs * (p.tile_bits - 1) * layout.flipflop_width_um / pe_width)
    total: FloatArray = columns * pe_height * layout.flipflop_width_um + rows * pe_width * layout.row_height_um
    return total


def tile_wires_um2(pe_side_um: FloatArray, spec: CrossbarSpec, technology: Technology) -> FloatArray:
    """Area of the H-tree of one tile [um2]: a bus as wide as the tile's rows, longer with more PEs per side."""
    bus_um = spec.pes_per_side * spec.rows * technology.layout.wire_pitch_um
    length = 0.0 if spec.pes_per_side == 1 else (spec.pes_per_side / 2) ** technology.area.tree_growth
    return bus_um * length * pe_side_um
