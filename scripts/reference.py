"""The reference data as arrays, and the model evaluated on their rows; used by fits, benchmarks and golden tests.

The data are single-layer results of the simulator published with XPert (Moitra, Bhattacharjee, Kim, Panda, DAC 2023,
arXiv 2303.17646), a fork of DNN+NeuroSim V1.3, or of V1.3 itself (Peng, Huang, Luo, Sun, Yu, IEDM 2019) at nine nodes.
"""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from hw_models.adc import AdcType
from hw_models.arrays import FloatArray
from hw_models.cost_model import CostModel, load_model
from hw_models.crossbar import CrossbarSpec
from hw_models.errors import HardwareModelError
from hw_models.mapping import map_layers
from hw_models.model import REFERENCE_ACTIVITY, evaluate
from hw_models.periphery import Peripherals
from hw_models.report import HardwareReport
from hw_models.technology import Device, Technology, load_device, load_technology
from hw_models.upstream_network import NetworkReport, upstream_network
from hw_models.workload import LayerShapes

Rows = dict[str, npt.NDArray[Any]]

_ARRAY_KEYS = ("xbar", "cellbit", "pe_xbars", "ron_ohm", "on_off", "p_act")
_NODE_KEYS = ("node_nm", "tilebuf_core_bits")
"""Present in upstream's rows only."""
_TILE_CORE_BITS = 1024
_HELD_OUT_EVERY = 5
_DEVICES = {(6000.0, 150.0): "rram-6k", (100000.0, 10.0): "rram-100k"}


def read_rows(path: Path) -> Rows:
    """Reads the columns of a CSV file, gzipped or not, as arrays; numeric columns as floating-point numbers.

    Raises:
        HardwareModelError: If the file does not exist.
    """
    if not path.is_file():
        raise HardwareModelError(f"no reference data at {path}; give their folder with --reference FOLDER.")
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    head, *body = list(csv.reader(io.StringIO(text)))
    columns: Rows = {}
    for name, values in zip(head, zip(*body, strict=True), strict=True):
        try:
            columns[name] = np.array(values, dtype=np.float64)
        except ValueError:
            columns[name] = np.array(values)
    return columns


def select(rows: Rows, mask: npt.NDArray[np.bool_]) -> Rows:
    """Returns the rows selected by a mask."""
    return {name: values[mask] for name, values in rows.items()}


def upstream_folds(rows: Rows) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Splits upstream's rows for fitting from those held out: every fifth of a node's, and other buffers.

    Rows whose sensing time is at its cap are in neither part.
    """
    usable = rows["sense_capped"] == 0
    held_out = usable & (rows["tilebuf_core_bits"] != _TILE_CORE_BITS)
    for node in np.unique(rows["node_nm"]):
        of_node = np.flatnonzero(usable & ~held_out & (rows["node_nm"] == node))
        held_out[of_node[::_HELD_OUT_EVERY]] = True
    return usable & ~held_out, held_out


def reference_device(on_ohm: float, on_off_ratio: float) -> Device:
    """Returns the device of a row; if it has no file, rram-100k with another on-resistance."""
    name = _DEVICES.get((on_ohm, on_off_ratio))
    if name is not None:
        return load_device(name)
    device = load_device("rram-100k")
    cell = dataclasses.replace(device.cell, on_ohm=on_ohm, settling_ohm=on_ohm, on_off_ratio=on_off_ratio)
    return dataclasses.replace(device, cell=cell)


def node_technology(node_nm: float) -> Technology:
    """Returns the circuits of a node by its feature size."""
    return load_technology(f"cmos-{node_nm:g}nm-lstp")


def with_tile_cores(model: CostModel, core_bits: float) -> CostModel:
    """Returns the model with a different core size of the tiles' buffers, if it has cores."""
    if model.simulated is None:
        return model
    key = "buffers.tile_core_bits"
    changed = dataclasses.replace(model.constants[key], value=core_bits)
    buffers = dataclasses.replace(model.simulated.buffers, tile_core_bits=core_bits)
    return dataclasses.replace(
        model,
        constants=MappingProxyType({**model.constants, key: changed}),
        simulated=dataclasses.replace(model.simulated, buffers=buffers),
    )


def upstream_report(networks: Rows, i: int, model: CostModel) -> NetworkReport:
    """Evaluates a network of upstream's `networks.csv` with its own accounting; one design."""
    fields = [[int(part) for part in layer.split(":")] for layer in str(networks["layer_shapes"][i]).split()]
    sizes, in_channels, kernels, out_channels, pooled = np.array(fields).T
    shapes = LayerShapes(output_size=sizes, in_channels=in_channels, kernel_size=kernels, out_channels=out_channels)
    tiles = np.array([int(n) for n in str(networks["layer_tiles"][i]).split()])
    crossbar = CrossbarSpec()
    return upstream_network(
        shapes,
        Peripherals(
            column_sharing=int(networks["CS"][i]),
            adc_type=AdcType.from_name(str(networks["AT"][i]).lower()).code,
            adc_precision=int(networks["AP"][i]),
            input_precision=int(networks["IP"][i]),
            copies=tiles // map_layers(shapes, crossbar, REFERENCE_ACTIVITY).n_tiles,
        ),
        crossbar=crossbar,
        device=reference_device(float(networks["ron_ohm"][i]), float(networks["on_off"][i])),
        technology=node_technology(float(networks["node_nm"][i])),
        model=model,
        pipelined=networks["mode"][i] == "pipelined",
        pooled=pooled,
    )


def evaluate_rows(rows: Rows, model: CostModel | None = None) -> list[tuple[npt.NDArray[np.bool_], HardwareReport]]:
    """Evaluates a cost model on every row: one report per distinct array, with the mask of its rows; (rows, 1) each."""
    chosen = load_model("xpertsim") if model is None else model
    columns = {"node_nm": np.full(len(rows["F"]), 32.0), "tilebuf_core_bits": np.zeros(len(rows["F"]))} | rows
    keys = np.stack([columns[name] for name in (*_ARRAY_KEYS, *_NODE_KEYS)], axis=1)
    reports = []
    for key in np.unique(keys, axis=0):
        mask = (keys == key).all(axis=1)
        side, cell_bits, pe_crossbars, on_ohm, on_off, activity, node_nm, core_bits = (float(value) for value in key)
        part = {
            name: values[mask].astype(np.int64)[:, np.newaxis]
            for name, values in rows.items()
            if name in {"F", "Cin", "k", "Cout", "CS", "AP", "IP"}
        }
        codes = np.where(rows["AT"][mask] == "SAR", AdcType.SAR.code, AdcType.FLASH.code)[:, np.newaxis]
        report = evaluate(
            LayerShapes(
                output_size=part["F"], in_channels=part["Cin"], kernel_size=part["k"], out_channels=part["Cout"]
            ),
            Peripherals(
                column_sharing=part["CS"], adc_type=codes, adc_precision=part["AP"], input_precision=part["IP"]
            ),
            crossbar=CrossbarSpec(
                rows=int(side), columns=int(side), cell_bits=int(cell_bits), pe_side=round(pe_crossbars**0.5)
            ),
            device=reference_device(on_ohm, on_off),
            technology=node_technology(node_nm),
            activity=activity,
            model=with_tile_cores(chosen, core_bits),
        )
        reports.append((mask, report))
    return reports


def model_columns(rows: Rows, model: CostModel | None = None) -> dict[str, FloatArray]:
    """Returns model values by row: totals by name, components by "quantity/component"; each (rows,)."""
    n_rows = len(rows["F"])
    columns: dict[str, FloatArray] = {}
    for mask, report in evaluate_rows(rows, model):
        values = {name: getattr(report, name) for name in ("area_um2", "latency_ns", "energy_pj", "leakage_uw")}
        values["clock_ns"] = report.clock_ns
        for quantity, parts in report.breakdown.items():
            values |= {f"{quantity}/{name}": part for name, part in parts.items()}
        for name, value in values.items():
            columns.setdefault(name, np.empty(n_rows))[mask] = value[:, 0]
    return columns


def reference_columns(rows: Rows) -> dict[str, FloatArray]:
    """Returns reference values by the same names, as far as the reference breaks them down; each (rows,)."""
    n_tiles, n_pes = rows["n_tiles"], 64 / rows["pe_xbars"]
    periphery = sum(64 * rows[f"sa_{name}_um2"] for name in ("wlswitch", "slswitch", "mux", "muxdec", "lvlshift"))
    buffers = n_pes * (rows["pe_inbuf_um2"] + rows["pe_outbuf_um2"]) + rows["tl_inbuf_um2"] + rows["tl_outbuf_um2"]
    listed = ("tilebuf", "tileic", "gbuf", "gic", "relu")
    switches = rows["en_other_pJ"] - sum(rows[f"en_{name}_pJ"] for name in listed)
    return {
        "area_um2": rows["layer_tiles_area_um2"],
        "latency_ns": rows["latency_ns"],
        "energy_pj": rows["energy_pJ"],
        "leakage_uw": rows["leak_layer_uW"],
        "clock_ns": rows["clk_ns"],
        "area_um2/adc": n_tiles * rows["tile_area_adc_um2"],
        "area_um2/array": n_tiles * rows["tile_area_array_um2"],
        "area_um2/accumulation": n_tiles * rows["tile_area_accum_um2"],
        "area_um2/periphery": n_tiles * periphery,
        "area_um2/buffers": n_tiles * buffers,
        "area_um2/interconnect": n_tiles * rows["tile_area_ic_um2"],
        "latency_ns/adc": rows["lat_adc_ns"],
        "latency_ns/accumulation": rows["lat_accum_ns"],
        "latency_ns/buffers": rows["lat_tilebuf_ns"] + rows["lat_gbuf_ns"],
        "latency_ns/interconnect": rows["lat_tileic_ns"] + rows["lat_gic_ns"],
        "latency_ns/activation": rows["lat_relu_ns"],
        "energy_pj/adc+array": rows["en_adc_pJ"],
        "energy_pj/accumulation": rows["en_accum_pJ"],
        "energy_pj/periphery": switches,
        "energy_pj/buffers": rows["en_tilebuf_pJ"] + rows["en_gbuf_pJ"],
        "energy_pj/interconnect": rows["en_tileic_pJ"] + rows["en_gic_pJ"],
        "energy_pj/activation": rows["en_relu_pJ"],
    }
