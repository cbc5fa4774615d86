"""The pictures of a run: each is a function from a scene to a figure, or to None where there is nothing to show yet."""

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
from xpert_evo.report.pictures.progress import draw_hypervolume
from xpert_evo.report.pictures.surrogate import draw_predictions
from xpert_evo.report.scene import Scene

STYLE = resources.files("xpert_evo.report") / "xpert_evo.mplstyle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """How a picture is made and what it says.

    Attributes:
        draw: The figure of a scene; None where the run has nothing to show in it yet.
        caption: One or two sentences on how to read it.
    """

    draw: Callable[[Scene], Figure | None]
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A picture as files' contents."""

    name: str
    caption: str
    svg: bytes
    png: bytes


def draw_pictures(scene: Scene, names: list[str] | None = None) -> tuple[list[Drawing], list[str]]:
    """Draws pictures in memory; one that fails is left out and told about, and never ends a run.

    Args:
        scene: What to draw.
        names: Of `PICTURES`; None for all.

    Returns:
        The drawings, and a sentence for each picture that failed.
    """
    drawings, complaints = [], []
    with house_style():
        for name, picture in PICTURES.items():
            if names is not None and name not in names:
                continue
            try:
                figure = picture.draw(scene)
                if figure is not None:
                    drawings.append(_drawing(name, picture.caption, figure))
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
    """Matplotlib's settings for all figures, while it is entered."""
    with resources.as_file(STYLE) as style:
        return matplotlib.style.context(style)


def _drawing(name: str, caption: str, figure: Figure) -> Drawing:
    fit_titles(figure)
    figure.set_layout_engine("none")  # laid out once is enough for both forms, and is most of the work
    contents = {}
    for form, metadata in (("svg", {"Date": None}), ("png", None)):
        stream = io.BytesIO()
        figure.savefig(stream, format=form, metadata=metadata)
        contents[form] = stream.getvalue()
    return Drawing(name=name, caption=caption, **contents)


PICTURES: Mapping[str, Picture] = {
    "pareto": Picture(
        draw=draw_pareto,
        caption="Accuracy against EDAP. Upper left is better. Bars are 95 % intervals of the finite test set; dashed "
        "is what the surrogate predicts, not a measurement; dotted is where it predicts more than was ever measured.",
    ),
    "hypervolume": Picture(
        draw=draw_hypervolume,
        caption="How much of the objective space the front covers, against trainings, time and generations. The lower "
        "curve counts the homogeneous designs among these trainings alone, of which a search trains few after the "
        "first batch; for as many trainings without a search compare with a run of `--mode random-homogeneous`.",
    ),
    "predictions": Picture(
        draw=draw_predictions,
        caption="What the surrogate predicted before a training against what the training measured; bars are its 90 % "
        "intervals, cut at 0, at 100 % and at the frame. On the diagonal it was right.",
    ),
    "genes": Picture(
        draw=draw_genes,
        caption="The five genes of each layer. Colour is the position among the gene's choices, from the smallest "
        "(light) to the largest (dark); S is a SAR and F a Flash ADC.",
    ),
    "costs": Picture(
        draw=draw_costs,
        caption="Area, latency and dynamic energy by layer and component, for the knee and for the baseline. The "
        "scales differ; the totals stand in the titles.",
    ),
    "parallel": Picture(
        draw=draw_parallel,
        caption="Every trained design as a line through its figures and its genes' averages over the layers; the front "
        "is coloured by accuracy. Every axis spans the trained designs.",
    ),
    "importance": Picture(
        draw=draw_importance,
        caption="How far a gene alone moves accuracy (as the surrogate sees it) and EDAP, between its best and its "
        "worst choice, averaged over trained designs. Column sharing and the ADC's type do not enter the accuracy.",
    ),
    "steps": Picture(
        draw=draw_steps,
        caption="What the next smaller (left half) and the next larger choice (right half) of a gene would do to the "
        "knee: change of predicted accuracy, and EDAP as a multiple; for the ADC's type it is the "
        "other type. Dots mark steps that break a limit on the chip.",
    ),
    "models": Picture(
        draw=draw_cost_models,
        caption="How many times lower EDAP is than the baseline's, by cost model, which costs design and baseline "
        "alike. Lines that cross are designs on whose order the models disagree. Dotted: as dear as the baseline.",
    ),
}
