"""Accuracy at native size against EDAP, with confidence intervals: the native front and the homogeneous rivals."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from xpert_evo.orchestration.chips import IDEAL_DEVICES
from xpert_evo.report.native import NativeDesign
from xpert_evo.report.pictures.common import BLACK, BLUE, EDAP_LABEL, GREEN, ORANGE, legend_below, plain_ticks
from xpert_evo.report.scene import Scene
from xpert_evo.report.words import chip_limit_words

_LOOKS = {
    "searched": (BLUE, "o", "found by the search"),
    "homogeneous": (ORANGE, "s", "homogeneous rivals"),
    "refined": (GREEN, "D", "refined: peripherals chosen again"),
}

_FEW_DECADES = 100.0
"""Axes that span less than this factor are labelled by plain numbers."""


def draw_native(scene: Scene) -> Figure | None:
    """Draws all designs trained at native size; None if there are none."""
    native = scene.result.native
    if native is None or not native.designs:
        return None
    figure = Figure(figsize=(6.8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for role, (colour, marker, label) in _LOOKS.items():
        designs = [one for one in native.designs if one.role == role]
        if designs:
            _draw(axes, designs, colour, marker, label)
    front = sorted(native.front, key=_edap)
    if len(front) > 1:
        x, y = [_edap(one) for one in front], [_percent(one) for one in front]
        axes.plot(x, y, color=BLACK, lw=0.9, ls="--", label="native front (by validation accuracy)", zorder=1)
    by_edap = sorted(native.designs, key=_edap)
    for place, one in enumerate(by_edap):
        axes.annotate(
            one.candidate.digest[:8],
            (_edap(one), _percent(one)),
            textcoords="offset points",
            xytext=(6, 5 if place % 2 else -9),  # below and above in turn, so that neighbours keep clear of each other
            fontsize=7,
        )
    axes.set_xscale("log")
    axes.set_xlabel(EDAP_LABEL)
    axes.set_ylabel(f"test accuracy, {_devices(native.designs[0])} [%]")
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.margins(0.16, 0.14)
    if _edap(by_edap[-1]) < _FEW_DECADES * _edap(by_edap[0]):
        axes.autoscale_view()  # which ticks fit depends on the final limits
        plain_ticks(axes.xaxis)
    result, n_images = scene.result, native.designs[0].candidate.n_test_images
    limits = chip_limit_words(result.config)
    axes.set_title(
        f"{result.task.backbone.name} on {result.dataset['name']} {native.size_words}, recipe {native.recipe.name}, "
        f"{n_images:,} test images{f', {limits}' if limits else ''}",
        loc="left",
    )
    legend_below(figure, [axes], 2)
    return figure


def _devices(one: NativeDesign) -> str:
    """What accuracies are measured on, in short: `mean of 3 chips`."""
    chips = one.candidate.on_chips
    if chips is None or one.candidate.devices == IDEAL_DEVICES:
        return IDEAL_DEVICES
    return "drawn chip" if chips.n_chips == 1 else f"mean of {chips.n_chips} chips"


def _draw(axes: Axes, designs: list[NativeDesign], colour: str, marker: str, label: str) -> None:
    axes.errorbar(
        [_edap(one) for one in designs],
        [_percent(one) for one in designs],
        yerr=100 * np.array([one.candidate.bar for one in designs]).reshape(-1, 2).T,
        color=colour,
        marker=marker,
        ls="none",
        elinewidth=1.0,
        capsize=2.5,
        label=label,
        zorder=3,
    )


def _edap(one: NativeDesign) -> float:
    return one.candidate.hardware["edap"]


def _percent(one: NativeDesign) -> float:
    return 100 * one.candidate.measured
