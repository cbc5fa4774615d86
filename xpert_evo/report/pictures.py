"""The pictures of a run; each is a function from a result to a figure."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import resources
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from xpert_evo.files import write_atomically
from xpert_evo.objectives import FloatArray
from xpert_evo.report.result import Candidate, RunResult

STYLE = resources.files("xpert_evo.report") / "xpert_evo.mplstyle"


def write_pictures(folder: Path, result: RunResult) -> list[Path]:
    """Draws every picture as PNG and SVG into `folder`; returns the PNG files."""
    paths = []
    with resources.as_file(STYLE) as style, matplotlib.style.context(style):
        for name, draw in PICTURES.items():
            figure = draw(result)
            for form in ("svg", "png"):
                write_atomically(folder / f"{name}.{form}", partial(figure.savefig, format=form))
            paths.append(folder / f"{name}.png")
    return paths


def draw_pareto(result: RunResult) -> Figure:
    """Accuracy against EDAP: every measured design, the front coloured by area, the baseline, the predicted front."""
    figure = Figure()
    axes = figure.add_subplot()
    _draw_measured(axes, result)
    _draw_predicted(axes, result)
    _draw_front(figure, axes, result)
    axes.set_xscale("log")
    axes.set_xlabel("EDAP [mm² µs µJ], one image; lower is better")
    axes.set_ylabel("accuracy [%]")
    limit = result.config.hardware.area_limit_mm2
    limit_text = f", area at most {limit:g} mm²" if limit is not None else ""
    axes.set_title(f"{result.name}: {result.task.backbone.name} on {result.dataset['name']}{limit_text}")
    figure.legend(loc="outside lower center", ncols=1, alignment="left")
    return figure


def _draw_measured(axes: Axes, result: RunResult) -> None:
    if result.measured:
        protocol = result.config.training.protocol
        axes.scatter(
            _edap(result.measured),
            [100 * candidate.validation for candidate in result.measured],
            s=14,
            color="#9a9a9a",
            label=f"all trained designs (measured, validation, {protocol})",
            zorder=2,
        )


def _draw_predicted(axes: Axes, result: RunResult) -> None:
    if result.predicted_front is not None:
        edap, accuracy = result.predicted_front
        order = np.argsort(edap)
        axes.plot(
            edap[order],
            100 * accuracy[order],
            color="#56B4E9",
            linestyle="--",
            label="front of the last search (predicted, no training)",
            zorder=1,
        )


def _draw_front(figure: Figure, axes: Axes, result: RunResult) -> None:
    shown = [*result.front, *([result.baseline] if result.baseline else [])]
    if not shown:
        return
    areas = np.array([candidate.hardware["area_mm2"] for candidate in shown])
    norm = Normalize(areas.min(), max(areas.max(), areas.min() + 1e-9))
    split = shown[0].split
    what = f"measured, {split}" + (f", {shown[0].protocol}" if result.final else "")
    front = axes.scatter(
        _edap(result.front),
        [100 * candidate.measured for candidate in result.front],
        c=areas[: len(result.front)],
        norm=norm,
        s=62,
        edgecolor="black",
        linewidth=0.8,
        label=f"front ({what})",
        zorder=4,
    )
    axes.plot(
        _edap(result.front), [100 * candidate.measured for candidate in result.front], color="black", lw=0.8, zorder=3
    )
    if result.baseline:
        axes.scatter(
            _edap([result.baseline]),
            [100 * result.baseline.measured],
            c=areas[-1:],
            norm=norm,
            marker="*",
            s=190,
            edgecolor="black",
            linewidth=0.8,
            label=f"homogeneous {result.task.backbone.name}, SAR 6 bits, CS 8, IP 8 ({what})",
            zorder=4,
        )
    if result.front:
        best = result.knee
        axes.annotate(
            "knee",
            (best.hardware["edap"], 100 * best.measured),
            textcoords="offset points",
            xytext=(-6, 9),
            ha="right",
        )
    mappable: ScalarMappable = front
    figure.colorbar(mappable, ax=axes, label="area [mm²]", pad=0.01)


def _edap(candidates: Sequence[Candidate]) -> FloatArray:
    return np.array([candidate.hardware["edap"] for candidate in candidates])


PICTURES: Mapping[str, Callable[[RunResult], Figure]] = {"pareto": draw_pareto}
