"""Energy of a layer for one image [pJ], dynamic: events counted by the mapping, times the energy of each."""

from __future__ import annotations

import numpy as np

from hw_models.adc import (
    flash_encoder_pj,
    flash_fixed_pj,
    flash_sense_ns,
    sar_fixed_pj,
    sar_pj_per_siemens,
)
from hw_models.area import Periphery, TileArea
from hw_models.arrays import FloatArray
from hw_models.crossbar import CrossbarSpec, WeightCoding
from hw_models.latency import cell_ratio, chip_bits, chip_bus_bits, column_ohm, tree_length
from hw_models.mapping import Mapping, adder_tree
from hw_models.technology import Device, Technology

COMPONENTS = ("adc", "array", "accumulation", "periphery", "buffers", "interconnect", "activation")


def energy_components(
    m: Mapping,
    p: Periphery,
    tile: TileArea,
    spec: CrossbarSpec,
    device: Device,
    technology: Technology,
    activity: float,
) -> dict[str, FloatArray]:
    """Energy of a layer for one image by component [pJ], shape (designs, layers)."""
    vectors = m.positions * p.bits
    return {
        "adc": vectors * adc_pj(m, p, spec, device, technology, activity),
        "array": vectors * m.crossbar_reads * array_pj(p, spec, device, technology, activity),
        "accumulation": accumulation_pj(m, p, spec, technology),
        "periphery": vectors * m.crossbar_reads * periphery_pj(p, spec, technology, activity),
        "buffers": buffers_pj(m, p, technology),
        "interconnect": interconnect_pj(m, p, tile, spec, technology),
        "activation": activation_pj(m, p, spec, technology),
    }


def adc_pj(
    m: Mapping, p: Periphery, spec: CrossbarSpec, device: Device, technology: Technology, activity: float
) -> FloatArray:
    """Conversions of a layer for one input-bit vector [pJ], the encoders of Flash ADCs included.

    A conversion costs a fixed part and one that follows the conductance of its column. Columns that hold no weights are
    not converted, but every encoder of a crossbar switches.
    """
    siemens = activity * m.cell_reads * cell_ratio(spec, device) / device.cell.on_ohm
    conversions = m.column_reads + m.crossbar_reads * spec.reference_columns
    sar = conversions * sar_fixed_pj(p.precision, technology.sar)
    sar = sar + siemens * sar_pj_per_siemens(p.precision, technology.sar)
    sense = flash_sense_ns(p.precision, column_ohm(spec, device), technology.flash)
    flash = conversions * flash_fixed_pj(p.precision, sense, technology.flash)
    flash = flash + siemens * 1e3 * technology.flash.conductance_w * sense
    flash = flash + m.crossbar_reads * spec.columns * flash_encoder_pj(p.precision, technology.flash)
    return np.where(p.flash, flash, sar)


def array_pj(p: Periphery, spec: CrossbarSpec, device: Device, technology: Technology, activity: float) -> FloatArray:
    """Lines and cells of one crossbar for one input-bit vector [pJ].

    Active rows are charged in every multiplexer cycle: their wires, and a pulse of the read voltage through their cells.
    """
    energy = technology.energy
    n_cells = spec.rows * spec.columns
    cell = 1e3 * device.cell.read_v**2 / device.cell.on_ohm * energy.cell_pulse_ns
    return n_cells * (energy.line_base_pj + activity * p.sharing * (energy.line_pj + cell))


def periphery_pj(p: Periphery, spec: CrossbarSpec, technology: Technology, activity: float) -> FloatArray:
    """Row switches and multiplexer of one crossbar for one input-bit vector [pJ]."""
    energy = technology.energy
    rows = spec.rows * p.sharing * (energy.row_switch_base_pj + activity * energy.row_switch_active_pj)
    return rows + energy.mux_pj * spec.columns + energy.mux_decoder_pj * p.sharing**2


def accumulation_pj(m: Mapping, p: Periphery, spec: CrossbarSpec, technology: Technology) -> FloatArray:
    """Shift-adders, PE trees, tile accumulators and the sum over tiles, for one image [pJ]."""
    energy, k = technology.energy, spec.columns_per_weight
    cells = spec.columns * (energy.full_adder_pj * p.precision + energy.flipflop_pj * (p.precision + k))
    inputs = (
        spec.columns / k * (energy.full_adder_pj * (p.precision + k) + energy.flipflop_pj * (p.precision + k + p.bits))
    )
    counter = energy.full_adder_pj * (spec.rows - 1) if spec.coding is WeightCoding.OFFSET_DIGITAL else 0.0
    shift_add = m.crossbar_reads * p.bits * (cells + np.where(p.bits > 1, inputs, 0.0) + counter)
    pe_outputs = spec.pe_side * spec.columns / k
    pe_trees = pe_outputs * (m.pe_adders * p.sum_bits + m.pe_adder_growth)
    tile_outputs = spec.pes_per_side * spec.columns / k
    tiles = tile_outputs * (m.tile_adders * p.tile_bits + m.tile_adder_growth)
    adders, growth = adder_tree(m.tile_rows)
    across = m.outputs * m.tile_columns * (adders * (p.tile_bits + 1) + growth)
    return m.positions * (shift_add + energy.tree_adder_pj * (pe_trees + tiles + across))


def buffers_pj(m: Mapping, p: Periphery, technology: Technology) -> FloatArray:
    """Tile, PE and global buffers, for one image [pJ]."""
    energy = technology.energy
    tiles = energy.tile_buffer_bit_pj * (m.tile_inputs_sum * p.bits + m.tile_outputs_sum * (1 + p.tile_bits))
    pes = energy.pe_buffer_bit_pj * (m.pe_inputs_sum * p.bits + m.pe_outputs_sum * p.sum_bits)
    chip = p.bits * (energy.global_buffer_read_pj * m.inputs + energy.global_buffer_write_pj * m.outputs)
    return m.positions * (tiles + pes + chip)


def interconnect_pj(m: Mapping, p: Periphery, tile: TileArea, spec: CrossbarSpec, technology: Technology) -> FloatArray:
    """Wires of PEs, tiles and chip, for one image [pJ]: bits times length times the energy of a wire.

    Inputs cross a PE along its rows, an ADC's results along its columns; both again through the tile's tree, inputs and
    sums of the layer through the chip's. The chip's bus moves whole words.
    """
    wire = technology.energy.wire_pj_per_um
    bus = technology.energy.pe_bus_ratio * max(1, spec.pe_side - 1)
    in_pe = bus * (
        tile.crossbar_width_um * m.pe_inputs_sum * p.bits + tile.crossbar_height_um * m.pe_outputs_sum * p.precision
    )
    bits = m.tile_inputs_sum * p.bits + m.tile_outputs_sum * (1 + p.tile_bits)
    tree = float(tree_length(np.asarray(spec.n_pes)))
    in_tile = tree * tile.pe_side_um * bits
    word = chip_bus_bits(p, spec)
    on_chip = tree_length(m.n_tiles) * tile.tile_side_um * np.ceil(chip_bits(m, p) / word) * word
    return wire * (m.positions * (in_pe + in_tile) + on_chip)


def activation_pj(m: Mapping, p: Periphery, spec: CrossbarSpec, technology: Technology) -> FloatArray:
    """ReLU units, for one image [pJ]; they work a whole row of column groups at a time."""
    at_once = spec.tile_side * spec.columns / p.sharing
    calls = np.ceil(m.positions * m.outputs / at_once)
    return technology.energy.activation_bit_pj * calls * at_once * p.bits
