"""Terminal tables of a design's genes and costs."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from hw_models import HardwareReport
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.design import Design
from xpert_evo.genes import choice_name
from xpert_evo.hardware import Hardware
from xpert_evo.words import edap_text

BY_LAYER = ("area_um2", "latency_ns", "energy_pj")

_MEANING = (
    "number of tiles, copies of the weights that work in parallel, fraction of the tiles' cells used; area, and "
    "latency and energy per image."
)


def print_cost(console: PlainConsole, design: Design, report: HardwareReport, hardware: Hardware) -> None:
    """Prints a design's genes and costs by layer, the shares of the components, and the totals."""
    console.table(_layer_table(design, report, hardware))
    console.table(_component_table(report))
    console.lines(_total_lines(report))
    console.warnings(report.notes)


def _layer_table(design: Design, report: HardwareReport, hardware: Hardware) -> Table:
    table = _table(f"design {design.digest[:8]}, {design.backbone}")
    genes = ", ".join(f"{kind.record.short} {kind.record.label}" for kind in design.layer_kinds)
    chip = f" On this chip: {design.chip_words}." if design.chip_words else ""
    table.caption = (
        f"{genes}; {_MEANING}{chip} Costs by {hardware.words}; EDAP is the product of {hardware.edap_words}."
    )
    short = (kind.record.short for kind in design.layer_kinds)
    for name in ("layer", *short, "tiles", "copies", "used", "area\nmm²", "latency\nµs", "energy\nnJ"):
        table.add_column(name, justify="left" if name == "layer" else "right", no_wrap=True, vertical="bottom")
    for i, layer in enumerate(design.layers):
        table.add_row(
            layer.name,
            *(choice_name(getattr(layer, kind)) or "-" for kind in design.layer_kinds),
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
    energy = "energy" if "leakage" in report.breakdown["energy_pj"] else "dynamic energy"
    return [
        f"area {report.area_mm2[0]:.3f} mm², latency {report.latency_us[0]:.4g} µs, {energy} "
        f"{report.energy_uj[0]:.4g} µJ per image, EDAP {edap_text(report.edap[0])} mm² µs µJ",
        f"one image every {report.interval_us[0]:.4g} µs: {_digits(report.throughput_fps[0])} images/s",
        f"{report.tops_per_w[0]:.3g} TOPS/W, {report.tops_per_mm2[0]:.3g} TOPS/mm², two operations per "
        "multiply-accumulate",
    ]


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def _digits(value: float) -> str:
    """The value with about four digits and without an exponent."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"
