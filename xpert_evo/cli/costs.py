"""`xpert-evo evaluate` and `sources`: what designs cost, by layer and component, and where the numbers come from."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import hw_models
from hw_models import HardwareReport, LayerShapes, Peripherals, evaluate
from xpert_evo.accuracy.datasets import DatasetSpec, dataset_spec
from xpert_evo.backbones import load_backbone
from xpert_evo.cli.settings import resolve
from xpert_evo.design import Design, load_designs
from xpert_evo.errors import UsageError
from xpert_evo.orchestration.task import Hardware, build_hardware
from xpert_evo.space import SearchSpace
from xpert_evo.validation import nearest

TOTALS = ("area_mm2", "latency_us", "energy_uj", "edap", "tops_per_w", "tops_per_mm2")
BY_LAYER = ("area_um2", "latency_ns", "energy_pj")


def show_cost(
    path: Path,
    config: Path | None,
    assignments: Sequence[str] | None,
    *,
    dataset: str | None,
    as_json: bool,
    explain: str | None,
) -> None:
    """Prints the cost of the designs in a file."""
    settings = resolve(config, assignments, {"dataset.name": dataset})
    hardware, spec = build_hardware(settings), dataset_spec(settings.dataset.name)
    designs = load_designs(path)
    reports = [cost_of(design, hardware, spec) for design in designs]
    if as_json:
        plain = [plain_cost(design, report) for design, report in zip(designs, reports, strict=True)]
        print(json.dumps(plain, indent=1))  # noqa: T201
        return
    console = Console()
    if explain is not None:
        for design in designs:
            for line in explained(design, hardware, explain, spec):
                console.print(line, highlight=False, markup=False, soft_wrap=True)
        return
    for design, report in zip(designs, reports, strict=True):
        print_cost(console, design, report)
        for line in _beyond_lines(design, report, hardware, spec):
            console.print(line, highlight=False)


def print_cost(console: Console, design: Design, report: HardwareReport) -> None:
    """Prints one design's genes and cost by layer, its shares by component and its totals."""
    console.print(_layer_table(design, report))
    console.print(_component_table(report))
    for line in (*_total_lines(report), *report.notes):
        console.print(line, highlight=False)


def cost_of(design: Design, hardware: Hardware, spec: DatasetSpec) -> HardwareReport:
    """The hardware report of one design on a data set's images; arrays have the shape (1, layers)."""
    shapes, peripherals = _arrays(design, spec)
    return evaluate(
        shapes,
        peripherals,
        crossbar=hardware.crossbar,
        device=hardware.device,
        technology=hardware.technology,
    )


def explained(design: Design, hardware: Hardware, layer: str, spec: DatasetSpec) -> list[str]:
    """Area, latency and energy of a layer, line by line down to constants with their sources."""
    names = [one.name for one in design.layers]
    if layer not in names:
        raise UsageError(f"--explain: the design has no layer '{layer}'; {nearest(layer, names)}")
    shapes, peripherals = _arrays(design, spec)
    trees = hw_models.explain(
        shapes,
        peripherals,
        layer=names.index(layer),
        crossbar=hardware.crossbar,
        device=hardware.device,
        technology=hardware.technology,
    )
    return [f"design {design.digest[:8]}, {layer}", *(line for tree in trees for line in tree.lines())]


def show_sources(config: Path | None, assignments: Sequence[str] | None) -> None:
    """Prints the publications and fits behind every constant that the settings use."""
    hardware = build_hardware(resolve(config, assignments))
    console = Console()
    for source in hw_models.sources(device=hardware.device, technology=hardware.technology):
        console.print(source.citation, style="bold", highlight=False, markup=False)
        if source.constants:
            console.print(f"    {len(source.constants)} constants: {', '.join(source.constants)}", highlight=False)


def plain_cost(design: Design, report: HardwareReport) -> dict[str, Any]:
    """Totals, layers and components as plain values."""
    return {
        "id": design.digest,
        "total": {name: float(getattr(report, name)[0]) for name in TOTALS},
        "leakage_uj": float(report.leakage_uj[0]),
        "layers": [
            {
                "name": layer.name,
                **{name: float(getattr(report, name)[0, i]) for name in BY_LAYER},
                "n_tiles": int(report.n_tiles[0, i]),
                "copies": int(report.copies[0, i]),
                "utilization": float(report.utilization[0, i]),
                "components": {
                    quantity: {part: float(values[0, i]) for part, values in parts.items()}
                    for quantity, parts in report.breakdown.items()
                },
            }
            for i, layer in enumerate(design.layers)
        ],
        "notes": list(report.notes),
    }


def _arrays(design: Design, spec: DatasetSpec) -> tuple[LayerShapes, Peripherals]:
    backbone = load_backbone(design.backbone, n_classes=spec.n_classes, image_channels=spec.image_channels)
    space = SearchSpace.around(design, backbone)
    return space.hardware_arrays(np.zeros((1, space.n_genes), dtype=np.int64))


def _layer_table(design: Design, report: HardwareReport) -> Table:
    table = _table(f"design {design.digest[:8]}, {design.backbone}")
    for name in ("layer", "CD", "CS", "ADC", "IP", "tiles", "copies", "used", "mm²", "µs", "nJ"):
        table.add_column(name, justify="left" if name in {"layer", "ADC"} else "right", no_wrap=True)
    for i, layer in enumerate(design.layers):
        table.add_row(
            layer.name,
            str(layer.channel_depth or "-"),
            str(layer.column_sharing),
            f"{layer.adc_type} {layer.adc_precision}",
            str(layer.input_precision),
            str(report.n_tiles[0, i]),
            str(report.copies[0, i]),
            f"{report.utilization[0, i]:.0%}",
            f"{1e-6 * report.area_um2[0, i]:.3f}",
            _digits(1e-3 * report.latency_ns[0, i]),
            _digits(1e-3 * report.energy_pj[0, i]),
        )
    return table


def _component_table(report: HardwareReport) -> Table:
    table = _table("shares by component")
    table.add_column("component")
    for name in ("area", "latency", "energy"):
        table.add_column(name, justify="right")
    columns = [_shares(report.breakdown[quantity]) for quantity in BY_LAYER]
    for part in dict.fromkeys(part for column in columns for part in column):
        table.add_row(part, *(f"{column[part]:.1%}" if part in column else "" for column in columns))
    return table


def _shares(parts: Mapping[str, Any]) -> dict[str, float]:
    sums = {part: float(values[0].sum()) for part, values in parts.items()}
    whole = sum(sums.values())
    return {part: value / whole for part, value in sums.items()}


def _total_lines(report: HardwareReport) -> list[str]:
    return [
        f"area {report.area_mm2[0]:.3f} mm², latency {report.latency_us[0]:.4g} µs, dynamic energy "
        f"{report.energy_uj[0]:.4g} µJ an image, EDAP {report.edap[0]:.4g} mm² µs µJ",
        f"{report.tops_per_w[0]:.3g} TOPS/W, {report.tops_per_mm2[0]:.3g} TOPS/mm², two operations a "
        "multiply-accumulate",
    ]


def _beyond_lines(design: Design, report: HardwareReport, hardware: Hardware, spec: DatasetSpec) -> list[str]:
    """What the sums over tiles leave out: leakage, the chip around the tiles, the best ADCs that were published."""
    shapes, peripherals = _arrays(design, spec)
    chip = hw_models.chip_level(
        shapes,
        peripherals,
        crossbar=hardware.crossbar,
        device=hardware.device,
        technology=hardware.technology,
    )
    best = evaluate(
        shapes,
        peripherals,
        crossbar=hardware.crossbar,
        device=hardware.device,
        technology=hardware.technology,
        adc_model=hw_models.AdcModel.SURVEY,
    )
    adc_pj, best_pj = (float(r.breakdown["energy_pj"]["adc"].sum()) for r in (report, best))
    around = {name: 1e-6 * float(area[0]) for name, area in chip.area_um2.items() if name != "tiles"}
    return [
        f"leakage {1e-3 * report.leakage_uw.sum():.3g} mW, {report.leakage_uj[0]:.3g} µJ in the time of an image "
        "(not in the energy above)",
        f"around the tiles: {sum(around.values()):.3g} mm² ("
        + ", ".join(f"{name.replace('_', ' ')} {area:.2g}" for name, area in around.items())
        + "; not in the area above)",
        f"ADCs {1e-6 * adc_pj:.3g} µJ, {adc_pj / best_pj:.3g} times the limit of the published survey (B. Murmann)",
    ]


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))


def _digits(value: float) -> str:
    """About four digits, never an exponent."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"
