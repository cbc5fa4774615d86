"""Breakdown of area, latency and energy by layer, stacked by component."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hw_models import HardwareReport
from xpert_evo.objectives import FloatArray
from xpert_evo.report.candidates import Candidate, alone
from xpert_evo.report.pictures.common import PALETTE, layer_names, legend_below, name_layers, names_height, number, wide
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene

_QUANTITIES = (
    ("area_um2", 1e-6, "area [mm²]"),
    ("latency_ns", 1e-3, "latency [µs]"),
    ("energy_pj", 1e-6, "energy [µJ]"),
)


def draw_costs(scene: Scene) -> Figure | None:
    """Draws area, latency and energy (rows) of the knee and of the baseline (columns)."""
    result = scene.result
    shown = [("knee", result.knee)] if result.shortlist.members else []
    shown += [("baseline", result.baseline)] if result.baseline else []
    if not shown:
        return None
    names = layer_names([layer.name for layer in shown[0][1].design.layers])
    figure = Figure(figsize=(0.62 * len(shown) * wide(len(names)), 6.6 + names_height(names)))
    panels = figure.subplots(len(_QUANTITIES), len(shown), squeeze=False, sharex=True)
    reports = [report_of(result, candidate) for _, candidate in shown]
    styles = styles_of([report.breakdown for report in reports])
    for column, ((name, candidate), report) in enumerate(zip(shown, reports, strict=True)):
        for row, (quantity, scale, label) in enumerate(_QUANTITIES):
            axes = panels[row, column]
            parts = {part: scale * values[0] for part, values in report.breakdown[quantity].items()}
            _stack(axes, parts, styles)
            total = sum(float(values.sum()) for values in parts.values())
            head = f"{name} ({candidate.digest[:8]}): " if row == 0 else ""
            axes.set_title(f"{head}{number(total)} {label.partition('[')[2].rstrip(']')}", fontsize=9.5)
            if column == 0:
                axes.set_ylabel(label)
        name_layers(panels[-1, column], names, first=0.0)
        panels[-1, column].set_xlabel("layer")
    legend_below(figure, panels.flat, 7)
    return figure


def report_of(result: RunResult, candidate: Candidate) -> HardwareReport:
    """Returns the hardware report of one design, arrays (1, layers)."""
    return result.task.hardware.report_of(*alone(result.task, candidate.design))


def styles_of(breakdowns: Iterable[Mapping[str, Iterable[str]]]) -> dict[str, Mapping[str, str | None]]:
    """Returns the colour of each component, the same in all panels, and the hatching of those that repeat a colour."""
    names = dict.fromkeys(name for breakdown in breakdowns for parts in breakdown.values() for name in parts)
    return {
        name: {"color": PALETTE[i % len(PALETTE)], "hatch": "///" if i >= len(PALETTE) else None}
        for i, name in enumerate(names)
    }


def _stack(axes: Axes, parts: Mapping[str, FloatArray], styles: Mapping[str, Mapping[str, str | None]]) -> None:
    bottom = np.zeros(len(next(iter(parts.values()))))
    for part, values in parts.items():
        axes.bar(
            np.arange(len(values)),
            values,
            bottom=bottom,
            width=0.8,
            edgecolor="white",
            linewidth=0.4,
            color=styles[part]["color"],
            hatch=styles[part]["hatch"],
            label="ADC" if part == "adc" else part,
        )
        bottom = bottom + values
    axes.set_ylim(bottom=0)  # otherwise at the lower end of the smallest part
    axes.grid(visible=False, axis="x")
