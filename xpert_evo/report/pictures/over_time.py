"""Accuracy of drawn chips against the time since programming."""

from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from matplotlib.figure import Figure

from xpert_evo.accuracy.training.results import JudgementResult
from xpert_evo.files import write_atomically
from xpert_evo.report.pictures import house_style
from xpert_evo.report.pictures.common import BLUE, GREY, VERMILION, fit_titles
from xpert_evo.words import age_text, counted

_MOST_CHIPS_SHOWN = 100


def draw_over_time(result: JudgementResult) -> Figure:
    """Draws the mean, the worst chip and the range of all chips at each time; the ideal accuracy as a line."""
    times_s = np.array([aged.time_s for aged in result.over_time])
    chips = 100 * np.array([aged.judgement.accuracies for aged in result.over_time])
    figure = Figure(figsize=(6.4, 4.4))
    axes = figure.add_subplot()
    axes.axhline(100 * result.ideal.mean, color=GREY, lw=1.2, ls="--", label="ideal devices")
    if chips.shape[1] > 1:
        shown = chips[:, :_MOST_CHIPS_SHOWN]
        axes.plot(times_s, shown, color=BLUE, lw=0.6, alpha=0.3)
        axes.plot([], [], color=BLUE, lw=0.6, alpha=0.5, label="each chip")
    axes.plot(times_s, chips.mean(1), color=BLUE, marker="o", lw=1.8, label="mean of the chips")
    axes.plot(times_s, chips.min(1), color=VERMILION, marker="v", lw=1.4, label="worst chip")
    if result.yields is not None:
        least = result.yields.least_accuracy
        axes.axhline(100 * least, color="black", lw=0.8, ls=":", label=f"{100 * least:g} % required")
    axes.set_xscale("log")
    axes.set_xticks(times_s, [age_text(time_s) for time_s in times_s])
    axes.minorticks_off()
    axes.margins(x=0.08, y=0.12)
    axes.set_xlabel("time after programming")
    axes.set_ylabel(f"accuracy [%], {counted(result.ideal.n_images, f'{result.ideal.split} image')}")
    axes.set_title(_title(result))
    axes.legend(loc="best")
    return figure


def write_over_time(result: JudgementResult, path: Path) -> None:
    """Writes the picture to a file, whose suffix selects PNG, SVG or PDF."""
    with house_style():
        figure = draw_over_time(result)
        fit_titles(figure)
        write_atomically(path, partial(_save, figure, path.suffix.removeprefix(".").lower() or "png"))


def _save(figure: Figure, form: str, stream: IO[bytes]) -> None:
    figure.savefig(stream, format=form)


def _title(result: JudgementResult) -> str:
    devices = (result.devices or "").partition(", 1 s after")[0]
    n_images = result.over_time[0].judgement.norm_images
    calibrated = f", batch norm calibrated on {n_images} images at each time" if n_images else ""
    return f"Design {result.header.design.digest[:8]}: {devices}{calibrated}"
