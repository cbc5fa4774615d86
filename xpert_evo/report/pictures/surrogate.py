"""Predicted against measured accuracy."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xpert_evo.accuracy.surrogate.quality import Z90
from xpert_evo.report.pictures.common import PALETTE, legend_below
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene

_MARKERS = "osD^vP"
_LINE = 11.5  # points


def draw_predictions(scene: Scene) -> Figure | None:
    """Draws predictions before each training with 90 % intervals, and their quality in figures."""
    result = scene.result
    asked = [c for c in result.measured if c.predicted is not None and c.std is not None]
    if not asked:
        return None
    figure = Figure(figsize=(5.6, 5.1))
    axes = figure.add_subplot()
    crowded = len(asked) > 60
    for i, batch in enumerate(dict.fromkeys(c.batch for c in asked)):
        members = [c for c in asked if c.batch == batch]
        axes.errorbar(
            [100 * (c.predicted or 0) for c in members],
            [100 * c.validation for c in members],
            xerr=np.transpose([_reach(100 * (c.predicted or 0), 100 * Z90 * (c.std or 0)) for c in members]),
            fmt=_MARKERS[i % len(_MARKERS)],
            color=PALETTE[i % len(PALETTE)],
            ecolor=(*_rgb(PALETTE[i % len(PALETTE)]), 0.25 if crowded else 0.6),
            elinewidth=0.8,
            markersize=3.5 if crowded else 5,
            label=batch.replace("-", " "),
        )
    _diagonal(axes, [v for c in asked for v in (100 * c.validation, 100 * (c.predicted or 0))])
    axes.set_xlabel("predicted accuracy [%]")
    axes.set_ylabel(f"measured accuracy [%], validation, {result.config.training.protocol}")
    words = honesty_words(result)
    axes.set_title("Predictions before training against measurements", pad=_LINE * len(words) + 10)
    legend_below(figure, [axes], 5)
    if words:  # above the axes, where they hide neither points nor the diagonal
        axes.text(0.0, 1.015, "\n".join(words), transform=axes.transAxes, va="bottom", fontsize=8.5)
    return figure


def honesty_words(result: RunResult) -> list[str]:
    """Returns the newest quality of predictions in short lines; none before the first round has ended."""
    if not result.honesty:
        return []
    report = next(reversed(result.honesty.values()))
    held_out, baseline = report["surrogate"], report["baseline"]
    return [
        f"{held_out['n']} trainings predicted beforehand",
        f"Kendall τ {held_out['tau']:.2f} (from multiply-accumulates alone {baseline['tau']:.2f})",
        f"RMS error {100 * held_out['rmse']:.2f} points (from these alone {100 * baseline['rmse']:.2f})",
        f"90 % intervals contain {100 * held_out['coverage']:.0f} %",
    ]


def _reach(centre: float, half: float) -> tuple[float, float]:
    """Returns how far an interval around an accuracy [%] extends down and up, clipped to 0 and 100."""
    return max(0.0, min(half, centre)), max(0.0, min(half, 100 - centre))


def _diagonal(axes: Axes, values: list[float]) -> None:
    low, high = min(values), max(values)
    margin = 0.08 * max(high - low, 1.0)
    ends = (max(low - margin, -1.0), min(high + margin, 101.0))
    axes.plot(ends, ends, color="black", lw=0.9, zorder=1.5)
    axes.set_xlim(ends)
    axes.set_ylim(ends)
    axes.set_aspect("equal")


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue
