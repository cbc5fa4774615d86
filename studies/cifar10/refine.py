"""Chooses the peripherals of a trained network again, at native size: which bits its layers can do without.

    python studies/cifar10/refine.py studies/cifar10/results/weights/d27adb7d.safetensors \
        --settings studies/cifar10/settings/joint.toml --data-dir DATA --out runs/refined

A search ranks designs by proxies; a network that has been trained at native size tells more. For each layer alone,
its divergences are measured on the first validation images (`divergences.py`): ADCs of up to three bits less than its
own and one more, inputs of up to two bits less. Errors of layers are taken to add up, as independent small ones do.
For several prices of divergence, column sharing, ADC type, ADC and input bits are then chosen layer by layer, over and
over, until no layer's choice lowers log(EDAP) + price x divergence. Channel depths stay, so that `native.py
--start-from` goes on from the same weights.

Writes a list that native.py takes, the trained design first, then what was found by falling EDAP, each with the whole
exact emulation's accuracy on the validation images after those, before any training. Divergences are kept beside it,
and another call goes on from there.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import product as combinations
from pathlib import Path

import numpy as np
import torch
from divergences import Bits, Divergences, Kept, bits_near, measured
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from xpert_evo.accuracy.crossbars.network import CrossbarNetwork
from xpert_evo.accuracy.datasets.catalogue import Dataset, Split
from xpert_evo.accuracy.training.images import prepared, training_subset
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.weights import TrainedNetwork, load_network, weights_file
from xpert_evo.config import load_config
from xpert_evo.design import Design
from xpert_evo.errors import XpertEvoError
from xpert_evo.files import write_text
from xpert_evo.genes import GeneKind
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.report.pictures.common import ORANGE, VERMILION
from xpert_evo.space import Genomes

_N_CALIBRATION = 128


def refined(design: Design, divergences: list[Divergences], task: Task, price: float) -> Design:
    """The design with the least log(EDAP) + price x divergence that changes of single layers find.

    Args:
        design: Where the changes start; keeps the limits of the task.
        divergences: Of each layer's choices that are allowed, its own among them.
        task: Costs and limits.
        price: Of a nat.
    """
    genome = task.space.encode([design])[0]
    offered = [_offered(task, layer, list(allowed)) for layer, allowed in enumerate(divergences)]
    while True:
        before = genome.copy()
        for (columns, rows, bits), allowed in zip(offered, divergences, strict=True):
            candidates = np.repeat(genome[None], len(rows), axis=0)
            candidates[:, columns] = rows
            worth = np.log(task.costs(candidates)["edap"]) + price * np.array([allowed[pair] for pair in bits])
            worth[~task.feasible(candidates)] = np.inf
            genome = candidates[int(np.argmin(worth))]
        if np.array_equal(genome, before):
            return task.space.decode(genome[None])[0]


def _offered(task: Task, layer: int, allowed: list[Bits]) -> tuple[list[int], Genomes, list[Bits]]:
    """A layer's columns of the genome, the values that they may take together, and the bits that these mean."""
    kinds = (GeneKind.COLUMN_SHARING, GeneKind.ADC_TYPE, GeneKind.ADC_PRECISION, GeneKind.INPUT_PRECISION)
    columns = [column for kind in kinds if (column := task.space.column(layer, kind)) is not None]
    choices = [task.space.genes[column].choices for column in columns]
    rows, bits = [], []
    for row in combinations(*(range(len(own)) for own in choices)):
        pair = (int(choices[2][row[2]]), int(choices[3][row[3]]))
        if pair in allowed:
            rows.append(row)
            bits.append(pair)
    return columns, np.array(rows), bits


def divergence_of(design: Design, divergences: list[Divergences]) -> float:
    """The sum of what a design's layers cause [nats]: what is expected of them together."""
    pairs = zip(divergences, design.layers, strict=True)
    return sum(allowed[layer.adc_precision, layer.input_precision] for allowed, layer in pairs)


def lend(network: CrossbarNetwork, design: Design) -> None:
    """Gives a network's layers the peripherals of another design with the same channel depths."""
    for layer, genes in zip(network.crossbar_layers, design.layers, strict=True):
        layer.geometry = replace(
            layer.geometry,
            adc_precision=genes.adc_precision,
            input_precision=genes.input_precision,
            column_sharing=genes.column_sharing,
        )


def check(trained: TrainedNetwork, dataset: Dataset, task: Task, path: Path) -> Design:
    """The design of a network; raises DesignError and SystemExit where it and the settings do not belong together."""
    design = trained.header.design
    if trained.protocol.width_divisor > 1:
        raise SystemExit(f"{path} must be trained at native size, {trained.protocol.name} trains proxies.")
    if trained.header.dataset not in (None, dataset.digest):
        raise SystemExit(
            f"{path} was trained on other images than the settings' {dataset.name}; name its data set there."
        )
    own = trained.network.crossbar
    if own != task.hardware.crossbar:
        differing = [name for name, value in asdict(own).items() if getattr(task.hardware.crossbar, name) != value]
        raise SystemExit(f"{path} was trained for crossbars of another {' and '.join(differing)} than the settings'.")
    genome = task.space.encode([design])
    if not task.feasible(genome)[0]:
        raise SystemExit(
            f"{path}: the design must keep the settings' limits, its area is {task.costs(genome)['area'][0]:.1f} mm2; "
            "raise them."
        )
    return design


def draw(divergences: list[Divergences], names: Sequence[str], designs: Sequence[Design], path: Path) -> None:
    """Writes `path`, .png and .svg: divergences by layer and ADC bits, with a layer's most input bits.

    Args:
        divergences: Of each layer.
        names: Of the layers.
        designs: The first and the last one's ADC bits are drawn.
        path: Without an ending.
    """
    figure = Figure(figsize=(7.6, 3.4), layout="constrained")
    axes = figure.add_subplot()
    rows = sorted({adc for layer in divergences for adc, _ in layer})
    for x, layer in enumerate(divergences):
        most = max(inputs for _, inputs in layer)
        for adc in (adc for adc in rows if (adc, most) in layer):
            value = 1000 * layer[adc, most]
            shade = min(1.0, max(0.0, 0.5 + np.log10(max(value, 1e-3)) / 4))
            axes.add_patch(Rectangle((x - 0.5, adc - 0.5), 1, 1, color=colormaps["Blues"](shade), linewidth=0))
            ink, words = "white" if shade > 0.6 else "black", f"{value:.{0 if value >= 9.95 else 1}f}"
            axes.annotate(words, (x, adc + 0.26), ha="center", va="center", fontsize=6, color=ink)
    for design, colour, words in zip(
        (designs[0], designs[-1]), (ORANGE, VERMILION), ("trained", "cheapest"), strict=True
    ):
        bits = [layer.adc_precision for layer in design.layers]
        axes.plot(range(len(bits)), np.array(bits) - 0.12, color=colour, marker="o", markersize=4, label=words)
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(rows[0] - 0.5, rows[-1] + 0.5), ylabel="ADC bits", yticks=rows)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=7)
    axes.set_title("What one layer's ADCs change of the class probabilities [mnat]", loc="left")
    axes.legend(fontsize=7)
    for ending in (".png", ".svg"):
        figure.savefig(path.with_suffix(ending), dpi=150)


def main() -> None:
    """Measures, chooses, draws, judges, and writes the designs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="of `xpert-evo train` or `pack`, or the folder of a training")
    parser.add_argument("--settings", type=Path, required=True, help="data set, space, hardware and limits")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--images", type=int, default=400, help="validation images for divergences, the first ones")
    parser.add_argument("--judged", type=int, default=1_000, help="validation images for accuracies, those after them")
    parser.add_argument("--prices", type=float, nargs="+", default=[128.0, 64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0])
    parser.add_argument("--out", type=Path, required=True, help="without an ending: .json, .png and .svg are written")
    options = parser.parse_args()
    config = load_config(options.settings)
    dataset = cached_dataset(
        config.dataset.model_copy(update={"data_dir": options.data_dir or config.dataset.data_dir})
    )
    n_images, n_judged = options.images, options.judged
    if min(n_images, n_judged) < 1 or n_images + n_judged > len(dataset.validation):
        raise SystemExit(
            f"--images and --judged must be at least 1 and together at most the {len(dataset.validation):,} validation "
            f"images of {dataset.name}; got {n_images:,} and {n_judged:,}."
        )
    task = build_task(config, n_classes=dataset.n_classes, image_channels=dataset.image_channels)
    weights = weights_file(options.weights)
    trained = load_network(weights)
    design = check(trained, dataset, task, weights)
    options.out.parent.mkdir(parents=True, exist_ok=True)

    names = [layer.name for layer in task.backbone.layers]
    tried = bits_near(task.space, trained.network)
    kept = Kept(
        options.out.with_suffix(".divergences.json"),
        weights=weights,
        dataset=dataset.digest,
        n_images=n_images,
        tried=tried,
    )
    divergences = kept.read()
    images, calibration = (
        prepared(split, trained.protocol, torch.device("cpu"), number).images
        for split, number in (
            (dataset.validation, n_images),
            (training_subset(dataset.train, trained.protocol.n_train), _N_CALIBRATION),
        )
    )
    for layer in measured(trained.network, images, calibration, tried, first=len(divergences)):
        told = ", ".join(f"{adc}/{inputs} {1000 * value:.1f}" for (adc, inputs), value in layer.items())
        print(f"{names[len(divergences)]}, ADC/input bits and divergence [mnat]: {told}", flush=True)
        divergences.append(layer)
        kept.write(divergences)

    costs = {one: _edap(task, one) for one in {refined(design, divergences, task, price) for price in options.prices}}
    designs = [design, *(one for one in sorted(costs, key=lambda one: -costs[one]) if one != design)]
    draw(divergences, names, designs, options.out)
    others = dataset.validation
    unseen = Split(images=others.images[n_images:], labels=others.labels[n_images:])
    entries: list[dict[str, object]] = []
    for one in designs:
        lend(trained.network, one)
        judged = judge(trained, replace(dataset, validation=unseen), "validation", max_images=n_judged)
        ratio, expected = (
            _edap(task, task.space.decode(task.baseline)[0]) / _edap(task, one),
            divergence_of(one, divergences),
        )
        entry: dict[str, object] = {"design": one.to_plain(), "edap_ratio_to_baseline": ratio}
        entry |= {"expected_divergence_nats": expected, "validation": judged.mean, "images": judged.n_images}
        entries.append(entry)
        error = (judged.mean * (1 - judged.mean) / judged.n_images) ** 0.5
        print(
            f"{one.digest[:8]}: {ratio:.0f} x lower EDAP than the baseline's, {1000 * expected:.0f} mnat expected, "
            f"validation without training {100 * judged.mean:.1f} ± {100 * error:.1f} % of {judged.n_images:,} images",
            flush=True,
        )
        write_text(options.out.with_suffix(".json"), json.dumps(entries, indent=1) + "\n")


def _edap(task: Task, design: Design) -> float:
    return float(task.costs(task.space.encode([design]))["edap"][0])


if __name__ == "__main__":
    try:
        main()
    except XpertEvoError as failure:
        raise SystemExit(str(failure)) from None
