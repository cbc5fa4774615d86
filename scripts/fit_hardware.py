"""Fits the constants of hw_models to the reference data and shows them beside the values in use.

Every constant has a closed form in one or a few columns of the data: areas of circuits from the sa_*, pe_* and tl_*
columns, delays from clk_*, energies from sa_e_* and en_*. Every fifth row is held out and plays no part; the accuracy
benchmark reports those rows apart. The script changes nothing: a new value goes into the TOML file by hand, with this
script as its source, after its difference has been understood.

With `--nodes` it fits the technology files of nine nodes to results of DNN+NeuroSim V1.3 (folder `upstream` of the
reference data, of which it holds out every fifth row of a node), and with `--write` it writes these files.

Usage: python scripts/fit_hardware.py [--reference FOLDER] [--nodes [--write]]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from node_files import write_nodes
from reference import Rows, read_rows, select
from scipy.optimize import nnls

from hw_models import Device, HardwareModelError, load_device, load_technology

DEFAULT_REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"
HELD_OUT_EVERY = 5
Array = npt.NDArray[np.float64]
Fit = tuple[str, float | list[float]]


def main() -> None:
    """Print every fitted constant, the value in use and their relative difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=Path, default=DEFAULT_REFERENCE, help="folder of the reference data")
    parser.add_argument("--nodes", action="store_true", help="fit the technology files of nine nodes")
    parser.add_argument("--write", action="store_true", help="with --nodes: write the files")
    arguments = parser.parse_args()
    folder = arguments.reference
    try:
        if arguments.nodes:
            write_nodes(read_rows(folder / "upstream" / "layers.csv.gz"), leakage, write=arguments.write)
            return
        rows = read_rows(folder / "layers.csv.gz")
    except HardwareModelError as error:
        raise SystemExit(str(error)) from None
    fitted = np.arange(len(rows["F"])) % HELD_OUT_EVERY != 0
    rows = select(rows, fitted & (rows["cs_legal"] == 1))
    technology = load_technology("cmos-32nm-lstp").constants
    print(
        f"{len(rows['F'])} rows, every fifth held out\n"
        f"{'constant':34s} {'fitted':>12s} {'in use':>12s} {'difference':>11s}"
    )
    for name, value in (*area(rows), *timing(rows), *array_energy(rows), *converter_energy(rows), *logic_energy(rows)):
        show(name, value, technology[name].value)
    for name, value in leakage(rows):
        show(name, value, technology[name].value)
    for device_name in ("rram-6k", "rram-100k"):
        device = load_device(device_name)
        for name, value in device_constants(rows, device):
            show(name, value, device.constants[name].value, device_name)


def show(name: str, value: float | list[float], used: float | tuple[float, ...], owner: str = "") -> None:
    """One line a number."""
    values = value if isinstance(value, list) else [value]
    in_use = [used] if isinstance(used, float) else used[-len(values) :]
    for fit, old in zip(values, in_use, strict=True):
        print(f"{owner + ' ' + name if owner else name:34s} {fit:12.6g} {old:12.6g} {100 * (fit / old - 1):10.3f}%")


def solve(columns: list[Array], target: Array) -> list[float]:
    """Least squares of relative errors."""
    weighted = np.stack(columns, axis=1) / target[:, np.newaxis]
    return [float(x) for x in np.linalg.lstsq(weighted, np.ones(len(target)), rcond=None)[0]]


def where(rows: Rows, **wanted: float | str) -> Rows:
    """Rows with these values."""
    mask = np.ones(len(rows["F"]), dtype=bool)
    for name, value in wanted.items():
        mask &= rows[name] == value
    return select(rows, mask)


def adcs(rows: Rows) -> Array:
    """ADCs of a crossbar."""
    count: Array = rows["xbar"] / rows["CS"]
    return count


def area(rows: Rows) -> Iterator[Fit]:
    """Areas of circuits."""
    for name, column in (("row_switch", "wlswitch"), ("level_shifter", "lvlshift"), ("column_switch", "slswitch")):
        yield f"area.{name}_um2", float(np.median(rows[f"sa_{column}_um2"] / rows["xbar"]))
    sar = where(rows, AT="SAR")
    base, bit = solve([adcs(sar), adcs(sar) * sar["AP"]], sar["sa_adc_um2"])
    yield "sar.base_um2", base
    yield "sar.bit_um2", bit
    one = select(rows, (rows["AT"] == "Flash") & (rows["CS"] == rows["xbar"]) & (rows["xbar"] > 32))
    levels, row_um2 = 2 ** one["AP"] - 1, one["xbar"] * 12 * 0.032 * 0.896
    yield "flash.comparator_um2", float(np.median(one["sa_adc_um2"] / levels - row_um2))
    standard = where(rows, xbar=64, pe_xbars=16)
    nc = 8 / standard["cellbit"]
    first = standard["AP"] + standard["IP"] + nc + 1
    yield "area.full_adder_um2", float(np.median(standard["pe_addertree_um2"] / (4 * adcs(standard) * (3 * first + 1))))
    inputs = where(rows, IP=1)
    yield "area.flipflop_um2", float(np.median(inputs["tl_inbuf_um2"] / inputs["tl_inbuf_width_bits"]))
    yield (
        "area.mux_decoder_um2",
        [float(np.median(where(rows, CS=sharing)["sa_muxdec_um2"])) for sharing in (4, 8, 16, 32, 64, 128)],
    )
    small = select(rows, (rows["CS"] >= 4) & (rows["xbar"] == 64) & (rows["pe_xbars"] == 16))
    yield "layout.subarray_extra_width_um", float(np.median(small["pe_outbuf_um2"] / (4 * 0.896)) - 24.576)
    pe_um2 = (
        16 * standard["sa_area_um2"]
        + standard["pe_addertree_um2"]
        + standard["pe_inbuf_um2"]
        + standard["pe_outbuf_um2"]
    )
    yield "layout.wire_pitch_um", float(np.median(standard["tl_htree_um2"] / np.sqrt(pe_um2) / 128))
    yield "area.buffer_core_um2", float(np.median(rows["chip_area_gbuf_um2"] / rows["gbuf_cores"]))
    columns = 8 * rows["xbar"]
    base, bit = solve([columns, columns * rows["IP"]], rows["chip_area_maxpool_um2"])
    yield "area.pooling_base_um2", base
    yield "area.pooling_bit_um2", bit


def timing(rows: Rows) -> Iterator[Fit]:
    """Delays of the clock's parts."""
    usual = select(rows, np.isin(rows["ron_ohm"], (6000, 100000)))
    decoder, drive = [], []
    for sharing in (2, 4, 8, 16, 32, 64):
        part = where(usual, CS=sharing)
        line = np.polyfit(adcs(part), part["clk_t_mux_ns"], 1)
        decoder.append(float(line[1]))
        drive.append(float(line[0]))
    last = float(np.median(where(usual, CS=128)["clk_t_mux_ns"]))
    yield "timing.mux_decoder_ns", [*decoder, last - drive[-1]]
    yield "timing.mux_drive_ns", [*drive, drive[-1]]
    ten = where(rows, on_off=10)
    slope, base = np.polyfit(ten["ron_ohm"], ten["clk_t_col_ns"], 1)
    yield "timing.column_base_ns", float(base)
    yield "timing.column_ns_per_ohm", float(slope)
    flash = where(rows, AT="Flash")
    slope, base = np.polyfit(2 ** flash["AP"], flash["clk_t_enc_ns"], 1)
    yield "flash.encoder_base_ns", float(base)
    yield "flash.encoder_level_ns", float(slope)


def array_energy(rows: Rows) -> Iterator[Fit]:
    """Lines, cells and row switches of one crossbar."""
    cells = rows["xbar"] ** 2
    active = cells * rows["p_act"] * rows["CS"]
    base, line, pulse = solve([cells, active, active * 1e3 * 0.25 / rows["ron_ohm"]], rows["sa_e_array_pJ"])
    yield "energy.line_base_pj", base
    yield "energy.line_pj", line
    yield "energy.cell_pulse_ns", pulse
    switched = rows["xbar"] * rows["CS"]
    base, active_pj = solve([switched, switched * rows["p_act"]], rows["sa_e_wlswitch_pJ"])
    yield "energy.row_switch_base_pj", base
    yield "energy.row_switch_active_pj", active_pj
    per_position = rows["sa_e_mux_pJ"] * rows["IP"]
    column, decoder = solve([rows["xbar"], rows["CS"] ** 2], per_position)
    yield "energy.mux_pj", column
    yield "energy.mux_decoder_pj", decoder


def converter_energy(rows: Rows) -> Iterator[Fit]:
    """SAR and Flash, the part that does not depend on the column; 100 kohm and 6 kohm cells together."""
    part = select(rows, np.isin(rows["set"], ("main", "main_ron6k_150")))
    sar = where(part, AT="SAR")
    time = sar["xbar"] * (sar["AP"] + 1)
    resistive = [1e-3 * time * (sar["ron_ohm"] == ron) for ron in (6000, 100000)]
    base, bit, *_ = solve([1e-3 * time, 1e-3 * time * sar["AP"], *resistive[:1]], sar["sa_e_adc_pJ"])
    high = load_device("rram-100k").cell
    column = (
        0.25 * 64 * high.conductance_ratio / high.on_ohm * 1e6 * load_technology("cmos-32nm-lstp").sar.conductance_w
    )
    yield "sar.base_uw", base - column
    yield "sar.bit_uw", bit
    flash = where(part, AT="Flash")
    time = flash["xbar"] * flash["clk_t_sense_ns"]
    constant = [time * (flash["ron_ohm"] == ron) for ron in (6000, 100000)]
    comparator, *_ = solve([1e-3 * time * (2 ** flash["AP"] - 1), *constant], flash["sa_e_adc_pJ"])
    yield "flash.comparator_uw", comparator
    base, level = solve([flash["xbar"], flash["xbar"] * 2 ** flash["AP"]], flash["sa_e_encoder_pJ"])
    yield "flash.encoder_base_pj", base
    yield "flash.encoder_level_pj", level


def logic_energy(rows: Rows) -> Iterator[Fit]:
    """Adders, flip-flops, buffers and wires."""
    nc = 8 / rows["cellbit"]
    columns = rows["xbar"]
    adder, flipflop = solve([columns * rows["AP"], columns * (rows["AP"] + nc)], rows["sa_e_shiftaddW_pJ"])
    yield "energy.full_adder_pj", adder
    yield "energy.flipflop_pj", flipflop
    at_once = 8 * rows["xbar"] / rows["CS"]
    calls = np.ceil(rows["F"] ** 2 * rows["Cout"] / at_once) * at_once
    yield "energy.activation_bit_pj", float(np.median(rows["en_relu_pJ"] / (calls * rows["IP"])))
    vectors = rows["F"] ** 2 * rows["IP"]
    read, write = solve([vectors * rows["Cin"] * rows["k"] ** 2, vectors * rows["Cout"]], rows["en_gbuf_pJ"])
    yield "energy.global_buffer_read_pj", read
    yield "energy.global_buffer_write_pj", write
    two = select(rows, rows["n_tiles"] == 2)
    bus = 8 * two["xbar"] + 8 * two["xbar"] / two["CS"]
    bits = (two["Cin"] * two["k"] ** 2 + two["Cout"]) * two["IP"] * two["F"] ** 2
    length = 0.5 * np.sqrt(two["tile_area_um2"])
    yield "energy.wire_pj_per_um", float(np.median(two["en_gic_pJ"] / (np.ceil(bits / bus) * bus * length)))


def leakage(rows: Rows) -> Iterator[Fit]:
    """Leakage of a tile, non-negative least squares over its circuits, all trees counted as in use."""
    nc, n_adcs, side = 8 / rows["cellbit"], adcs(rows), np.sqrt(rows["pe_xbars"])
    second = rows["IP"] > 1
    bits = rows["AP"] + nc
    sums = bits + rows["IP"] + 1
    pes = 64 / rows["pe_xbars"]
    width = rows["tl_adder_bits"]
    in_pe = np.minimum(side, np.ceil(np.minimum(rows["Cin"] * rows["k"] ** 2, side * rows["xbar"]) / rows["xbar"]))
    trees = pes * side * n_adcs * np.where(in_pe > 3, 3 * sums + 1, np.where(in_pe > 1, sums, 0))
    buffer_bits = np.sqrt(pes) * (rows["xbar"] * rows["IP"] + width * n_adcs) + pes * (
        rows["xbar"] * rows["IP"] + n_adcs * sums
    )
    columns = {
        "leakage.row_uw": 64 * rows["xbar"],
        "leakage.decoder_uw": 64 * rows["CS"],
        "leakage.full_adder_uw": 64 * n_adcs * (rows["AP"] + second * bits),
        "leakage.tree_adder_uw": trees,
        "leakage.flipflop_uw": 64 * n_adcs * (bits + second * (bits + rows["IP"])),
        "leakage.buffer_bit_uw": buffer_bits,
        "leakage.comparator_uw": 64 * n_adcs * np.where(rows["AT"] == "Flash", 2 ** rows["AP"] - 1, 0),
    }
    target = rows["leak_tile_uW"]
    weighted = np.stack(list(columns.values()), axis=1) / target[:, np.newaxis]
    found, _ = nnls(weighted, np.ones(len(target)))
    yield from zip(columns, (float(x) for x in found), strict=True)


def device_constants(rows: Rows, device: Device) -> Iterator[Fit]:
    """Settling resistance and mean conductance of a cell with weights."""
    technology = load_technology("cmos-32nm-lstp")
    cell = device.cell
    part = where(rows, ron_ohm=cell.on_ohm, on_off=cell.on_off_ratio, AT="SAR", xbar=64, cellbit=4, p_act=0.25)
    settling = part["clk_t_col_ns"] - technology.timing.column_base_ns
    yield "cell.settling_ohm", float(np.median(settling)) / technology.timing.column_ns_per_ohm
    power = (
        1e3 * part["sa_e_adc_pJ"] / (64 * (part["AP"] + 1))
        - technology.sar.base_uw
        - technology.sar.bit_uw * part["AP"]
    )
    siemens = 1e-6 * float(np.median(power)) / technology.sar.conductance_w
    yield "cell.conductance_ratio", siemens * cell.on_ohm / (0.25 * 64)


if __name__ == "__main__":
    main()
