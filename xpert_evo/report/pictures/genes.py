"""Genes of selected designs layer by layer, and of all designs as parallel coordinates of their averages."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from xpert_evo.genes import GeneKind, choice_number, choice_text
from xpert_evo.objectives import FloatArray
from xpert_evo.report.candidates import Candidate, genomes_of, select_front
from xpert_evo.report.pictures.common import GREY, draw_cells, layer_names, names_height, number, taller, wide
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene

_LIGHT_TO_DARK = ListedColormap(colormaps["YlGnBu"](np.linspace(0.02, 0.95, 256)))


def draw_genes(scene: Scene) -> Figure | None:
    """Draws a table of the genes by layer for each selected design."""
    chosen = scene.chosen
    if not chosen:
        return None
    names = layer_names([layer.name for layer in chosen[0][1].design.layers])
    kinds = scene.result.task.space.kinds
    of_each = 1.75 + taller(len(kinds)) + names_height(names)
    figure = Figure(figsize=(wide(len(names)), 0.5 + of_each * len(chosen)))
    for axes, (name, candidate) in zip(np.atleast_1d(figure.subplots(len(chosen), 1)), chosen, strict=True):
        draw_cells(
            axes,
            gene_positions(scene.result, candidate),
            gene_texts(candidate, kinds),
            cmap=_LIGHT_TO_DARK,
            rows=[kind.record.label for kind in kinds],
            columns=names,
        )
        axes.set_title(
            f"{name}: {100 * candidate.measured:.2f} % ({candidate.split}), "
            f"EDAP {number(candidate.hardware['edap'])} mm² µs µJ, "
            f"{candidate.hardware['area_mm2']:.1f} mm² (design {candidate.digest[:8]})",
            fontsize=9.5,
        )
    return figure


def gene_positions(result: RunResult, candidate: Candidate) -> FloatArray:
    """Returns each gene's position among its choices from 0 to 1, (kinds, layers); NaN if a layer lacks the gene."""
    space = result.task.space
    table = np.full((len(space.kinds), space.n_layers), np.nan)
    for row, kind in enumerate(space.kinds):
        for layer in range(space.n_layers):
            column = space.column(layer, kind)
            if column is not None:
                table[row, layer] = candidate.genome[column] / max(1, len(space.genes[column].choices) - 1)
    return table


def gene_texts(candidate: Candidate, kinds: Sequence[GeneKind]) -> list[list[str]]:
    """Returns the texts of the cells: numbers, S for SAR and F for Flash; (kinds, layers)."""
    return [[choice_text(getattr(layer, kind)) for layer in candidate.design.layers] for kind in kinds]


def draw_parallel(scene: Scene) -> Figure | None:
    """Draws parallel coordinates of all designs as trained in the search, with its front highlighted."""
    result = scene.result
    if len(result.measured) < 2:
        return None
    names, bases, table = coordinates(result, result.measured)
    low, high = table.min(axis=0), table.max(axis=0)
    heights = (table - low) / np.where(high > low, high - low, 1.0)
    heights[:, high == low] = 0.5
    figure = Figure(figsize=(max(9.6, 0.85 * len(names)), 4.2))
    axes = figure.add_subplot()
    front = {candidate.digest for candidate in select_front(result.task, result.measured)}
    accuracies = table[:, 0]
    norm = Normalize(accuracies.min(), max(accuracies.max(), accuracies.min() + 1e-9))
    cmap = colormaps["viridis"]
    faint = 0.5 if len(table) < 60 else 0.18
    x = np.arange(len(names))
    for row, accuracy, candidate in zip(heights, accuracies, result.measured, strict=True):
        member = candidate.digest in front
        axes.plot(
            x,
            row,
            color=cmap(norm(accuracy)) if member else GREY,
            alpha=1.0 if member else faint,
            lw=1.8 if member else 0.8,
            zorder=3 if member else 2,
        )
    for i in range(len(names)):
        axes.axvline(i, color="black", lw=0.8, zorder=4)
        for height, value, side in ((0, low[i], -1), (1, high[i], 1)):
            text = number(bases[i] ** value if bases[i] else value)
            axes.text(i, height + 0.04 * side, text, ha="center", va="top" if side < 0 else "bottom", fontsize=8)
    axes.set_xticks(x, names)
    axes.tick_params(axis="x", length=0, pad=14)
    axes.set_yticks([])
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(-0.3, len(names) - 0.7)
    axes.grid(visible=False)
    axes.set_frame_on(False)
    axes.set_title(f"{len(table)} trained designs, {len(front)} of them on the front of the search", pad=18)
    figure.colorbar(ScalarMappable(norm, cmap), ax=axes, label="accuracy [%], validation", pad=0.01, aspect=30)
    return figure


def coordinates(result: RunResult, candidates: list[Candidate]) -> tuple[list[str], list[int], FloatArray]:
    """Returns names of axes, their logarithmic bases (0 for linear axes), and coordinates, (designs, axes)."""
    space = result.task.space
    genomes = genomes_of(result.task, candidates)
    columns: dict[str, tuple[int, FloatArray]] = {
        "accuracy\n[%]": (0, np.array([100 * c.validation for c in candidates])),
        "EDAP\n(log)": (10, _log10(candidates, "edap")),
        "area\n[mm²]": (0, np.array([c.hardware["area_mm2"] for c in candidates])),
        "latency\n[µs] (log)": (10, _log10(candidates, "latency_us")),
        "energy\n[µJ] (log)": (10, _log10(candidates, "energy_uj")),
    }
    for kind in space.kinds:
        values = space.values(genomes, kind)
        if kind is GeneKind.CHANNEL_DEPTH:
            values = values[:, : space.n_layers - 1]  # the classifier's outputs are not a gene
        if kind.record.of_axis is not None:
            values = (values == choice_number(kind.record.of_axis)).astype(np.int64)
        base = 2 if kind.record.is_logarithmic else 0
        columns[kind.record.axis] = (base, (np.log2(values) if base else values).mean(axis=1))
    bases = [base for base, _ in columns.values()]
    return list(columns), bases, np.stack([values for _, values in columns.values()], axis=1)


def _log10(candidates: list[Candidate], name: str) -> FloatArray:
    return np.asarray(np.log10([candidate.hardware[name] for candidate in candidates]))
