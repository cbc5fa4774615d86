"""Writes the files of a refinement: `report.html`, pictures, `front.json`, and a design file for each choice."""

import json
import os
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

import numpy as np

from xpert_evo.files import write_text
from xpert_evo.orchestration.refining import Prediction, Refined, Refinement
from xpert_evo.orchestration.refining.telling import span_words
from xpert_evo.report.page.document import PAGE_NAME, figure_element
from xpert_evo.report.page.tables import text_table
from xpert_evo.report.pictures import Drawing, write_pictures
from xpert_evo.report.refining.pictures import HEADS, draw_refinement, rows_of

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
$style
</style>
</head>
<body>
<header><h1>$title</h1><p>$summary</p></header>
<main>
<section><h2>The front</h2>$front</section>
<section><h2>Pictures</h2>$pictures</section>
<section><h2>How well divergences were predicted</h2>$predictions</section>
</main>
</body>
</html>
""")


def write_refinement(folder: Path, result: Refinement, *, settings: str) -> None:
    """Writes all files of a refinement into its folder, each atomically.

    Args:
        folder: Folder of the refinement.
        result: Result to write.
        settings: One sentence on the data set, the chip and the images.
    """
    designs = folder / "designs"
    designs.mkdir(exist_ok=True)
    for one in (result.trained, *result.front):
        write_text(designs / f"{one.design.digest[:8]}.json", one.design.to_json() + "\n")
    write_text(
        folder / "front.json", json.dumps([_entry(folder, result, one) for one in result.front], indent=1) + "\n"
    )
    drawings = draw_refinement(result)
    write_pictures(folder, drawings)
    write_text(folder / PAGE_NAME, _page(result, drawings, settings))


def _entry(folder: Path, result: Refinement, one: Refined) -> dict[str, object]:
    """The plain values of a design, with its devices in words and the path of its weights relative to the folder."""
    return {**one.to_plain(), "weights": os.path.relpath(one.weights, folder), "devices": result.devices}


def _page(result: Refinement, drawings: list[Drawing], settings: str) -> str:
    style = resources.files("xpert_evo.report.page") / "page.css"
    return _PAGE.substitute(
        title=escape(f"Peripherals of {result.trained.design.digest[:8]}, chosen again"),
        style=style.read_text(encoding="utf-8"),
        summary=escape(settings),
        front=_front(result) + f"<p>{escape(_caution(result))}</p>",
        pictures="\n".join(figure_element(drawing) for drawing in drawings),
        predictions=_predictions(result),
    )


def _front(result: Refinement) -> str:
    designs = [result.trained, *result.chosen]
    shown = len(HEADS) if any(one.chip for one in designs) else len(HEADS) - 1  # the chip, where several were tried
    return text_table(HEADS[:shown], [row[:shown] for row in rows_of(designs)])


def _caution(result: Refinement) -> str:
    gaps = [one.gap for one in result.front if one.gap is not None]
    percent = 100 * float(np.expm1(max(gaps, default=0.0)))
    bound = (
        f"By the predicted divergences, no other choice at the same price is more than {percent:.1f} % better; how far "
        "off these predictions were is told below."
    )
    return (
        "The first row is the trained network on its own peripherals. 'validation' are all validation images, by the "
        f"exact emulation of {result.devices}; the choice has seen some of them, 'unseen' are those that it has not. "
        + (bound if gaps else "")
    )


def _predictions(result: Refinement) -> str:
    rows = [
        (f"{name}, {kind}", *_ratios(found))
        for name, predictions in zip(result.round_names, result.predictions, strict=True)
        for kind, found in (
            ("random", [one for one in predictions if one.is_random]),
            ("chosen", [one for one in predictions if not one.is_random]),
        )
        if found
    ]
    head = (
        "predicted over measured",
        "choices",
        "layers added up",
        "class scores added up",
        "with pairs",
        "within 25 %",
        "corrected by others",
        "within 25 %",
    )
    return text_table(head, rows) + f"<p>{_CORRECTION}</p>"


_CORRECTION = (
    "A prediction is corrected by a power law fitted to other joint choices of its kind, random or chosen: those of "
    "earlier rounds, or if there are none all others of the round. It grows with the prediction, so it ranks choices "
    "as before, but tells what they cost; later rounds choose by it. Chosen predictions are lower than random ones: "
    "among many sums, a choice takes those that are too low."
)


def _ratios(found: list[Prediction]) -> tuple[str, ...]:
    """Spans of predicted over measured divergence by each prediction, and how often the last two are within 25 %."""
    ratios = np.array([[one.added, one.joined, one.expected, one.corrected] for one in found])
    ratios /= np.array([[max(one.measured, 1e-12)] for one in found])
    added, joined, expected, corrected = (span_words(column.tolist()) for column in ratios.T)
    before, after = (f"{int((np.abs(column - 1) <= 0.25).sum())} of {len(found)}" for column in ratios.T[2:])
    return (str(len(found)), added, joined, expected, before, corrected, after)
