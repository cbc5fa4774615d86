"""Helpers shared by pictures: figures of candidates, a colour-blind-safe palette, tables of cells."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from xpert_evo.objectives import FloatArray
from xpert_evo.report.candidates import Candidate
from xpert_evo.streams import wrapped

BLUE, VERMILION, GREEN, PINK, ORANGE, SKY, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)
"""Colour-blind-safe palette (M. Okabe and K. Ito, "Color universal design", 2008)."""

GREY = "#8c8c8c"
PALETTE = (BLUE, VERMILION, GREEN, PINK, ORANGE, SKY, BLACK)

_SIDE_BY_SIDE, _LONGEST = 4, 20  # characters that fit a column, and longest name

EDAP_LABEL = "EDAP [mm² µs µJ]"


def edap(candidates: Sequence[Candidate]) -> FloatArray:
    """Returns the EDAP of each candidate [mm2 us uJ]."""
    return np.array([candidate.hardware["edap"] for candidate in candidates])


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_ten(exponent: int) -> str:
    """Formats a power of ten: `10⁵`."""
    return f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def number(value: float) -> str:
    """Formats a number with three digits: `0.0393`, `28.7`, `8,340`, `1.21·10⁵`."""
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return f"{value:.3g}"
    if 1e3 <= abs(value) < 1e5:
        return f"{float(f'{value:.3g}'):,.0f}"
    digits, _, exponent = f"{value:.2e}".partition("e")
    return f"{digits}·{power_of_ten(int(exponent))}"


def plain_ticks(axis: Axis) -> None:
    """Labels 1, 2 and 5 times each power of ten of a logarithmic axis; round numbers if it spans less than one."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(
        LogLocator(subs=(1.0, 2.0, 5.0)) if high >= 10 * low else MaxNLocator(6, steps=[1, 2, 5, 10])
    )
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(NullFormatter())


def legend_below(figure: Figure, panels: Iterable[Axes], n_columns: int) -> None:
    """Draws one legend for all panels below them, with each label once."""
    labelled = [axes.get_legend_handles_labels() for axes in panels]
    legend = {text: handle for handles, texts in labelled for handle, text in zip(handles, texts, strict=True)}
    figure.legend(list(legend.values()), list(legend), loc="outside lower left", ncols=n_columns)


def layer_names(names: Sequence[str]) -> list[str]:
    """Shortens names of layers for an axis: `1`, `2`, ..., `fc` for a plain chain; long names lose their middle."""
    usual = [
        name.removeprefix("conv") if name.startswith("conv") else "fc" if name == "classifier" else name
        for name in names
    ]
    return [
        name if len(name) <= _LONGEST else f"{name[: _LONGEST // 2]}…{name[-_LONGEST // 2 + 1 :]}" for name in usual
    ]


def name_layers(axes: Axes, names: Sequence[str], first: float = 0.5) -> None:
    """Labels an axis with names of layers from position `first` on, rotated if too long to fit side by side."""
    axes.set_xticks(np.arange(len(names)) + first, names, rotation=90 if _are_long(names) else 0)


def names_height(names: Sequence[str]) -> float:
    """Returns the extra height needed by names of layers below an axis [inches]."""
    return 0.09 * max(map(len, names)) if _are_long(names) else 0.0


def _are_long(names: Sequence[str]) -> bool:
    return max(map(len, names)) > _SIDE_BY_SIDE


def fit_titles(figure: Figure) -> None:
    """Lays out a figure and wraps titles that would overlap the next panel or exceed the figure."""
    _lay_out(figure)
    titles = [(text, figure.bbox.x1) for text in _texts(figure, figure.get_suptitle())]
    for axes in figure.axes:
        place = axes.get_subplotspec()
        limit = figure.bbox.x1 if place is None or place.is_last_col() else axes.bbox.x1
        titles += [(text, limit) for text in _texts(axes, axes.get_title(loc="left"))]
    too_long = [(text, limit) for text, limit in titles if text.get_window_extent().x1 > limit]
    for text, limit in too_long:
        extent = text.get_window_extent()
        n = int(len(text.get_text()) * (limit - extent.x0) / extent.width) - 1
        text.set_text("\n".join(wrapped(text.get_text(), n)))
    if too_long:
        _lay_out(figure)


def _lay_out(figure: Figure) -> None:
    """Places a figure's panels, as drawing it would, in a fraction of the time."""
    engine = figure.get_layout_engine()
    if engine is None:
        figure.draw_without_rendering()
    else:
        engine.execute(figure)


def _texts(artist: Artist, content: str) -> list[Text]:
    """Returns the texts in a figure or panel with the given content."""
    return [t for t in artist.findobj(Text) if isinstance(t, Text) and content and t.get_text() == content]


_USUAL_ROWS = 5


def taller(n_rows: int) -> float:
    """Returns by how much a table with more rows than the paper has genes is taller [inches]."""
    return 0.28 * max(0, n_rows - _USUAL_ROWS)


def wide(n_layers: int) -> float:
    """Returns the width of a figure with one column per layer [inches]."""
    return max(6.4, 2.4 + 0.42 * n_layers)


def draw_cells(
    axes: Axes,
    colours: FloatArray,
    texts: Sequence[Sequence[str]],
    *,
    cmap: Colormap,
    rows: Sequence[str],
    columns: Sequence[str],
) -> None:
    """Draws a table of coloured cells with text; cells without a value stay empty.

    Args:
        axes: Axes to draw into.
        colours: Positions in the colour map from 0 to 1, (rows, columns); NaN for an empty cell.
        texts: Text of each cell.
        cmap: Colour map.
        rows: Names of the rows.
        columns: Names of the columns.
    """
    axes.pcolormesh(np.ma.masked_invalid(colours), cmap=cmap, vmin=0, vmax=1, edgecolors="white", linewidth=1.2)
    for (row, column), value in np.ndenumerate(colours):
        if np.isfinite(value):
            ink = "white" if luminance(cmap(value)) < 0.55 else "black"
            axes.text(column + 0.5, row + 0.5, texts[row][column], ha="center", va="center", color=ink, fontsize=7.5)
    name_layers(axes, columns)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def luminance(colour: Sequence[float] | FloatArray) -> float:
    """Returns the perceived lightness of a colour, from 0 to 1."""
    red, green, blue = colour[:3]
    return 0.299 * red + 0.587 * green + 0.114 * blue
