"""Leakage power of the tiles of a layer [uW]: off-currents of its circuits, whether or not the tile works.

As in the reference, only the adders that a layer uses are counted, and a SAR ADC has no leakage (its comparator and
capacitors are taken as gated). Resistive cells do not leak; devices that do, such as SRAM, add their own share.
"""

from __future__ import annotations

import numpy as np

from hw_models.adder_tree import adder_tree
from hw_models.area import Periphery
from hw_models.arrays import FloatArray, IntArray
from hw_models.distinct import Pairing
from hw_models.mapping import Mapping
from hw_models.register_file import interpolate_log2
from hw_models.setting import Setting
from hw_models.simulator_choices import LeakageCount, TileBuffers


def layer_leakage_uw(m: Mapping, p: Periphery, setting: Setting, pairing: Pairing) -> FloatArray:
    """Leakage power of the tiles of a layer [uW], shape (designs, layers)."""
    spec, leakage = setting.crossbar, setting.technology.leakage
    by_circuits = setting.choices.leakage_count is LeakageCount.CIRCUITS
    pe_adders, pe_growth = adder_tree(m.last_crossbar_rows if by_circuits else m.crossbar_rows)
    tile_adders, tile_growth = adder_tree(m.pe_rows)
    pe_trees, tile_trees = spec.n_pes * spec.pe_side, spec.pes_per_side
    adder_uw = setting.technology.circuit_leakage.adder_bit_uw if by_circuits else leakage.tree_adder_uw
    total = pairing.by_periphery(_circuits_uw(p, setting) if by_circuits else _always_uw(p, setting))
    for count, power in (
        (pe_trees * pe_adders, p.n_adcs * p.sum_bits),
        (tile_trees * tile_adders, p.n_adcs * p.tile_bits),
        (pe_trees * pe_growth + tile_trees * tile_growth, p.n_adcs),
    ):
        total += pairing.by_shape(adder_uw * count) * pairing.by_periphery(power)
    return total * pairing.by_shape(m.n_tiles) * pairing.by_periphery(p.copies)


def _always_uw(p: Periphery, setting: Setting) -> FloatArray:
    """Leakage power of one tile without its adder trees [uW]."""
    spec, leakage = setting.crossbar, setting.technology.leakage
    k, side = spec.cells_per_weight, spec.pes_per_side
    second = np.where(p.bits > 1, 1, 0)
    adder_bits = p.n_adcs * (p.precision + second * (p.precision + k))
    register_bits = p.n_adcs * (p.precision + k + second * (p.precision + k + p.bits))
    comparators = np.where(p.flash, p.n_adcs * (2.0**p.precision - 1), 0.0)
    crossbar = (
        leakage.row_uw * spec.rows
        + leakage.decoder_uw * p.sharing
        + leakage.full_adder_uw * adder_bits
        + leakage.flipflop_uw * register_bits
        + leakage.comparator_uw * comparators
        + 1e-6 * setting.device.cell.leakage_pw * spec.rows * spec.built_columns
    )
    tile_bits = side * (spec.rows * p.bits + p.tile_bits * p.n_adcs)
    pe_bits = spec.n_pes * (spec.rows * p.bits + p.n_adcs * p.sum_bits)
    total: FloatArray = spec.n_crossbars * crossbar + leakage.buffer_bit_uw * (tile_bits + pe_bits)
    return total


def _circuits_uw(p: Periphery, setting: Setting) -> FloatArray:
    """Leakage power of one tile without its adder trees [uW], from constants of individual circuits."""
    spec, leakage = setting.crossbar, setting.technology.circuit_leakage
    k, side = spec.cells_per_weight, spec.pes_per_side
    second = np.where(p.bits > 1, 1, 0)
    adder_bits = p.n_adcs * (p.precision + second * (p.precision + k))
    register_bits = p.n_adcs * (p.precision + k + second * (p.precision + k + p.bits))
    level_uw = np.interp(p.precision, leakage.encoder_bits, leakage.encoder_level_uw)
    crossbar = (
        spec.rows * np.interp(p.sharing, leakage.crossbar_sharing, leakage.crossbar_row_uw)
        + leakage.adder_bit_uw * adder_bits
        + leakage.register_bit_uw * register_bits
        + np.where(p.flash, p.n_adcs * level_uw * 2.0**p.precision, 0.0)
        + 1e-6 * setting.device.cell.leakage_pw * spec.rows * spec.built_columns
    )
    pe_bits = spec.n_pes * (spec.rows * p.bits + p.n_adcs * (p.sum_bits + 1))
    total: FloatArray = (
        spec.n_crossbars * crossbar
        + leakage.register_bit_uw * pe_bits
        + _file_uw(side * spec.rows * p.bits, p.bits, setting)
        + _file_uw(side * p.tile_bits * p.n_adcs, p.n_adcs, setting)
    )
    return total


def _file_uw(bits: IntArray, entries: IntArray, setting: Setting) -> FloatArray:
    """Leakage power of a register file of a tile [uW]; if it has several cores, one is counted."""
    leakage = setting.technology.circuit_leakage
    if setting.choices.tile_buffers is TileBuffers.CORES:
        core_bits = setting.model.simulator.buffers.tile_core_bits
        entries = np.where(bits >= core_bits, round(core_bits**0.5), entries)
        bits = np.minimum(bits, round(core_bits))
    decoder = interpolate_log2(np.log2(entries), leakage.decoder_entries, leakage.decoder_uw)
    return leakage.register_bit_uw * bits + decoder
