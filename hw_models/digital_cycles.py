"""Cycles of adders, buffers and wires, where models count them differently (`hw_models/simulator_choices.py`)."""

from __future__ import annotations

import numpy as np

from hw_models.area import Periphery, TileArea, tree_stages
from hw_models.arrays import FloatArray, IntArray
from hw_models.chip_tree import tree_delay_length, wire_delay_length
from hw_models.distinct import Pairing
from hw_models.mapping import Mapping
from hw_models.setting import Setting
from hw_models.simulator_choices import DelayCycles, TileBuffers


def cycle_ns(clock: FloatArray, setting: Setting) -> FloatArray:
    """Unit in which a delay is counted in cycles [ns]: the layer's clock, or 1 ns whatever the clock."""
    if setting.choices.delay_cycles is DelayCycles.NANOSECOND:
        return np.ones_like(clock)
    return clock


def extra_carry_cycles(bits: IntArray, clock: FloatArray, setting: Setting) -> FloatArray:
    """Cycles beyond the first that an adder of `bits` needs until its carry has propagated."""
    carry_ns = setting.technology.timing.adder_bit_ns * bits
    longer: FloatArray = np.maximum(0, np.ceil(carry_ns / cycle_ns(clock, setting)) - 1)
    return longer


def stages_of(n_inputs: IntArray) -> IntArray:
    """Stages of an adder tree: log2 of its inputs, rounded up."""
    return np.ceil(np.log2(n_inputs)).astype(np.int64)


def global_sum_cycles(m: Mapping, p: Periphery, *, clock: FloatArray, setting: Setting, pairing: Pairing) -> FloatArray:
    """Cycles of the sum over tiles, in whole calls, if two sums are formed for each output channel."""
    stages = stages_of(m.tile_rows)
    cycles = pairing.by_shape(stages)
    for stage in range(int(stages.max())):
        extra = extra_carry_cycles(p.tile_bits + 1 + stage, clock, setting)
        cycles += pairing.by_shape(np.where(stages > stage, 1, 0)) * pairing.by_periphery(extra)
    calls = pairing.by_shape(2 * m.positions * m.outputs)
    calls *= pairing.by_periphery(1 / setting.columns_at_once(p))
    whole: FloatArray = np.ceil(calls - 1e-9)
    return whole * cycles


def tile_transfer_cycles(tile: TileArea, clock: FloatArray, setting: Setting) -> FloatArray:
    """Cycles of one transfer on a tile's H-tree."""
    if setting.choices.delay_cycles is DelayCycles.LAYER_CLOCK:
        return np.ones_like(clock)
    length = float(wire_delay_length(np.asarray(setting.crossbar.n_pes)))
    whole: FloatArray = np.ceil(length * tile.pe_side_um / setting.technology.timing.tree_um_per_ns)
    return np.maximum(1.0, whole)


def chip_transfer_cycles(
    m: Mapping, tile: TileArea, *, clock: FloatArray, setting: Setting, pairing: Pairing
) -> FloatArray:
    """Cycles of one transfer on the chip's tree, (designs, layers); zero for a layer with one tile."""
    by_layer = setting.choices.delay_cycles is DelayCycles.LAYER_CLOCK
    reach_um = setting.technology.timing.tree_um_per_ns * cycle_ns(clock, setting)
    hops = pairing.by_shape(tree_delay_length(m.n_tiles) if by_layer else wire_delay_length(m.n_tiles))
    hops *= pairing.by_periphery(tile.tile_side_um / reach_um)
    whole: FloatArray = np.ceil(hops)
    return whole


def tile_input_slowdown(p: Periphery, setting: Setting) -> FloatArray:
    """Factor by which the cores of a tile's input buffer lengthen its cycles, (1, distinct peripherals)."""
    bus = setting.crossbar.pes_per_side * setting.crossbar.rows
    return _slowdown(bus * p.bits, np.full_like(p.bits, bus), setting)


def tile_output_slowdown(p: Periphery, setting: Setting) -> FloatArray:
    """Factor by which the cores of a tile's output buffer lengthen its cycles, (1, distinct peripherals)."""
    width = setting.crossbar.pes_per_side * p.tile_bits
    return _slowdown(width * p.n_adcs, width, setting)


def _slowdown(bits: IntArray, width: IntArray, setting: Setting) -> FloatArray:
    """Width of a register file that stores `bits`, relative to what its cores accept per cycle.

    The cores work in parallel up to the width of the tile's bus.
    """
    if setting.choices.tile_buffers is TileBuffers.WHOLE:
        return np.ones(width.shape)
    core_bits = setting.model.simulator.buffers.tile_core_bits
    core_width = np.sqrt(core_bits)
    bus = setting.crossbar.pes_per_side * setting.crossbar.rows
    cores = np.minimum(np.ceil(bits / core_bits), np.ceil(bus / core_width))
    slowdown: FloatArray = np.where(bits >= core_bits, width / (core_width * cores), 1.0)
    return slowdown


def pe_output_cycles(m: Mapping, p: Periphery, setting: Setting, pairing: Pairing) -> FloatArray:
    """Cycles of the PEs' output buffers, which accept the ADCs' results once per stage of the PE's tree."""
    spec = setting.crossbar
    by_tile_width = setting.choices.tile_buffers is TileBuffers.WHOLE
    stages = tree_stages(spec.pe_side)
    width = p.tile_bits if by_tile_width else p.sum_bits + 1
    fill = m.pe_columns / (spec.pe_side * spec.columns)
    words = pairing.by_shape(fill * m.positions)
    words *= pairing.by_periphery(stages * p.sharing / spec.cells_per_weight * p.sum_bits / width)
    if by_tile_width:
        whole: FloatArray = np.floor(words + 1e-9)
        return whole * pairing.by_shape(2 / m.pe_speedup)
    both_ways: FloatArray = np.floor(2 * words + 1e-9)
    return both_ways * pairing.by_shape(1 / m.pe_speedup)
