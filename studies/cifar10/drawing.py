"""Accuracy against EDAP: designs of the search in one colour, homogeneous ones in another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from xpert_evo.report.pictures.common import BLUE, EDAP_LABEL, GREY, ORANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A design.

    Attributes:
        id: Its first four characters stand beside it.
        homogeneous: The same peripherals in all convolutions.
        edap: Of the design [mm2 us uJ].
        accuracy: A fraction.
        spread: Standard deviation over seeds; None for one.
    """

    id: str
    homogeneous: bool
    edap: float
    accuracy: float
    spread: float | None = None


def draw(
    points: Sequence[Point], path: Path, *, title: str, split: str, reference: tuple[str, float] | None = None
) -> None:
    """Writes `path` with the endings .png and .svg.

    Args:
        points: Designs.
        path: Its ending is replaced.
        title: Above the picture.
        split: "validation" or "test".
        reference: Words and a fraction, for a line across.
    """
    figure = Figure(figsize=(5.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    if reference is not None:
        words, accuracy = reference
        axes.axhline(100 * accuracy, color=GREY, linestyle="--", linewidth=1, label=words)
    for homogeneous, name, colour, marker in ((False, "of the search", BLUE, "o"), (True, "homogeneous", ORANGE, "s")):
        kind = [point for point in points if point.homogeneous is homogeneous]
        if kind:
            x, y = [point.edap for point in kind], [100 * point.accuracy for point in kind]
            spreads = [math.nan if point.spread is None else 100 * point.spread for point in kind]
            axes.errorbar(x, y, spreads, color=colour, marker=marker, linestyle="none", capsize=3, label=name)
    for point in points:
        axes.annotate(
            point.id[:4],
            (point.edap, 100 * point.accuracy),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=7,
        )
    axes.set(xscale="log", xlabel=EDAP_LABEL, ylabel=f"{split} accuracy [%]")
    axes.set_title(title, loc="left")
    label_part_of_a_decade(axes)
    axes.margins(0.12)
    axes.legend(loc="lower right")
    for ending in (".png", ".svg"):
        figure.savefig(path.with_suffix(ending), dpi=150)


def label_part_of_a_decade(axes: Axes) -> None:
    """Labels a logarithmic axis of EDAP that spans about a decade at 1, 2 and 5."""
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.0e}".replace("e+0", "e")))
    axes.xaxis.set_minor_formatter(NullFormatter())
