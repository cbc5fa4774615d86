"""Leakage of one tile [uW]: off-currents of its circuits, present whether or not the tile works.

The reference counts the adders that a layer uses and no leakage in a SAR ADC (its comparator and capacitors are taken as
gated); both are kept. Resistive cells do not leak; a device that does, such as SRAM, adds its own share.
"""

from __future__ import annotations

import numpy as np

from hw_models.area import Periphery
from hw_models.arrays import FloatArray
from hw_models.crossbar import CrossbarSpec
from hw_models.mapping import Mapping, adder_tree
from hw_models.technology import Device, Technology


def tile_leakage_uw(m: Mapping, p: Periphery, spec: CrossbarSpec, device: Device, technology: Technology) -> FloatArray:
    """Leakage of one tile of a layer [uW], shape (designs, layers)."""
    leakage, k = technology.leakage, spec.columns_per_weight
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
        + 1e-6 * device.cell.leakage_pw * spec.rows * spec.columns
    )
    adders, growth = adder_tree(m.crossbar_rows)
    pe_trees = spec.n_pes * spec.pe_side * p.n_adcs * (adders * p.sum_bits + growth)
    adders, growth = adder_tree(m.pe_rows)
    tile_trees = spec.pes_per_side * p.n_adcs * (adders * p.tile_bits + growth)
    side = spec.pes_per_side
    tile_bits = side * (spec.rows * p.bits + p.tile_bits * p.n_adcs)
    pe_bits = spec.n_pes * (spec.rows * p.bits + p.n_adcs * p.sum_bits)
    return (
        spec.n_crossbars * crossbar
        + leakage.tree_adder_uw * (pe_trees + tile_trees)
        + leakage.buffer_bit_uw * (tile_bits + pe_bits)
    )
