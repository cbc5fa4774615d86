"""Energies, leakage and sensing of a node from results of DNN+NeuroSim V1.3; part of the fits of `node_fits`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from node_rows import SHARINGS, SIDE, Array, Value, median, pe_side_um, solve
from reference import Rows, select
from scipy.optimize import nnls

from hw_models.chip_tree import tree_length


def energies(rows: Rows) -> dict[str, Value]:
    """Lines, cells, switches and multiplexers."""
    cells, active = SIDE**2, SIDE**2 * 0.25 * rows["CS"]
    base, line, pulse = solve([np.ones(1) * cells, active, active * 250 / rows["ron_ohm"]], rows["sa_e_array_pJ"])
    column, decoder = solve([np.ones(1) * SIDE, rows["CS"] ** 2], rows["sa_e_mux_pJ"] * rows["IP"])
    listed = sum(rows[f"en_{name}_pJ"] for name in ("tilebuf", "tileic", "gbuf", "gic", "relu"))
    selected = rows["V"] * rows["m_crossbar_reads"] * rows["sa_e_mux_pJ"] * rows["IP"]
    switched = rows["V"] * rows["IP"] * SIDE * rows["CS"]
    row_base, row_active = solve(
        [switched * rows["m_crossbar_reads"], switched * 0.25 * rows["m_used_crossbar_reads"]],
        rows["en_other_pJ"] - listed - selected,
    )
    return {
        "energy.line_base_pj": base,
        "energy.line_pj": line,
        "energy.cell_pulse_ns": pulse,
        "energy.row_switch_base_pj": row_base,
        "energy.row_switch_active_pj": row_active,
        "energy.mux_pj": column,
        "energy.mux_decoder_pj": decoder,
    }


def logic_energies(rows: Rows) -> dict[str, Value]:
    """Adders, flip-flops, buffers and wires."""
    v, bits, trees = rows["V"], rows["IP"], 4 * SIDE / 2
    adder, flipflop = solve([SIDE * rows["AP"], SIDE * (rows["AP"] + 2)], rows["sa_e_shiftaddW_pJ"])
    shifted = rows["sa_e_shiftaddW_pJ"] + rows["sa_e_shiftaddI_pJ"]
    sums = trees * (rows["m_pe_adders"] * rows["S"] + rows["m_pe_adder_growth"]) + trees / 2 * (
        rows["m_tile_adders"] * rows["T"] + rows["m_tile_adder_growth"]
    )
    added = rows["en_accum_pJ"] - rows["en_gaccum_pJ"] - v * rows["m_crossbar_reads"] * bits * shifted
    in_use = sums > 0
    read, write = solve([v * bits * rows["m_inputs"], v * bits * rows["m_outputs"]], rows["en_gbuf_pJ"])
    in_pe = v * (rows["m_pe_inputs_sum"] * bits + rows["m_pe_outputs_sum"] * rows["S"])
    in_tile = v * (rows["m_tile_inputs_sum"] * bits + rows["m_tile_outputs_sum"] * (1 + rows["T"]))
    tile_bit, pe_bit = solve([in_tile, in_pe], rows["en_tilebuf_pJ"])
    at_once = 8 * rows["n"]
    calls = np.ceil(v * rows["Cout"] / at_once - 1e-9) * at_once
    two = select(rows, rows["m_n_tiles"] == 2)
    words = np.ceil((two["m_inputs"] + two["m_outputs"]) * two["IP"] * two["V"] / two["gbus_width_bits"] - 1e-9)
    wire = median(two["en_gic_pJ"] / (words * two["gbus_width_bits"] * 0.5 * np.sqrt(two["tile_area_um2"])))
    across = (
        3
        * v
        * (
            rows["m_pe_inputs_sum"] * rows["sa_width_um"] * bits
            + rows["m_pe_outputs_sum"] * rows["sa_height_um"] * rows["AP"]
        )
    )
    through = in_tile * float(tree_length(np.array(4))) * pe_side_um(rows)
    return {
        "energy.full_adder_pj": adder,
        "energy.tree_adder_pj": median(added[in_use] / (v * sums)[in_use]),
        "energy.flipflop_pj": flipflop,
        "energy.tile_buffer_bit_pj": tile_bit,
        "energy.pe_buffer_bit_pj": pe_bit,
        "energy.global_buffer_read_pj": read,
        "energy.global_buffer_write_pj": write,
        "energy.activation_bit_pj": median(rows["en_relu_pJ"] / (calls * bits)),
        "energy.wire_pj_per_um": wire,
        "energy.pe_bus_ratio": median((rows["en_tileic_pJ"] / wire - through) / across),
    }


def circuit_leakage(rows: Rows) -> dict[str, Value]:
    """Leakage of circuits: those of a crossbar from its own column, the decoders of registers from what remains."""
    n, bits = rows["n"], rows["AP"] + 2
    second, flash = rows["IP"] > 1, rows["AT"] == "Flash"
    precisions = range(3, 9)
    parts = [1.0 * (rows["CS"] == sharing) for sharing in SHARINGS]
    parts += [n * (rows["AP"] + second * bits), n * (bits + second * (bits + rows["IP"]))]
    parts += [n * flash * (rows["AP"] == precision) for precision in precisions]
    target = rows["sa_leak_uW"]
    found, _ = nnls(np.stack(parts, axis=1) / target[:, np.newaxis], np.ones(len(target)))
    crossbar, adder, register, encoders = found[:5], found[5], found[6], found[7:]
    last = np.ceil(((rows["Cin"] * rows["k"] ** 2 - 1) % (4 * SIDE) + 1) / SIDE)
    adders = 16 * n * np.select([last > 3, last > 1], [3 * rows["S"] + 1, rows["S"]], 0.0)
    adders = adders + 2 * n * np.where(rows["m_pe_rows"] > 1, rows["T"], 0.0)
    inputs, outputs = 2 * SIDE * rows["IP"], 2 * rows["T"] * n
    registers = 4 * (SIDE * rows["IP"] + n * (rows["S"] + 1)) + np.minimum(inputs, 1024) + np.minimum(outputs, 1024)
    rest = rows["leak_tile_uW"] - 64 * target - adder * adders - register * registers
    entries = [np.where(size >= 1024, 32, own) for size, own in ((inputs, rows["IP"]), (outputs, n))]
    decoders, _ = nnls(np.stack([sum(1.0 * (own == size) for own in entries) for size in SHARINGS], axis=1), rest)
    slope = (crossbar[4] - crossbar[3]) / 16
    rows_uw = np.array([crossbar[0], *crossbar, crossbar[4] + 32 * slope, crossbar[4] + 96 * slope]) / SIDE
    return {
        "circuit_leakage.crossbar_row_uw": rows_uw.tolist(),
        "circuit_leakage.adder_bit_uw": float(adder),
        "circuit_leakage.register_bit_uw": float(register),
        "circuit_leakage.encoder_level_uw": [
            float(power) / 2**precision for power, precision in zip(encoders, precisions, strict=True)
        ],
        "circuit_leakage.decoder_uw": [0.0, *(float(power) for power in decoders)],
    }


def column_sensing(rows: Rows, found: Mapping[str, Value]) -> dict[str, Value]:
    """Settling of columns by resistances, and the table of Flash sensing: what the clock waits for, and the mean.

    Args:
        rows: of the node, those whose sensing stands at its cap as well.
        found: its constants of ADCs and of energies.
    """
    mean_ohm = rows["ron_ohm"] * (1 + rows["on_off"]) / 2
    by_ohm, by_access = solve([mean_ohm, mean_ohm / rows["ron_ohm"]], rows["clk_t_col_ns"])
    flash = select(rows, rows["AT"] == "Flash")
    used = np.minimum(SIDE, flash["Cin"] * flash["k"] ** 2)
    ohm = 1e6 / flash["sa_col_g_mean_uS"] * SIDE / used
    slowest, mean, octave = flash["clk_t_sense_ns"], _mean_sense_ns(flash, found), np.round(np.log2(ohm))
    places = [octave == i for i in np.unique(octave)]
    if np.all(np.abs(slowest - 1) < 2e-3):
        places = [octave > 0]
    return {
        "column.settle_ns_per_ohm": by_ohm,
        "column.settle_access_ns": by_access,
        "column.sense_ohm": [median(ohm[place]) for place in places],
        "column.sense_ns": [median(slowest[place]) for place in places],
        "column.mean_sense_ns": [median(mean[place]) for place in places],
    }


def _mean_sense_ns(flash: Rows, found: Mapping[str, Value]) -> Array:
    """Time for which Flash ADCs are charged their power, from a layer's energy [ns]."""

    def value(key: str) -> float:
        number = found[key]
        assert isinstance(number, float)
        return number

    v = flash["V"] * flash["IP"]
    active = 0.25 * flash["CS"] * (value("energy.line_pj") + 250 / flash["ron_ohm"] * value("energy.cell_pulse_ns"))
    array = SIDE**2 * (
        value("energy.line_base_pj") * flash["m_crossbar_reads"] + active * flash["m_used_crossbar_reads"]
    )
    encoders = flash["m_crossbar_reads"] * flash["sa_e_encoder_pJ"]
    comparators = value("flash.comparator_uw") * (2 ** flash["AP"] - 1) * flash["m_column_reads"]
    cells = value("flash.conductance_w") * flash["sa_col_g_mean_uS"] / SIDE * flash["m_cell_reads"]
    mean: Array = (flash["en_adc_pJ"] / v - array - encoders) / (1e-3 * (comparators + cells))
    return mean
