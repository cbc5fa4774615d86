"""The study in one table and one picture: accuracy of the test images against EDAP below the baseline.

    python studies/cifar10/overview.py

`results/judged.toml` holds the accuracies, each measured once; costs are computed here, by the hardware model at hand.
A ratio is the baseline's EDAP over that of a design, by the cost model of the settings and, as a range, over all
built-in models. Throughput is that of layers that work on successive images at once (`pipelined`).
"""

import argparse
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xpert_evo.accuracy.training.yields import interval
from xpert_evo.config import load_config
from xpert_evo.cost_models import CostModels
from xpert_evo.design import Design, load_designs
from xpert_evo.orchestration.task import build_task
from xpert_evo.report.candidates import alone, figures_alone, hardware_figures
from xpert_evo.report.pictures import house_style
from xpert_evo.report.pictures.common import BLUE, GREEN, GREY, VERMILION, legend_below, plain_ticks

STUDY = Path(__file__).parent
STYLES = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"))
"""Colour and marker of each group of networks."""

PAPER = (10.24, 92.46)
"""EDAP below homogeneous VGG16 and accuracy [%] that XPert reports (A. Moitra et al., arXiv 2303.17646)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A network that was judged on test images.

    Attributes:
        name: First eight digits of its design's digest.
        how: How the network came about, in a few words.
        accuracy: Fraction of the test images.
        images: Number of different test images.
        chips: Number of drawn chips; 0 for ideal devices.
        spread: Standard deviation over chips that classified the same images; 0 where each had images of its own.
        ratios: EDAP of the baseline over that of the design, by cost model, that of the settings first.
        area_mm2: Area of the design [mm2].
        throughput_fps: Throughput with pipelined layers [images/s].
        efficiency: TOPS/W relative to the baseline.
        density: TOPS/mm2 relative to the baseline.
    """

    name: str
    how: str
    accuracy: float
    images: int
    chips: int
    spread: float
    ratios: tuple[float, ...]
    area_mm2: float
    throughput_fps: float
    efficiency: float
    density: float

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of the 95 % interval of the accuracy."""
        return interval(self.accuracy, self.images, n_chips=self.chips, spread=self.spread)

    @property
    def row(self) -> str:
        """Its row of a Markdown table."""
        devices = f"{self.chips} chips" if self.chips else "ideal"
        percent, half = 100 * self.accuracy, 50 * (self.ends[1] - self.ends[0])
        cells = (
            self.name,
            self.how,
            devices,
            f"{percent:.2f} ± {half:.1f} %",
            f"{times(self.ratios[0])} x",
            f"{times(min(self.ratios))} to {times(max(self.ratios))} x",
            f"{self.efficiency:.1f} x",
            f"{self.density:.1f} x",
            f"{round(self.throughput_fps, -2):,.0f}",
            f"{self.area_mm2:.1f}",
        )
        return f"| {' | '.join(cells)} |"


HEAD = (
    "| network | how it was made | devices | test accuracy | lower EDAP | over five models | TOPS/W | TOPS/mm² "
    "| images/s | mm² |\n|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Networks on one kind of chip: a title, and the networks by rising ratio."""

    title: str
    networks: tuple[Judged, ...]


def times(ratio: float) -> str:
    """A ratio with two digits below ten, none behind the point above: `0.63`, `3.7`, `173`, `2,216`."""
    return f"{ratio:.2f}" if ratio < 1 else f"{ratio:.1f}" if ratio < 10 else f"{ratio:,.0f}"


def read_groups(path: Path) -> list[Group]:
    """The groups of a file such as `results/judged.toml`, with the costs of their designs."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return [_group(entry) for entry in content["group"]]


def _group(entry: dict[str, Any]) -> Group:
    found = [_judged({**entry, **network}) for network in entry["network"]]
    return Group(entry["title"], tuple(sorted(found, key=lambda one: one.ratios[0])))


def _judged(entry: dict[str, Any]) -> Judged:
    """A network by its entry and those of its group, which has the settings unless the network has its own."""
    config = load_config(STUDY / "settings" / entry["settings"], entry.get("changes", {}))
    task, design = build_task(config, n_classes=10, image_channels=3), _design(STUDY / entry["design"], entry["name"])
    pipelined = replace(task, hardware=replace(task.hardware, schedule="pipelined"))
    space, genome = alone(task, design)
    ratios, _ = CostModels.of(task.hardware, space).ratios_of_one(task.space, space, genome)
    baseline, own = hardware_figures(task, task.baseline)[0], figures_alone(task, design)
    return Judged(
        name=entry["name"],
        how=entry["how"],
        accuracy=entry["accuracy"],
        images=entry["images"],
        chips=entry.get("chips", 0),
        spread=entry.get("spread", 0.0),
        ratios=tuple(ratios.values()),
        area_mm2=own["area_mm2"],
        throughput_fps=figures_alone(pipelined, design)["throughput_fps"],
        efficiency=own["tops_per_w"] / baseline["tops_per_w"],
        density=own["tops_per_mm2"] / baseline["tops_per_mm2"],
    )


def _design(path: Path, name: str) -> Design:
    """The design of a file, or one of several, by the first digits of its digest."""
    return next(design for design in load_designs(path) if design.digest.startswith(name))


def draw(groups: Sequence[Group], path: Path) -> None:
    """Accuracy against the ratio: a bar from the least to the most of all models; writes .png and .svg."""
    with house_style():
        figure = Figure(figsize=(8.4, 5.0), layout="constrained")
        axes = figure.add_subplot()
        for group, (colour, marker) in zip(groups, STYLES, strict=False):
            _draw_group(axes, group, colour, marker)
        axes.plot(*PAPER, marker="*", color=GREY, linestyle="none", markersize=11, label="XPert, as published")
        axes.set(xscale="log", xlabel="EDAP of the baseline over that of the design", ylabel="test accuracy [%]")
        plain_ticks(axes.xaxis)
        axes.axvline(1.0, color=GREY, linewidth=0.8)
        legend_below(figure, [axes], n_columns=2)
        for suffix in (".png", ".svg"):
            figure.savefig(path.with_suffix(suffix), dpi=160)


def _draw_group(axes: Axes, group: Group, colour: str, marker: str) -> None:
    for i, one in enumerate(group.networks):
        x, y = one.ratios[0], 100 * one.accuracy
        low, high = (100 * end for end in one.ends)
        axes.plot([min(one.ratios), max(one.ratios)], [y, y], color=colour, linewidth=1.2, alpha=0.45)
        axes.plot([x, x], [low, high], color=colour, linewidth=1.2, alpha=0.45)
        axes.plot(x, y, color=colour, marker=marker, linestyle="none", label=group.title if i == 0 else None)
        axes.annotate(one.name[:4], (x, y), xytext=(4, 4), textcoords="offset points", fontsize=7)


def main() -> None:
    """Prints a table for each group, and draws all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judged", type=Path, default=STUDY / "results" / "judged.toml", help="accuracies to read")
    parser.add_argument("--out", type=Path, default=STUDY / "results" / "overview", help="picture, without an ending")
    options = parser.parse_args()
    groups = read_groups(options.judged)
    for group in groups:
        print(f"{group.title}\n\n{HEAD}")
        print("\n".join(one.row for one in group.networks), end="\n\n")
    draw(groups, options.out)


if __name__ == "__main__":
    main()
