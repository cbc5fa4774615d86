"""Constants of a node's technology file from results of DNN+NeuroSim V1.3; `fit_hardware.py --nodes` calls it.

Every function gives constants by "section.key" in closed form or by least squares of relative errors, from the columns
of single circuits (`sa_*`, `pe_*`, `tl_*`, `clk_t_*`) wherever there is one. What the rows of a node do not tell, such
as multiplexers of 64 columns, follows the proportions of the 32-nm file.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from node_energies import circuit_leakage, column_sensing, energies, logic_energies
from node_rows import SHARINGS, SIDE, Array, Value, by_sharing, median, pe_side_um, solve, with_counts
from reference import Rows, select

from hw_models import Technology, load_device
from hw_models.chip_tree import wire_delay_length

WIRES = {
    130: (175, 2.20, 1.6),
    90: (110, 2.52, 1.6),
    65: (105, 2.68, 1.7),
    45: (80, 3.31, 1.7),
    32: (56, 3.70, 1.8),
    22: (40, 4.03, 1.9),
    14: (25, 5.08, 2.0),
    10: (18, 6.35, 2.0),
    7: (18, 6.35, 2.0),
}
"""Width [nm], resistivity [1e-8 ohm m] and aspect ratio of a node's wires, as published with DNN+NeuroSim V1.3."""


def node_constants(rows: Rows, capped: Rows, node_nm: int, base: Technology) -> dict[str, Value]:
    """All constants that a node's rows tell.

    Args:
        rows: of the node, with default buffer cores and without capped sensing.
        capped: its rows whose Flash sensing stands at its cap; they tell this time alone.
        node_nm: the node.
        base: the circuits of the 32-nm file.
    """
    sensed = with_counts({name: np.concatenate([values, capped[name]]) for name, values in rows.items()})
    rows = {name: values[: len(rows["F"])] for name, values in sensed.items()}
    width_nm, resistivity, aspect = WIRES[node_nm]
    found: dict[str, Value] = {
        "node.feature_nm": float(node_nm),
        "node.vdd_v": median(rows["vdd_v"]),
        "column.wire_ohm": 10 * resistivity / (aspect * width_nm),
    }
    found |= areas(rows, node_nm, base) | converters(rows, node_nm, base) | delays(rows, base)
    found |= energies(rows) | logic_energies(rows) | circuit_leakage(rows)
    found |= column_sensing(sensed, found)
    return found


def areas(rows: Rows, node_nm: int, base: Technology) -> dict[str, Value]:
    """Layout and areas of circuits."""
    array_um = SIDE * 12e-3 * node_nm
    large = select(rows, rows["CS"] > 2)
    row_um = median(large["sa_mux_um2"] / large["CS"]) / array_um
    one_bit = select(rows, rows["IP"] == 1)
    flipflop = median(one_bit["tl_inbuf_um2"] / (2 * SIDE))
    sar = select(rows, rows["AT"] == "SAR")
    below = sum(sar[f"sa_{part}_um2"] for part in ("adc", "shiftadd", "mux", "slswitch"))
    whole = select(rows, rows["tl_outbuf_um2"] < 1024 * flipflop)
    decoder = whole["tl_outbuf_um2"] - flipflop * 2 * whole["T"] * whole["n"]
    entries = [median(decoder[whole["n"] == n]) for n in (2, 4, 8, 16, 32)]
    beyond = base.area.register_decoder_um2[6] / base.area.register_decoder_um2[5]
    mux = by_sharing(rows, rows["sa_muxdec_um2"])
    wider = [mux[-1] * size / base.area.mux_decoder_um2[5] for size in base.area.mux_decoder_um2[6:]]
    pool = rows["chip_area_maxpool_um2"] / (8 * SIDE)
    pool_base, pool_bit = solve([np.ones(1), rows["IP"]], pool)
    adders = 4 * rows["n"] * (3 * rows["S"] + 1)
    return {
        "layout.row_height_um": row_um,
        "layout.flipflop_width_um": flipflop / row_um,
        "layout.subarray_extra_width_um": median(rows["sa_width_um"]) - array_um,
        "layout.subarray_extra_height_um": median(sar["sa_height_um"] - below / array_um) - SIDE * 4e-3 * node_nm,
        "layout.wire_pitch_um": median(rows["tl_htree_um2"] / pe_side_um(rows) / (2 * SIDE)),
        "area.row_switch_um2": median(rows["sa_wlswitch_um2"]) / SIDE,
        "area.level_shifter_um2": median(rows["sa_lvlshift_um2"]) / SIDE,
        "area.column_switch_um2": median(rows["sa_slswitch_um2"]) / SIDE,
        "area.full_adder_um2": median(rows["pe_addertree_um2"] / adders),
        "area.flipflop_um2": flipflop,
        "area.mux_pair_um2": median(rows["sa_mux_um2"][rows["CS"] == 2]),
        "area.mux_decoder_um2": [0.0, *mux, *wider],
        "area.register_decoder_um2": [0.0, *(max(0.0, round(size, 9)) for size in entries), entries[-1] * beyond],
        "area.buffer_core_um2": median(rows["chip_area_gbuf_um2"] / rows["gbuf_cores"]),
        "area.pooling_base_um2": pool_base,
        "area.pooling_bit_um2": pool_bit,
    }


def converters(rows: Rows, node_nm: int, base: Technology) -> dict[str, Value]:
    """Area, delay and energy of SAR and Flash ADCs."""
    sar, flash = select(rows, rows["AT"] == "SAR"), select(rows, rows["AT"] == "Flash")
    base_um2, bit_um2 = solve([sar["n"], sar["n"] * sar["AP"]], sar["sa_adc_um2"])
    power = 1e3 * sar["sa_e_adc_pJ"] / (SIDE * (sar["AP"] + 1))
    base_uw, bit_uw, sar_w = solve([np.ones(1), sar["AP"], sar["sa_col_g_mean_uS"]], power)
    levels = 2 ** flash["AP"] - 1
    whole_um2 = median(flash["sa_comparators_um2"] / (levels * flash["n"]))
    kept = base.flash.comparator_um2 / (base.flash.comparator_um2 + base.flash.comparator_nmos_um2)
    # The energies are those of full crossbars, so the sensing time must be theirs as well.
    full = select(flash, flash["Cin"] * flash["k"] ** 2 >= SIDE)
    power = 1e3 * full["sa_e_adc_pJ"] / (SIDE * full["clk_t_sense_ns"])
    comparator_uw, flash_w = solve([2 ** full["AP"] - 1, full["sa_col_g_mean_uS"]], power)
    # A gate's width is that of the 32-nm gates, in features, by as much as the node's cells are wider.
    wider = median(rows["tl_inbuf_um2"][rows["IP"] == 1] / (2 * SIDE)) / base.area.flipflop_um2 * 32 / node_nm
    base_ns, level_ns = solve([np.ones(1), 2 ** flash["AP"]], flash["clk_t_enc_ns"])
    base_pj, level_pj = solve([np.ones(1) * SIDE, SIDE * 2 ** flash["AP"]], flash["sa_e_encoder_pJ"])
    # At 65 nm the polynomial of V1.3 runs away on 6 kohm cells: one time for all columns then.
    low, high = (median(flash["clk_t_sense_ns"][flash["ron_ohm"] == ohm]) for ohm in (6000, 100000))
    device = load_device("rram-100k").cell
    column_ohm = device.on_ohm / (0.25 * SIDE * device.conductance_ratio)
    return {
        "sar.base_um2": base_um2,
        "sar.bit_um2": bit_um2,
        "sar.base_uw": base_uw,
        "sar.bit_uw": bit_uw,
        "sar.conductance_w": sar_w,
        "flash.comparator_um2": kept * whole_um2,
        "flash.comparator_nmos_um2": (1 - kept) * whole_um2,
        "flash.encoder_base_um": base.flash.encoder_base_um * wider,
        "flash.encoder_input_um": base.flash.encoder_input_um * wider,
        "flash.sense_ns": min(low, high),
        "flash.sense_ns_per_octave": max(0.0, high - low) / np.log2(column_ohm / base.flash.sense_onset_ohm),
        "flash.encoder_base_ns": max(0.0, base_ns),
        "flash.encoder_level_ns": level_ns,
        "flash.comparator_uw": comparator_uw,
        "flash.conductance_w": flash_w,
        "flash.encoder_base_pj": max(0.0, base_pj),
        "flash.encoder_level_pj": level_pj,
    }


def delays(rows: Rows, base: Technology) -> dict[str, Value]:
    """Delays of multiplexers, columns, adders and wires.

    All rows have 64 columns, so that a multiplexer's delay for each sharing is one number; its decoder and its lines
    have the parts of it that they have at 32 nm. Delays of adders and wires are told by whole cycles of 1 ns: the
    middle of the interval that gives as many of them right as any.
    """
    timing = base.timing
    points = np.array([2.0**i for i in range(8)])
    usual = np.array(timing.mux_decoder_ns) + np.array(timing.mux_drive_ns) * SIDE / points
    scale = np.interp(np.log2(points), np.log2(SHARINGS), by_sharing(rows, rows["clk_t_mux_ns"]) / usual[1:6])
    settled = [median(rows["clk_t_col_ns"][rows["ron_ohm"] == ohm]) for ohm in (6000, 100000)]
    slow, fast = (load_device(name).cell.settling_ohm for name in ("rram-6k", "rram-100k"))
    slope = (settled[0] - settled[1]) / (slow - fast)
    return {
        "timing.mux_decoder_ns": (scale * timing.mux_decoder_ns).tolist(),
        "timing.mux_drive_ns": (scale * timing.mux_drive_ns).tolist(),
        "timing.column_base_ns": max(0.0, settled[1] - slope * fast),
        "timing.column_ns_per_ohm": slope,
        "timing.tree_um_per_ns": _middle(np.geomspace(200, 2000, 2000), lambda reach: _wrong_hops(rows, reach)),
        "timing.adder_bit_ns": _middle(np.geomspace(0.01, 0.8, 1500), lambda bit_ns: _wrong_carries(rows, bit_ns)),
    }


def _middle(candidates: Array, wrong: Callable[[float], float]) -> float:
    """The middle of the candidates that are least often wrong."""
    scores = np.array([wrong(float(value)) for value in candidates])
    return median(candidates[scores == scores.min()])


def _wrong_hops(rows: Rows, reach_um: float) -> float:
    """How many rows' transfers on the tree of a tile or of the chip take other whole nanoseconds than the data."""
    clock, v = rows["clk_ns"], rows["V"]
    transfers = v * (rows["m_tile_inputs"] * rows["IP"] + rows["m_tile_outputs"] * (1 + rows["T"])) / (2 * SIDE)
    in_tile = np.ceil(wire_delay_length(np.array(4)) * pe_side_um(rows) / reach_um)
    wrong = np.abs(transfers * in_tile * clock / rows["lat_tileic_ns"] - 1) > 1e-3
    n_tiles = rows["m_n_tiles"].astype(np.int64)
    hops = np.ceil(wire_delay_length(n_tiles) * np.sqrt(rows["tile_area_um2"]) / reach_um)
    words = v * (rows["m_inputs"] + rows["m_outputs"]) * rows["IP"] / rows["gbus_width_bits"]
    chip = np.abs(np.ceil(hops * words - 1e-9) * clock - rows["lat_gic_ns"]) > 1e-3 * rows["lat_gic_ns"]
    return float(wrong.sum() + chip.sum())


def _wrong_carries(rows: Rows, bit_ns: float) -> float:
    """How many rows' adders take other whole nanoseconds than the data."""
    v, clock = rows["V"], rows["clk_ns"]
    stages = [np.ceil(np.log2(rows[f"m_{name}"])) for name in ("crossbar_rows", "pe_rows", "tile_rows")]
    steps = rows["CS"] // 2
    joined = rows["IP"] * (rows["CS"] + np.where(rows["IP"] > 1, steps, 0))

    def cycles(n_stages: Array, first_bits: Array) -> Array:
        carries = [np.where(n_stages > i, np.ceil(bit_ns * (first_bits + i)), 0) for i in range(5)]
        return np.asarray(np.maximum(n_stages, np.sum(carries, axis=0)))

    in_tile = v / rows["m_copies"] * (joined + steps * cycles(stages[0], rows["S"])) + v * steps * cycles(
        stages[1], rows["T"]
    )
    calls = np.ceil(v * 2 * rows["Cout"] / (8 * rows["n"]) - 1e-9)
    wrong = np.abs(in_tile * clock / (rows["lat_accum_ns"] - rows["lat_gaccum_ns"]) - 1) > 1e-3
    chip = np.abs(calls * cycles(stages[2], rows["T"] + 1) * clock - rows["lat_gaccum_ns"]) > 1e-3 * clock
    return float(wrong.sum() + chip.sum())
