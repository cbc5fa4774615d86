"""The pictures of a run: functions from a scene to a figure, or to None if there is nothing to show yet."""

import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import IO

import matplotlib.style
from matplotlib.figure import Figure

from xpert_evo.files import write_atomically
from xpert_evo.report.pictures.common import fit_titles
from xpert_evo.report.pictures.cost_models import draw_cost_models
from xpert_evo.report.pictures.costs import draw_costs
from xpert_evo.report.pictures.front import draw_pareto
from xpert_evo.report.pictures.genes import draw_genes, draw_parallel
from xpert_evo.report.pictures.influence import draw_importance, draw_steps
from xpert_evo.report.pictures.native import draw_native
from xpert_evo.report.pictures.progress import draw_hypervolume
from xpert_evo.report.pictures.surrogate import draw_predictions
from xpert_evo.report.scene import Scene

STYLE = resources.files("xpert_evo.report") / "xpert_evo.mplstyle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of a run.

    Attributes:
        draw: Draws the figure of a scene; returns None if there is nothing to show yet.
        caption: One or two sentences on how to read the picture.
    """

    draw: Callable[[Scene], Figure | None]
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A drawn picture as contents of files."""

    name: str
    caption: str
    svg: bytes
    png: bytes


def draw_pictures(scene: Scene, names: list[str] | None = None) -> tuple[list[Drawing], list[str]]:
    """Draws pictures in memory; pictures that fail are left out and reported, so that they never end a run.

    Args:
        scene: Scene to draw.
        names: Names of pictures in `PICTURES`; None for all.

    Returns:
        The drawings, and one sentence per failed picture.
    """
    drawings, complaints = [], []
    with house_style():
        for name, picture in PICTURES.items():
            if names is not None and name not in names:
                continue
            try:
                figure = picture.draw(scene)
                if figure is not None:
                    drawings.append(drawing_of(name, picture.caption, figure))
            except Exception as failure:
                complaints.append(f"picture '{name}' failed ({type(failure).__name__}: {failure})")
    return drawings, complaints


def write_pictures(folder: Path, drawings: list[Drawing]) -> list[Path]:
    """Writes each drawing as PNG and SVG into `folder`; returns the PNG files."""
    for drawing in drawings:
        for form, content in (("svg", drawing.svg), ("png", drawing.png)):
            write_atomically(folder / f"{drawing.name}.{form}", partial(_write, content))
    return [folder / f"{drawing.name}.png" for drawing in drawings]


def _write(content: bytes, stream: IO[bytes]) -> None:
    stream.write(content)


def house_style() -> AbstractContextManager[None]:
    """Returns a context manager that applies the Matplotlib settings of all figures."""
    with resources.as_file(STYLE) as style:
        return matplotlib.style.context(style)


def drawing_of(name: str, caption: str, figure: Figure) -> Drawing:
    """Returns a figure as contents of files."""
    fit_titles(figure)
    figure.set_layout_engine("none")  # reuse the layout, which is most of the work, for both formats
    contents = {}
    for form, metadata in (("svg", {"Date": None}), ("png", None)):
        stream = io.BytesIO()
        figure.savefig(stream, format=form, metadata=metadata)
        contents[form] = stream.getvalue()
    return Drawing(name=name, caption=caption, **contents)


PICTURES: Mapping[str, Picture] = {
    "native": Picture(
        draw=draw_native,
        caption="Test accuracy at native size against EDAP, of designs of the search and homogeneous rivals trained "
        "alike. Bars are 95 % intervals due to the finite test set, one seed each.",
    ),
    "pareto": Picture(
        draw=draw_pareto,
        caption="Accuracy against EDAP; upper left is better. Bars are 95 % intervals due to the finite test set. The "
        "dashed line is predicted by the surrogate, not measured; it is dotted above the best measured accuracy.",
    ),
    "hypervolume": Picture(
        draw=draw_hypervolume,
        caption="Hypervolume covered by the front, against trainings, training time and generations. The lower curve "
        "counts only the homogeneous designs among these trainings, of which a search trains few after the first "
        "batch; for a comparison at an equal number of trainings, use a run with `--mode random-homogeneous`.",
    ),
    "predictions": Picture(
        draw=draw_predictions,
        caption="Accuracy measured by each training against the surrogate's prediction before it. Bars are 90 % "
        "intervals, clipped at 0, at 100 % and at the frame; points on the diagonal were predicted exactly.",
    ),
    "genes": Picture(
        draw=draw_genes,
        caption="Genes of each layer. Colour shows the position among the gene's choices, from the smallest (light) to "
        "the largest (dark); S is a SAR ADC and F a Flash ADC.",
    ),
    "costs": Picture(
        draw=draw_costs,
        caption="Area, latency and energy by layer and component, for the knee and the baseline. "
        "Scales differ; totals are given in the titles. Under cost models whose components work at the same time "
        "(published, optimistic, pessimistic), the latency of a layer is the time of its slowest component, and the "
        "time of the others for one output position; under the other models all times add up. Hatching marks a "
        "component that shares the colour of another, such as leakage that of the ADCs.",
    ),
    "parallel": Picture(
        draw=draw_parallel,
        caption="Each line is a trained design, with its figures and its genes averaged over layers; members of the "
        "front are coloured by accuracy. Each axis spans the range of the trained designs.",
    ),
    "importance": Picture(
        draw=draw_importance,
        caption="Effect of each gene alone on predicted accuracy and on EDAP, from its best to its worst choice, "
        "averaged over trained designs. The ADC type does not affect the accuracy, and column sharing only by the "
        "losses in wires.",
    ),
    "steps": Picture(
        draw=draw_steps,
        caption="Effect of the next smaller (left half) and next larger choice (right half) of each gene on the knee: "
        "change of predicted accuracy, and ratio of EDAP. For the ADC type, the step is to the other type. Dots mark "
        "steps that violate a chip limit.",
    ),
    "models": Picture(
        draw=draw_cost_models,
        caption="EDAP of the baseline over that of each design, both costed with the same cost model. Lines that cross "
        "are designs that the models rank differently. Dotted line: same EDAP as the baseline.",
    ),
}
