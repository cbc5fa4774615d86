"""Dynamic energy of a layer for one image [pJ]: events counted by the mapping, times the energy of each.

The number of events depends only on the shape of a layer, and the energy of an event only on its peripherals.
`energy_terms` lists every pair; the energy of a component is the sum of its products. Two terms that are counted in
whole words or calls are handled separately. The cost model chooses the formula for each event. Leakage is added by
`schedule.py`, because it depends on the time of the whole design.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hw_models.adder_tree import adder_tree
from hw_models.area import Periphery, TileArea
from hw_models.arrays import FloatArray
from hw_models.chip_tree import tree_length
from hw_models.cost_model import Buffers, Overheads
from hw_models.crossbar import WeightCoding
from hw_models.distinct import Pairing
from hw_models.energy_conversion import adc_terms, crossbar_terms
from hw_models.energy_term import EnergyTerm
from hw_models.mapping import Mapping
from hw_models.node_scaling import factor_text
from hw_models.setting import Setting
from hw_models.simulator_choices import GlobalSum

LAYOUT_CONSTANT = "digital.layout_energy_ratio"
COMPONENTS = ("adc", "array", "accumulation", "periphery", "buffers", "interconnect", "activation")


def energy_components(
    terms: list[EnergyTerm], *, m: Mapping, p: Periphery, tile: TileArea, setting: Setting, pairing: Pairing
) -> dict[str, FloatArray]:
    """Energy of a layer for one image by component [pJ], shape (designs, layers)."""
    sums: dict[str, FloatArray] = {}
    for term in terms:
        energy = pairing.by_shape(term.count)
        energy *= pairing.by_periphery(term.energy_pj)
        if term.component in sums:
            sums[term.component] += energy
        else:
            sums[term.component] = energy
    ratio = layout_ratio(setting)
    sums["interconnect"] += ratio * chip_wires_pj(m, p, tile, setting, pairing)
    sums["activation"] = ratio * activation_pj(m, p, setting, pairing)
    return {name: sums[name] for name in COMPONENTS}


def energy_terms(m: Mapping, p: Periphery, tile: TileArea, setting: Setting) -> list[EnergyTerm]:
    """Every kind of event with its count and energy, except the chip's bus and the ReLU units (whole words, calls)."""
    simulated = [
        *crossbar_terms(m, p, setting),
        *_accumulation_terms(m, p, setting),
        *_buffer_terms(m, p, setting),
        *_wire_terms(m, p, tile, setting),
    ]
    ratio = layout_ratio(setting)
    if ratio != 1:
        simulated = [_laid_out(term, ratio) for term in simulated]
    memories = _memory_terms(m, p, setting) if setting.choices.buffers is Buffers.SRAM else []
    return [*adc_terms(m, p, setting), *simulated, *memories]


def _laid_out(term: EnergyTerm, ratio: float) -> EnergyTerm:
    """A simulated event with the surplus of layout."""
    return replace(
        term,
        energy_pj=ratio * term.energy_pj,
        formula=f"layout_energy_ratio x ({term.formula})",
        constants=(*term.constants, LAYOUT_CONSTANT),
    )


def layout_ratio(setting: Setting) -> float:
    """Factor by which layout raises the energy of simulated circuits; 1 where the model ignores it."""
    if setting.choices.overheads is Overheads.NONE:
        return 1.0
    return setting.assumed.digital.layout_energy_ratio


def _accumulation_terms(m: Mapping, p: Periphery, setting: Setting) -> list[EnergyTerm]:
    """Shift-adders, PE trees, tile accumulators and the sum over tiles."""
    spec, energy = setting.crossbar, setting.technology.energy
    k, v, add = spec.cells_per_weight, m.positions, setting.technology.energy.tree_adder_pj
    weights = spec.columns / spec.columns_per_weight
    cells = spec.converted_columns * (energy.full_adder_pj * p.precision + energy.flipflop_pj * (p.precision + k))
    joined = energy.full_adder_pj * (p.precision + k) + energy.flipflop_pj * (p.precision + k + p.bits)
    inputs = np.where(p.bits > 1, weights * joined, 0.0)
    counter = energy.full_adder_pj * (spec.rows - 1) if spec.coding is WeightCoding.OFFSET_DIGITAL else 0.0
    pe_outputs, tile_outputs = spec.pe_side * weights, spec.pes_per_side * weights
    adders, growth = adder_tree(m.tile_rows)
    two_columns = setting.choices.global_sum is GlobalSum.TWO_COLUMNS
    across = m.outputs * (2 if two_columns else m.tile_columns)
    grown = pe_outputs * m.pe_adder_growth + tile_outputs * m.tile_adder_growth + across * growth
    one = np.ones_like(p.sum_bits, dtype=np.float64)
    tree = ("energy.tree_adder_pj",)
    return [
        EnergyTerm(
            component="accumulation",
            event="shift-adders of one crossbar for one output position",
            count=v * m.crossbar_reads * m.row_groups,
            energy_pj=p.bits * (cells + inputs + counter),
            formula="IP x conversions x (adder AP + flip-flop (AP + k)), and for IP > 1 IP x weights x "
            "(adder (AP + k) + flip-flop (AP + k + IP)); k conversions per weight, a pair of columns counts as one",
            constants=("energy.full_adder_pj", "energy.flipflop_pj"),
        ),
        EnergyTerm(
            component="accumulation",
            event="adder of a PE's tree, first-stage bits",
            count=v * pe_outputs * m.pe_adders,
            energy_pj=add * p.sum_bits,
            formula="tree_adder x (AP + IP + k + 1)",
            constants=tree,
        ),
        EnergyTerm(
            component="accumulation",
            event="adder of a tile's accumulator, first-stage bits",
            count=v * tile_outputs * m.tile_adders,
            energy_pj=add * p.tile_bits,
            formula="tree_adder x (AP + IP + k + 1 + log2 of the PE side)",
            constants=tree,
        ),
        EnergyTerm(
            component="accumulation",
            event="adder of the sum over tiles, first-stage bits",
            count=v * across * adders,
            energy_pj=add * (p.tile_bits + 1),
            formula="tree_adder x (AP + IP + k + 2 + log2 of the PE side)",
            constants=tree,
        ),
        EnergyTerm(
            component="accumulation",
            event="additional bit of an adder of a later stage",
            count=v * grown,
            energy_pj=add * one,
            formula="tree_adder",
            constants=tree,
        ),
    ]


def _memory_terms(m: Mapping, p: Periphery, setting: Setting) -> list[EnergyTerm]:
    """Tile and global buffers modelled as published memories."""
    ratio, v = setting.ratios.energy, m.positions
    bit_pj, factor = setting.assumed.digital.buffer_bit_pj * ratio, factor_text(ratio)
    rows = (
        ("input of a tile", m.tile_inputs_sum, p.bits, "IP"),
        ("sum of a tile", m.tile_outputs_sum, 1 + p.tile_bits, "bits"),
        ("input in the global buffer", m.inputs, p.bits, "IP"),
        ("output in the global buffer", m.outputs, p.bits, "IP"),
    )
    return [
        EnergyTerm(
            component="buffers",
            event=f"{event}, written and read",
            count=v * count,
            energy_pj=bit_pj * np.asarray(bits, dtype=np.float64),
            formula=f"buffer_bit x {words}{factor}",
            constants=("digital.buffer_bit_pj",),
        )
        for event, count, bits, words in rows
    ]


def _buffer_terms(m: Mapping, p: Periphery, setting: Setting) -> list[EnergyTerm]:
    """Register files of PEs, and of tiles and chip if the model has no memories for them."""
    energy, v = setting.technology.energy, m.positions
    rows = (
        ("input of a tile", m.tile_inputs_sum, energy.tile_buffer_bit_pj * p.bits, "tile_buffer_bit x IP"),
        ("sum of a tile", m.tile_outputs_sum, energy.tile_buffer_bit_pj * (1 + p.tile_bits), "tile_buffer_bit x bits"),
        ("input of a PE", m.pe_inputs_sum, energy.pe_buffer_bit_pj * p.bits, "pe_buffer_bit x IP"),
        ("sum of a PE", m.pe_outputs_sum, energy.pe_buffer_bit_pj * p.sum_bits, "pe_buffer_bit x (AP + IP + k + 1)"),
        ("input in the global buffer", m.inputs, energy.global_buffer_read_pj * p.bits, "global_buffer_read x IP"),
        ("output in the global buffer", m.outputs, energy.global_buffer_write_pj * p.bits, "global_buffer_write x IP"),
    )
    memories = setting.choices.buffers is Buffers.SRAM
    return [
        EnergyTerm(
            component="buffers",
            event=f"{event}, written and read",
            count=v * count,
            energy_pj=np.asarray(pj, dtype=np.float64),
            formula=formula,
            constants=(f"energy.{formula.split(' x ')[0]}_pj",),
        )
        for event, count, pj, formula in rows
        if event.endswith("of a PE") or not memories
    ]


def _wire_terms(m: Mapping, p: Periphery, tile: TileArea, setting: Setting) -> list[EnergyTerm]:
    """PE buses and the tiles' trees: inputs cross a PE along its rows, ADC results along its columns."""
    spec, wire, v = setting.crossbar, setting.technology.energy.wire_pj_per_um, m.positions
    bus = wire * setting.technology.energy.pe_bus_ratio * max(1, spec.pe_side - 1)
    in_tile = wire * float(tree_length(np.asarray(spec.n_pes))) * tile.pe_side_um
    rows = (
        ("input across a PE", m.pe_inputs_sum, bus * tile.crossbar_width_um * p.bits, "IP x crossbar width"),
        ("sum down a PE", m.pe_outputs_sum, bus * tile.crossbar_height_um * p.precision, "AP x crossbar height"),
        ("input through a tile's tree", m.tile_inputs_sum, in_tile * p.bits, "IP x tree length"),
        ("sum through a tile's tree", m.tile_outputs_sum, in_tile * (1 + p.tile_bits), "bits x tree length"),
    )
    return [
        EnergyTerm(
            component="interconnect",
            event=event,
            count=v * count,
            energy_pj=pj,
            formula=f"wire_pj_per_um x {formula}" + (" x pe_bus_ratio (PE side - 1)" if "a PE" in event else ""),
            constants=("energy.wire_pj_per_um", "energy.pe_bus_ratio"),
        )
        for event, count, pj, formula in rows
    ]


def chip_wires_pj(m: Mapping, p: Periphery, tile: TileArea, setting: Setting, pairing: Pairing) -> FloatArray:
    """Energy of the chip's tree for one image [pJ], (designs, layers): whole words x length x energy of a wire."""
    word = setting.bus_bits(p)
    words = pairing.by_shape(m.positions * (m.inputs + m.outputs))
    words *= pairing.by_periphery(p.bits / word)
    length = pairing.by_shape(tree_length(m.n_tiles))
    wire = setting.technology.energy.wire_pj_per_um * word * tile.tile_side_um
    whole: FloatArray = np.ceil(words - 1e-9)
    return whole * length * pairing.by_periphery(wire)


def activation_pj(m: Mapping, p: Periphery, setting: Setting, pairing: Pairing) -> FloatArray:
    """Energy of the ReLU units for one image [pJ], (designs, layers); they serve all column groups of a tile."""
    at_once = setting.columns_at_once(p)
    calls = pairing.by_shape(m.positions * m.outputs)
    calls *= pairing.by_periphery(1 / at_once)
    each_pj = setting.technology.energy.activation_bit_pj * at_once * p.bits
    whole: FloatArray = np.ceil(calls - 1e-9)
    return whole * pairing.by_periphery(each_pj)
