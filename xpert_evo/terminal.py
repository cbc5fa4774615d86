"""Small charts made of characters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_BARS = "▁▂▃▄▅▆▇█"
_MARGIN = 6
_LEAST_WIDTH = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Points drawn with the same sign.

    Attributes:
        sign: A single character.
        points: Pairs (positive cost, fraction), such as EDAP and accuracy.
    """

    sign: str
    points: tuple[tuple[float, float], ...]


def sparkline(values: Sequence[float], width: int) -> str:
    """Draws a curve as at most `width` bars, scaled between the smallest and largest value; empty for no values."""
    if not values or width < 1:
        return ""
    step = max(1.0, len(values) / width)
    n_shown = min(len(values), width)
    shown = [values[min(len(values) - 1, math.ceil((i + 1) * step) - 1)] for i in range(n_shown)]
    low, high = min(shown), max(shown)
    span = high - low
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1)) if span > 0 else 0] for value in shown)


def scatter(groups: Sequence[Marks], *, width: int, height: int) -> list[str]:
    """Draws fractions in percent over costs on a logarithmic axis, as lines of characters with their axes.

    Args:
        groups: Groups of points; later ones are drawn over earlier ones.
        width: Width of the whole chart [characters]; at least 30 is used.
        height: Lines of the chart without the line of its horizontal axis, at least 2.

    Returns:
        A list of height + 1 lines, or an empty list if there are no points.
    """
    points = [(group.sign, math.log10(cost), fraction) for group in groups for cost, fraction in group.points]
    if not points:
        return []
    n_columns = max(_LEAST_WIDTH, width) - _MARGIN - 1
    left, right = _ends([x for _, x, _ in points])
    bottom, top = _ends([y for _, _, y in points])
    cells = [[" "] * n_columns for _ in range(height)]
    for sign, x, y in points:
        column = round((x - left) / (right - left) * (n_columns - 1))
        row = round((top - y) / (top - bottom) * (height - 1))
        cells[row][column] = sign
    labels = {0: f"{100 * top:.1f}", height - 1: f"{100 * bottom:.1f}"}
    lines = [f"{labels.get(i, ''):>{_MARGIN}}│{''.join(row)}".rstrip() for i, row in enumerate(cells)]
    ends = (f"{10**left:.2g}", f"{10**right:.2g}")
    axis = ends[0] + ends[1].rjust(n_columns - len(ends[0]), "─")
    return [*lines, " " * _MARGIN + "└" + axis]


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.05, high + 0.05)
