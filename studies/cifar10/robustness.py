r"""Accuracy of trained networks on drawn chips against variation, resistance of the wires and time after programming.

    python studies/cifar10/robustness.py --data-dir DATA --out studies/cifar10/results/robustness \\
        plain=studies/cifar10/results/weights/d27adb7d.safetensors aware=FILE [--images 500] [--chips 2]

Every network is judged by the exact emulation on validation images, on crossbars with the given coding and bits of a
weight; each chip calibrates its batch norm on training images. Points that the .json already contains are not measured
again, so a stopped call goes on.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hw_models import CrossbarSpec, WeightCoding, load_device, load_technology
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, nonidealities_of
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.weights import load_network
from xpert_evo.files import write_text
from xpert_evo.report.pictures import house_style
from xpert_evo.report.pictures.common import BLUE, GREEN, ORANGE, VERMILION, legend_below

TECHNOLOGY, WIRED = "cmos-32nm-lstp", "rram-100k"
VARIATIONS = (0.0, 0.02, 0.05, 0.1, 0.15)
WIRES = (0.0, 1.0, 2.0, 4.0, 8.0)
TIMES_S = (1.0, 3_600.0, 86_400.0, 2_592_000.0)
AGEING = ("rram-wan2022", "pcm-joshi2020")
COLOURS = (BLUE, ORANGE, GREEN, VERMILION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A condition: a place on the axis of one panel, of one curve."""

    panel: str
    curve: str
    x: float
    devices: NonIdealities


def points() -> Iterator[Point]:
    """All conditions, panel by panel."""
    for ratio in VARIATIONS:
        yield Point(panel="variation", curve="", x=100 * ratio, devices=NonIdealities(variation_ratio=ratio))
    wired = nonidealities_of(load_device(WIRED), load_technology(TECHNOLOGY))
    for times in WIRES:
        ohms = {name: times * getattr(wired, name) for name in ("row_wire_ohm", "column_wire_ohm")}
        yield Point(panel="wires", curve="", x=times, devices=wired.model_copy(update=ohms))
    for name in AGEING:
        for time_s in TIMES_S:
            devices = nonidealities_of(load_device(name), load_technology(TECHNOLOGY), time_s=time_s)
            yield Point(panel="time", curve=name, x=time_s, devices=devices)


def measured(options: argparse.Namespace, path: Path) -> dict[str, dict[str, list[float]]]:
    """Accuracies of the chips by network and condition; each is written as soon as it is known."""
    known = json.loads(path.read_text())["accuracies"] if path.exists() else {}
    dataset = load_dataset("cifar10", options.data_dir)
    crossbar = CrossbarSpec(coding=WeightCoding(options.coding), weight_bits=options.weight_bits)
    for name, _, file in (network.partition("=") for network in options.networks):
        trained, found = load_network(file, crossbar), known.setdefault(name, {})
        for point in points():
            key = f"{point.panel} {point.curve} {point.x:g}".replace("  ", " ")
            if key in found:
                continue
            judgement = judge(
                trained,
                dataset,
                "validation",
                nonidealities=point.devices,
                n_draws=options.chips,
                max_images=options.images,
                norm_images=options.norm_images,
            )
            found[key] = list(judgement.accuracies)
            print(f"{name}: {key}: " + ", ".join(f"{accuracy:.2%}" for accuracy in judgement.accuracies), flush=True)
            settings = {key: getattr(options, key) for key in ("images", "norm_images", "coding", "weight_bits")}
            write_text(path, json.dumps({"settings": settings, "accuracies": known}, indent=1) + "\n")
    return {name: known[name] for name in (network.partition("=")[0] for network in options.networks)}


def draw(accuracies: dict[str, dict[str, list[float]]], path: Path, n_images: int) -> None:
    """Three panels side by side; the mean of the chips as a line, the range as a band."""
    with house_style():
        figure = Figure(figsize=(11.0, 4.2), layout="constrained")
        panels = dict(zip(("variation", "wires", "time"), figure.subplots(1, 3, sharey=True), strict=True))
        for (name, found), colour in zip(accuracies.items(), COLOURS, strict=False):
            for curve, style in (("", "o-"), (AGEING[0], "o-"), (AGEING[1], "s--")):
                for panel, axes in panels.items():
                    of_curve = [p for p in points() if (p.panel, p.curve) == (panel, curve)]
                    if of_curve:
                        _draw_curve(axes, of_curve, found, style=style, colour=colour, label=f"{name} {curve}".strip())
        panels["variation"].set(xlabel="variation of the conductances [%]", ylabel=f"accuracy [%], {n_images} images")
        panels["wires"].set(xlabel=f"wire resistance, times that of 32 nm ({WIRED})")
        panels["time"].set(xlabel="time after programming", xscale="log")
        panels["time"].set_xticks(TIMES_S, ["1 s", "1 hour", "1 day", "30 days"])
        panels["time"].minorticks_off()
        legend_below(figure, list(panels.values()), n_columns=3)
        for suffix in (".png", ".svg"):
            figure.savefig(path.with_suffix(suffix), dpi=160)


def _draw_curve(
    axes: Axes, curve: list[Point], found: dict[str, list[float]], *, style: str, colour: str, label: str
) -> None:
    chips = 100 * np.array([found[f"{p.panel} {p.curve} {p.x:g}".replace("  ", " ")] for p in curve])
    x = [point.x for point in curve]
    axes.plot(x, chips.mean(1), style, color=colour, markersize=4, label=label)
    axes.fill_between(x, chips.min(1), chips.max(1), color=colour, alpha=0.2, linewidth=0)


def main() -> None:
    """Measures what is not known yet, and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="without an ending: .png, .svg and .json are written")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--chips", type=int, default=2)
    parser.add_argument("--norm-images", type=int, default=256)
    parser.add_argument("--coding", default="differential")
    parser.add_argument("--weight-bits", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    draw(measured(options, options.out.with_suffix(".json")), options.out, options.images)


if __name__ == "__main__":
    main()
