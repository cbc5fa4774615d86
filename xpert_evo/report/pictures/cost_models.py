"""EDAP gain over the baseline, by cost model."""

import numpy as np
from matplotlib.figure import Figure

from xpert_evo.report.pictures.common import GREY, PALETTE, legend_below
from xpert_evo.report.scene import Scene

_MARKERS = "osD"


def draw_cost_models(scene: Scene) -> Figure | None:
    """Draws one line per design across models: the measured front in grey, recommended designs in colour."""
    verdict = scene.verdict
    if verdict is None or not verdict.named:
        return None
    places = np.arange(len(verdict.models))
    figure = Figure(figsize=(max(6.4, 1.4 + 1.25 * len(places)), 4.8))
    axes = figure.add_subplot()
    front = verdict.ratios[:, verdict.on_front.any(axis=0)]
    axes.plot(places, front, color=GREY, lw=0.8, alpha=0.6, marker=".", ms=3)
    if set(np.flatnonzero(verdict.on_front.any(axis=0)).tolist()) - set(verdict.named.values()):
        axes.plot([], [], color=GREY, lw=0.8, marker=".", ms=3, label="on the front under at least one model")
    for i, at in enumerate(dict.fromkeys(verdict.named.values())):
        names = ", ".join(name for name, other in verdict.named.items() if other == at)
        label = f"{names} ({verdict.designs[at].digest[:8]})"
        axes.plot(places, verdict.ratios[:, at], color=PALETTE[i], marker=_MARKERS[i], ms=6, lw=1.6, label=label)
    axes.axhline(1, color="black", lw=0.8, ls=":")
    axes.set_yscale("log")
    axes.set_xticks(places, [name if i else f"{name}\n(this run's)" for i, name in enumerate(verdict.models)])
    axes.margins(x=0.08)
    axes.set_xlabel("cost model")
    axes.set_ylabel("EDAP of the baseline / EDAP of the design")
    axes.set_title("EDAP gain over the baseline, by cost model")
    legend_below(figure, [axes], 2)
    return figure
