"""The front of accuracy against EDAP, as measured in the search and as judged for finalists."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from xpert_evo.objectives import FloatArray
from xpert_evo.report.candidates import Candidate, select_front
from xpert_evo.report.pictures.common import EDAP_LABEL, GREY, ORANGE, SKY, edap, legend_below
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene
from xpert_evo.report.words import chip_limit_words, is_published

_LEAST, _MOST = -2.0, 102.0  # no accuracy is below 0 or above 100 %


def draw_pareto(scene: Scene) -> Figure | None:
    """Draws the designs trained in the search and, once there are finalists, their front on test data beside it."""
    result = scene.result
    if not result.measured:
        return None
    shown = [*result.measured, *result.front]
    areas = np.array([candidate.hardware["area_mm2"] for candidate in shown])
    norm = Normalize(areas.min(), max(areas.max(), areas.min() + 1e-9))
    n_panels = 2 if result.final else 1
    figure = Figure(figsize=(5.0 + 4.4 * (n_panels - 1), 5.2))
    panels = np.atleast_1d(figure.subplots(1, n_panels))
    _draw_search(panels[0], result, scene.homogeneous, norm)
    if result.final:
        _draw_finalists(panels[1], result, norm)
    legend_below(figure, panels, 3 if result.final else 2)
    coloured = panels[-1].collections[-1]
    figure.colorbar(coloured, ax=list(panels), label="area of tiles [mm²]", pad=0.01, aspect=30)
    limits = chip_limit_words(result.config)
    limit_text = f", {limits.replace('of at most', 'at most')}" if limits else ""
    figure.suptitle(
        f"{result.name}: {result.task.backbone.name} on {result.dataset['name']}{limit_text}",
        x=0.01,
        ha="left",
        fontsize=11,
        fontweight="bold",
    )
    return figure


def _draw_search(axes: Axes, result: RunResult, homogeneous: list[Candidate], norm: Normalize) -> None:
    protocol = result.config.training.protocol
    axes.set_title(f"In the search: validation, {protocol}", fontweight="normal")
    if result.predicted_front is not None:
        _draw_predicted(axes, *result.predicted_front, max(c.validation for c in result.measured))
    axes.scatter(
        edap(result.measured),
        _validation(result.measured),
        s=15,
        color=GREY,
        linewidth=0,
        label="trained designs",
        zorder=2,
    )
    if homogeneous:
        axes.scatter(
            edap(homogeneous),
            _validation(homogeneous),
            marker="s",
            s=30,
            facecolor="none",
            edgecolor=ORANGE,
            linewidth=1.3,
            label="homogeneous designs among them",
            zorder=6,
        )
    front = select_front(result.task, result.measured)
    baseline_digest = result.task.space.decode(result.task.baseline)[0].digest
    baseline = next((c for c in result.measured if c.digest == baseline_digest), None)
    _draw_front(axes, result, front, baseline, norm, judged=False)
    _finish(axes)


def _draw_predicted(axes: Axes, x: FloatArray, y: FloatArray, best_measured: float) -> None:
    """Draws the predicted front, dotted above the best measured accuracy because it is extrapolated there."""
    order = np.argsort(x)
    x, y = x[order], y[order]
    known = np.searchsorted(np.maximum.accumulate(y), best_measured, side="right")
    axes.plot(x[:known], 100 * y[:known], color=SKY, ls="--", label="predicted front of the last search", zorder=1)
    if known < len(x):
        beyond = slice(max(0, known - 1), None)
        label = "the same above the best measured accuracy\n(extrapolated, unreliable)"
        axes.plot(x[beyond], 100 * y[beyond], color=SKY, ls=":", lw=1.2, label=label, zorder=1)


def _draw_finalists(axes: Axes, result: RunResult, norm: Normalize) -> None:
    first = next(iter(result.front), result.baseline)
    n_images = f"{first.n_test_images} test images" if first else "test"
    axes.set_title(f"Finalists: {n_images}, {result.config.training.finalist_protocol}", fontweight="normal")
    for candidate in [*result.front, *([result.baseline] if result.baseline else [])]:
        axes.errorbar(
            candidate.hardware["edap"],
            100 * candidate.measured,
            yerr=[[100 * part] for part in candidate.bar],
            color="black",
            elinewidth=1.0,
            capsize=2.5,
            zorder=3,
        )
    _draw_front(axes, result, result.front, result.baseline, norm, judged=True)
    _finish(axes)


def _draw_front(
    axes: Axes,
    result: RunResult,
    front: list[Candidate],
    baseline: Candidate | None,
    norm: Normalize,
    *,
    judged: bool,
) -> None:
    if baseline:
        nearest = "" if is_published(result.task) else "closest to "
        axes.scatter(
            edap([baseline]),
            [100 * (baseline.measured if judged else baseline.validation)],
            c=[baseline.hardware["area_mm2"]],
            norm=norm,
            marker="*",
            s=190,
            edgecolor="black",
            linewidth=0.8,
            label=f"baseline: {nearest}SAR 6 bits, CS 8, IP 8{_excess(result, baseline)}",
            zorder=5,
        )
    heights = [100 * (c.measured if judged else c.validation) for c in front]
    axes.plot(edap(front), heights, color="black", lw=0.8, drawstyle="steps-post", zorder=3.5)
    axes.scatter(
        edap(front),
        heights,
        c=[c.hardware["area_mm2"] for c in front],
        norm=norm,
        marker="D" if judged else "o",
        s=52 if len(front) < 40 else 26,
        edgecolor="black",
        linewidth=0.8,
        label="final front: finalists on test data" if judged else "front of the search",
        zorder=4,
    )
    knee = result.knee if result.shortlist.members else None
    if knee is not None and judged == (knee.test is not None):
        height = 100 * (knee.measured if judged else knee.validation)
        axes.annotate(
            "knee",
            (knee.hardware["edap"], height),
            textcoords="offset points",
            xytext=(9, -17),  # below the front there is room, and to the right of a point there is no axis
            ha="left",
            arrowprops={"arrowstyle": "-", "lw": 0.8, "shrinkB": 4},
        )


def _excess(result: RunResult, baseline: Candidate) -> str:
    """Returns a warning if the baseline violates chip limits."""
    settings, hardware = result.config.hardware, baseline.hardware
    limited = (
        (settings.area_limit_mm2, hardware["area_mm2"], "mm²"),
        (settings.latency_limit_us, hardware["latency_us"], "µs"),
        (settings.energy_limit_uj, hardware["energy_uj"], "µJ"),
    )
    above = [f"{value:.0f} {unit}" for limit, value, unit in limited if limit is not None and value > limit]
    return f"\n({', '.join(above)}, above the limit{'s' if len(above) > 1 else ''})" if above else ""


def _finish(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xlabel(EDAP_LABEL)
    axes.set_ylabel("accuracy [%]")
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.margins(0.12, 0.12)
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, _LEAST), min(top, _MOST))


def _validation(candidates: list[Candidate]) -> list[float]:
    return [100 * candidate.validation for candidate in candidates]
