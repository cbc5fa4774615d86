"""Effect of genes: their average importance, and single-gene changes of the knee."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xpert_evo.objectives import FloatArray
from xpert_evo.report.candidates import genomes_of
from xpert_evo.report.influence import importance, one_gene_steps
from xpert_evo.report.pictures.common import (
    draw_cells,
    layer_names,
    luminance,
    name_layers,
    names_height,
    taller,
    wide,
)
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene


def draw_importance(scene: Scene) -> Figure | None:
    """Draws two tables of kinds by layers: accuracy in percentage points, EDAP as a factor."""
    result = scene.result
    if scene.surrogate is None:
        return None
    found = importance(result.task, scene.surrogate, genomes_of(result.task, result.measured))
    names = layer_names([layer.name for layer in result.task.backbone.layers])
    figure = Figure(figsize=(wide(len(names)), 4.6 + _extra(result) + 2 * names_height(names)))
    for axes, values, title in zip(
        figure.subplots(2, 1),
        (100 * found.accuracy, found.edap),
        (
            "Predicted accuracy: range over a gene's choices [percentage points]",
            "EDAP: ratio of a gene's worst to its best choice",
        ),
        strict=True,
    ):
        shown = values if axes.get_subplotspec().is_first_row() else np.power(10.0, values)
        draw_cells(
            axes,
            values / max(np.nanmax(values), 1e-12),
            [[_number(value) for value in row] for row in shown],
            cmap=colormaps["Blues"],
            rows=kind_labels(result),
            columns=names,
        )
        axes.set_title(title)
    return figure


def draw_steps(scene: Scene) -> Figure | None:
    """Draws two tables of kinds by layers for the knee, each cell split into a step down and a step up."""
    result = scene.result
    if scene.surrogate is None or not result.shortlist.members:
        return None
    knee = result.knee
    steps = one_gene_steps(result.task, scene.surrogate, knee.genome)
    names, kinds = layer_names([layer.name for layer in knee.design.layers]), kind_labels(result)
    figure = Figure(figsize=(wide(len(names)) + 1.2, 4.8 + _extra(result) + 2 * names_height(names)))
    upper, lower = figure.subplots(2, 1)
    accuracy = 100 * steps.accuracy
    # Blue is better and red is worse in both tables: higher accuracy, lower EDAP.
    _halves(upper, accuracy, accuracy, steps.feasible, names=names, kinds=kinds, form="{:+.1f}")
    upper.set_title(f"Knee {knee.digest[:8]}, one gene changed: predicted accuracy [percentage points]")
    _halves(
        lower,
        -np.log10(steps.edap_ratio),
        steps.edap_ratio,
        steps.feasible,
        names=names,
        kinds=kinds,
        form="{:.2f}",
    )
    lower.set_title("The same changes: EDAP after / before (blue is better)")
    return figure


def kind_labels(result: RunResult) -> list[str]:
    """Returns labels of rows for the genes of a run's space; those of the whole chip are shown at the first layer."""
    space = result.task.space
    return [kind.record.label + (" (chip)" if space.is_tied(kind) else "") for kind in space.kinds]


def _extra(result: RunResult) -> float:
    """Additional height for the genes that a space has beyond the paper's, for two tables [inches]."""
    return 2 * 1.2 * taller(len(result.task.space.kinds))


def _halves(
    axes: Axes,
    goodness: FloatArray,
    shown: FloatArray,
    feasible: NDArray[np.bool_],
    *,
    names: list[str],
    kinds: list[str],
    form: str,
) -> None:
    """Draws cells with a left half (step down) and a right half (step up), (kinds, layers, 2)."""
    n_kinds, n_layers, _ = goodness.shape
    flat = goodness.reshape(n_kinds, 2 * n_layers)
    most = max(float(np.nanmax(np.abs(flat))), 1e-12)
    colours = 0.5 + 0.5 * flat / most
    cmap = colormaps["RdBu"]
    edges = np.arange(2 * n_layers + 1) / 2
    axes.pcolormesh(edges, np.arange(n_kinds + 1), np.ma.masked_invalid(colours), cmap=cmap, vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(shown.reshape(n_kinds, 2 * n_layers)):
        if np.isfinite(value):
            ink = "white" if luminance(cmap(colours[row, column])) < 0.5 else "black"
            place = (column / 2 + 0.25, row + 0.5)
            axes.text(*place, _signed(value, form), ha="center", va="center", fontsize=6, color=ink, rotation=90)
            if not feasible.reshape(n_kinds, -1)[row, column]:
                axes.plot(place[0], row + 0.12, marker="o", ms=2.2, color=ink)
    for x in range(n_layers + 1):
        axes.axvline(x, color="white", lw=2)
    for y in range(n_kinds + 1):
        axes.axhline(y, color="white", lw=2)
    name_layers(axes, names)
    axes.set_yticks(np.arange(n_kinds) + 0.5, kinds)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _signed(value: float, form: str) -> str:
    """Formats a change: `+0.4`; empty if there is none, and no sign before a rounded zero."""
    text = form.format(value)
    return "" if value == 0 else text.lstrip("+-") if float(text) == 0 else text


def _number(value: float) -> str:
    return "" if not np.isfinite(value) or value == 0 else f"{value:.0f}" if value >= 10 else f"{value:.1f}"
