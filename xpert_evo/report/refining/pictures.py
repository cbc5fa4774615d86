"""Pictures of a refinement: its front, the bits of its choices, and how well divergences were predicted."""

from collections.abc import Callable, Sequence
from itertools import cycle

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from xpert_evo.design import LayerDesign
from xpert_evo.genes import PERIPHERALS, Choice, GeneKind, choice_number, choice_text
from xpert_evo.orchestration.chips import IDEAL_DEVICES
from xpert_evo.orchestration.refining import Refined, Refinement
from xpert_evo.report.pictures import Drawing, drawing_of, house_style
from xpert_evo.report.pictures.common import (
    BLUE,
    GREY,
    ORANGE,
    VERMILION,
    draw_cells,
    layer_names,
    names_height,
    number,
    plain_ticks,
    wide,
)
from xpert_evo.words import counted, lower, times

_MOST_DRAWN = 4

_MARGIN = 1.2
"""Factor on EDAP between the outermost designs and the edges."""


def draw_refinement(result: Refinement) -> list[Drawing]:
    """Returns the pictures of a refinement, without those that have nothing to show."""
    with house_style():
        drawn = [(name, caption, draw(result)) for name, (draw, caption) in _PICTURES.items()]
        return [drawing_of(name, caption, figure) for name, caption, figure in drawn if figure is not None]


def _draw_front(result: Refinement) -> Figure:
    figure = Figure(figsize=(6.4, 4.2))
    axes = figure.add_subplot()
    groups = [
        (f"{label}{f', {chip}' if chip else ''}", colour, marker, [one for one in chosen if one.chip == chip])
        for chip, marker in zip(dict.fromkeys(one.chip for one in result.front), cycle("osDv^<>"), strict=False)
        for label, colour, chosen in (
            ("chosen, weights as trained", BLUE, [one for one in result.chosen if not one.is_tuned]),
            ("chosen, weights tuned", VERMILION, [one for one in result.chosen if one.is_tuned]),
        )
    ]
    for label, colour, marker, designs in [*groups, ("the trained network", ORANGE, "*", [result.trained])]:
        if designs:
            x = [one.edap_ratio for one in designs]
            y = [100 * one.accuracy for one in designs]
            for one in designs:
                axes.plot([one.edap_ratio] * len(one.on_chips), [100 * a for a in one.on_chips], "_", color=GREY)
            axes.errorbar(x, y, [100 * error_of(one) for one in designs], color=colour, ls="")
            size = 14 if marker == "*" else 6
            axes.plot(x, y, marker, color=colour, markersize=size, markeredgecolor="white", zorder=3, label=label)
    axes.axhline(100 * result.trained.accuracy, color=ORANGE, linewidth=0.8, label="accuracy of the trained network")
    ratios = [one.edap_ratio for one in (result.trained, *result.chosen)]
    axes.set_xlim(min(ratios) / _MARGIN, max(ratios) * _MARGIN)
    models = f", worst of {n} cost models" if (n := len(result.trained.edap_ratios)) else ""
    axes.set(
        xscale="log",
        xlabel=f"EDAP of the baseline over that of the design{models} [x]",
        ylabel=f"validation accuracy, {_chips_words(result)} [%]",
    )
    plain_ticks(axes.xaxis)
    figure.suptitle(f"Peripherals of {result.trained.design.digest[:8]}, chosen again", fontweight="bold")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)  # no corner is free of error bars
    return figure


def _chips_words(result: Refinement) -> str:
    """What accuracies are measured on, in short: `3 drawn chips`."""
    return counted(n, "drawn chip") if (n := len(result.trained.on_chips)) else IDEAL_DEVICES


def _draw_bits(result: Refinement) -> Figure:
    shown = [(f"trained, {times(result.trained.edap_ratio)} x", result.trained)]
    chosen = result.chosen
    places = np.unique(np.linspace(0, len(chosen) - 1, min(_MOST_DRAWN, len(chosen))).round().astype(int))
    shown += [(f"{times(chosen[place].edap_ratio)} x", chosen[place]) for place in places]
    kinds = [kind for kind in PERIPHERALS if any(kind in one.design.kinds for _, one in shown)]
    names = layer_names([layer.name for layer in result.trained.design.layers])
    height = 0.5 + (0.4 + 0.28 * len(kinds) + names_height(names)) * len(shown)
    figure = Figure(figsize=(wide(len(names)), height))
    values = {
        kind: [choice_number(v) for _, one in shown for layer in one.design.layers if (v := _value(layer, kind))]
        for kind in kinds
    }
    for axes, (name, one) in zip(np.atleast_1d(figure.subplots(len(shown), 1)), shown, strict=True):
        table = np.full((len(kinds), len(names)), np.nan)
        for row, kind in enumerate(kinds):
            low, high = np.log2(min(values[kind]) + 1), np.log2(max(values[kind]) + 1)
            for column, layer in enumerate(one.design.layers):
                if (value := _value(layer, kind)) is not None:
                    table[row, column] = (np.log2(choice_number(value) + 1) - low) / max(high - low, 1e-9)
        texts = [[choice_text(_value(layer, kind)) for layer in one.design.layers] for kind in kinds]
        labels = [kind.record.label for kind in kinds]
        draw_cells(axes, 0.05 + 0.85 * table, texts, cmap=colormaps["YlGnBu"], rows=labels, columns=names)
        axes.set_title(
            f"{name}: {100 * one.accuracy:.2f} %, EDAP {number(one.edap)} mm² µs µJ ({one.design.digest[:8]})",
            fontsize=9.5,
        )
    return figure


def _value(layer: LayerDesign, kind: GeneKind) -> Choice | None:
    """A layer's value of a gene, or the value that the gene has where it is not named."""
    own: Choice | None = getattr(layer, kind)
    return kind.record.default if own is None else own


def _draw_predictions(result: Refinement) -> Figure | None:
    every = [one for found in result.predictions for one in found if one.measured > 0]
    if not every:
        return None
    figure = Figure(figsize=(5.2, 4.6))
    axes = figure.add_subplot()
    measured = [1000 * one.measured for one in every]
    axes.plot(measured, [1000 * one.added for one in every], "x", color=GREY, label="errors of single layers added up")
    axes.plot(
        measured, [1000 * one.expected for one in every], "o", color=BLUE, markerfacecolor="none", label="with pairs"
    )
    for is_random, label, marker in ((False, "chosen", "."), (True, "drawn at random", "+")):
        kind = [one for one in every if one.is_random == is_random]
        if kind:
            x, y = [1000 * one.measured for one in kind], [1000 * one.corrected for one in kind]
            axes.plot(x, y, marker, color=VERMILION, label=f"corrected, {label}")
    ends = np.array([0.7 * min(measured), 1.4 * max(measured)])
    axes.plot(ends, ends, color="black", linewidth=0.8)
    axes.fill_between(ends, ends / 1.25, 1.25 * ends, color=GREY, alpha=0.2, linewidth=0, label="within 25 %")
    axes.set(xscale="log", yscale="log", xlabel="measured divergence [mnat]", ylabel="predicted divergence [mnat]")
    for axis in (axes.xaxis, axes.yaxis):
        plain_ticks(axis)
    axes.set_title("Divergences of joint choices")
    axes.legend(fontsize=8)
    return figure


def error_of(one: Refined) -> float:
    """Standard error of the accuracy, from the finite number of images and of chips.

    The images are those that had no part in the choice, or those that it has. The part of the chips is that of a mean.
    """
    accuracy = one.accuracy
    variance = accuracy * (1 - accuracy) / (one.n_unseen or one.n_judged)
    if len(one.on_chips) > 1:
        variance += float(np.var(one.on_chips, ddof=1)) / len(one.on_chips)
    return float(np.sqrt(variance))


_PICTURES: dict[str, tuple[Callable[[Refinement], Figure | None], str]] = {
    "pareto": (
        _draw_front,
        "Validation accuracy by the exact emulation against EDAP; upper right is better. Bars are standard errors of a "
        "single accuracy; differences between designs, judged on the same images and chips, are less uncertain. Grey "
        "dashes are single chips, if any were drawn.",
    ),
    "bits": (
        _draw_bits,
        "Peripherals of each layer, of the trained network and of choices along the front. Colour shows a value's "
        "place among those drawn; S is a SAR ADC and F a Flash ADC.",
    ),
    "divergences": (
        _draw_predictions,
        "Divergence of the class probabilities from those of the reference, for joint choices of all layers: as "
        "predicted from single layers and pairs, corrected by other joint choices, and as measured.",
    ),
}


def rows_of(designs: Sequence[Refined]) -> list[tuple[str, ...]]:
    """Returns designs as texts: id, EDAP, area, latency, energy, divergence, accuracies, weights, chip."""
    return [
        (
            one.design.digest[:8],
            lower(one.edap_ratio).removesuffix(" lower"),  # the column's head says so
            number(one.edap),
            f"{one.area_mm2:.1f}",
            number(one.latency_us),
            number(one.energy_uj),
            f"{1000 * one.divergence:.1f}",
            f"{100 * one.accuracy:.2f}",
            "-" if one.unseen is None else f"{100 * one.unseen:.2f}",
            "tuned" if one.is_tuned else "as trained",
            one.chip or "-",
        )
        for one in designs
    ]


HEADS = (
    "design",
    "lower EDAP",
    "EDAP [mm² µs µJ]",
    "area [mm²]",
    "latency [µs]",
    "energy [µJ]",
    "divergence [mnat]",
    "validation [%]",
    "unseen [%]",
    "weights",
    "chip",
)
