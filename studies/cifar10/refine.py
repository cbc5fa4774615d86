"""Chooses the peripherals of a trained network again, at native size: which bits its layers can do without.

    python studies/cifar10/refine.py studies/cifar10/results/weights/d27adb7d.safetensors \
        --settings studies/cifar10/settings/joint.toml --data-dir DATA --out runs/refined.json

A search ranks designs by proxies; a network that has been trained at native size tells more. For each layer alone and
each choice of ADC and input bits near its own, the exact emulation of that layer is run on validation images, and the
divergence of the network's class probabilities from those with perfect ADCs is measured (Kullback-Leibler). Errors of
layers are taken to add up, as independent small ones do. For several prices of divergence, column sharing, ADC type,
ADC and input bits are then chosen layer by layer, over and over, until no layer's choice lowers log(EDAP) + price x
divergence. Channel depths stay, so that `native.py --start-from` goes on from the same weights.

Writes the designs, from the dearest to the cheapest, as a list that native.py takes, with the whole exact emulation's
validation accuracy of each before any training; and the divergences beside it, which another call with the same weights
and images takes from there.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product as combinations
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from xpert_evo.accuracy.emulation import Emulator
from xpert_evo.accuracy.images import prepared, training_subset
from xpert_evo.accuracy.judge import judge
from xpert_evo.accuracy.network import CrossbarLayer, CrossbarNetwork
from xpert_evo.config import load_config
from xpert_evo.design import Design, parse_design
from xpert_evo.files import write_text
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.report.pictures.common import ORANGE, VERMILION
from xpert_evo.report.trained import load_network
from xpert_evo.space import GeneKind, Genomes

_N_CALIBRATION = 128
_BATCH_SIZE = 250

Bits = tuple[int, int]
"""Of a layer's ADCs and inputs."""

Divergences = list[dict[Bits, float]]
"""For each layer, by bits: what its own error changes of the class probabilities [nats]."""


@torch.no_grad()
def measured_divergences(
    network: CrossbarNetwork, images: torch.Tensor, calibration: torch.Tensor, task: Task
) -> Divergences:
    """The divergence that each layer's choices cause alone.

    Args:
        network: Trained; its geometries are lent others for a while.
        images: Prepared validation images.
        calibration: Prepared training images, which set the ADCs' ranges.
        task: Its space has the choices.
    """
    network.eval()
    reference = [F.log_softmax(network(part, CrossbarLayer.product), 1) for part in torch.split(images, _BATCH_SIZE)]
    found: Divergences = []
    for number, layer in enumerate(network.crossbar_layers):
        own, choices = layer.geometry, {}
        for bits in combinations(*_near(task, number, own.adc_precision, own.input_precision)):
            layer.geometry = replace(own, adc_precision=bits[0], input_precision=bits[1])
            choices[bits] = _divergence(network, layer, images, calibration, reference)
        layer.geometry = own
        found.append(choices)
        told = ", ".join(f"{adc}/{inputs} {1000 * value:.1f}" for (adc, inputs), value in choices.items())
        print(f"{task.backbone.layers[number].name}, ADC/input bits and divergence [mnat]: {told}", flush=True)
    return found


def _near(task: Task, layer: int, adc_precision: int, input_precision: int) -> tuple[list[int], list[int]]:
    """ADC bits up to three less and one more than a layer's own, input bits up to two less."""
    adcs, inputs = (
        [
            int(choice)
            for gene in task.space.genes
            if (gene.layer, gene.kind) == (layer, kind)
            for choice in gene.choices
        ]
        for kind in (GeneKind.ADC_PRECISION, GeneKind.INPUT_PRECISION)
    )
    adcs = [bits for bits in adcs if -3 <= bits - adc_precision <= 1]
    return adcs, [bits for bits in inputs if -2 <= bits - input_precision <= 0]


def _divergence(
    network: CrossbarNetwork,
    altered: CrossbarLayer,
    images: torch.Tensor,
    calibration: torch.Tensor,
    reference: list[torch.Tensor],
) -> float:
    """Mean Kullback-Leibler divergence from `reference` with one layer by the exact emulation."""
    emulator = Emulator()

    def product(layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        return emulator(layer, inputs) if layer is altered else layer.product(inputs)

    network(calibration, product)
    total = 0.0
    for part, expected in zip(torch.split(images, _BATCH_SIZE), reference, strict=True):
        scores = F.log_softmax(network(part, product), 1)
        total += float(F.kl_div(scores, expected, reduction="sum", log_target=True))
    return total / len(images)


def refined(design: Design, divergences: Divergences, task: Task, price: float) -> Design:
    """The design with the least log(EDAP) + price x divergence that changes of single layers find.

    Args:
        design: Where the changes start; keeps the limits of the task.
        divergences: Of the choices that are allowed.
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


def divergence_of(design: Design, divergences: Divergences) -> float:
    """The sum of what a design's layers cause [nats]."""
    pairs = zip(divergences, design.layers, strict=True)
    return sum(allowed[layer.adc_precision, layer.input_precision] for allowed, layer in pairs)


def write_divergences(path: Path, divergences: Divergences, measured_on: Mapping[str, object]) -> None:
    """As JSON, bits as `ADC/input`."""
    layers = [{f"{adc}/{inputs}": value for (adc, inputs), value in layer.items()} for layer in divergences]
    write_text(path, json.dumps({**measured_on, "nats": layers}, indent=1) + "\n")


def read_divergences(path: Path, measured_on: Mapping[str, object]) -> Divergences | None:
    """What an earlier call wrote; None where there is nothing of the same weights and images."""
    if not path.exists():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    if {name: content.get(name) for name in measured_on} != measured_on:
        return None
    pairs = ({tuple(map(int, bits.split("/"))): value for bits, value in layer.items()} for layer in content["nats"])
    return [{(adc, inputs): value for (adc, inputs), value in layer.items()} for layer in pairs]


def lend(network: CrossbarNetwork, design: Design) -> None:
    """Gives a network's layers the precisions of another design with the same channel depths."""
    for layer, genes in zip(network.crossbar_layers, design.layers, strict=True):
        layer.geometry = replace(
            layer.geometry,
            adc_precision=genes.adc_precision,
            input_precision=genes.input_precision,
            column_sharing=genes.column_sharing,
        )


def draw(divergences: Divergences, names: Sequence[str], designs: Sequence[Design], path: Path) -> None:
    """Writes `path` with the endings .png and .svg: divergences by layer and ADC bits, and the designs' ADC bits.

    Of a layer's input bits the most are drawn.
    """
    figure = Figure(figsize=(7.6, 3.4), layout="constrained")
    axes = figure.add_subplot()
    rows = sorted({adc for layer in divergences for adc, _ in layer})
    for x, layer in enumerate(divergences):
        most = max(inputs for _, inputs in layer)
        for adc in rows:
            if (adc, most) in layer:
                value = 1000 * layer[adc, most]
                shade = min(1.0, max(0.0, 0.5 + np.log10(max(value, 1e-3)) / 4))
                axes.add_patch(Rectangle((x - 0.5, adc - 0.5), 1, 1, color=colormaps["Blues"](shade), linewidth=0))
                axes.annotate(
                    f"{value:.{0 if value >= 9.95 else 1}f}", (x, adc + 0.26), ha="center", va="center", fontsize=6,
                    color="white" if shade > 0.6 else "black",
                )  # fmt: skip
    for design, colour, words in ((designs[0], ORANGE, "trained"), (designs[-1], VERMILION, "cheapest found")):
        bits = [layer.adc_precision for layer in design.layers]
        axes.plot(range(len(bits)), np.array(bits) - 0.12, color=colour, marker="o", markersize=4, label=words)
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(rows[0] - 0.5, rows[-1] + 0.5), ylabel="ADC bits", yticks=rows)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=7)
    axes.set_title("What one layer's ADCs change of the class probabilities [mnat]", loc="left")
    axes.legend(fontsize=7)
    for ending in (".png", ".svg"):
        figure.savefig(path.with_suffix(ending), dpi=150)


def main() -> None:
    """Measures, chooses, draws, checks, and writes the designs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="of `xpert-evo train` or `pack`")
    parser.add_argument("--settings", type=Path, required=True, help="space, hardware and limits")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--images", type=int, default=500, help="of the validation split, for divergences")
    parser.add_argument("--judged", type=int, default=1_000, help="of the validation split, for the designs' accuracy")
    parser.add_argument("--prices", type=float, nargs="+", default=[64.0, 32.0, 16.0, 8.0, 4.0], help="of a nat")
    parser.add_argument("--out", type=Path, required=True, help="a .json file")
    options = parser.parse_args()
    config = load_config(options.settings)
    dataset = cached_dataset(config.dataset.model_copy(update={"data_dir": options.data_dir}))
    task = build_task(config, n_classes=dataset.n_classes, image_channels=dataset.image_channels)
    trained = load_network(options.weights)
    design = parse_design(trained.metadata["design"], where=str(options.weights))
    cpu = torch.device("cpu")
    images = prepared(dataset.validation, trained.protocol, cpu, options.images).images
    training = training_subset(dataset.train, trained.protocol.n_train)
    calibration = prepared(training, trained.protocol, cpu, _N_CALIBRATION).images
    kept = options.out.with_suffix(".divergences.json")
    measured_on = {"weights_sha256": hashlib.sha256(options.weights.read_bytes()).hexdigest(), "images": len(images)}
    divergences = read_divergences(kept, measured_on)
    if divergences is None:
        divergences = measured_divergences(trained.network, images, calibration, task)
        write_divergences(kept, divergences, measured_on)
    found = {one.digest: one for price in options.prices for one in (refined(design, divergences, task, price),)}
    names = [layer.name for layer in task.backbone.layers]
    draw(divergences, names, [design, *(one for one in found.values() if one != design)], options.out)
    baseline = float(task.costs(task.baseline)["edap"][0])
    entries: list[dict[str, object]] = []
    for one in (design, *(other for other in found.values() if other != design)):
        lend(trained.network, one)
        accuracy = judge(trained, dataset, "validation", max_images=options.judged).mean
        entry: dict[str, object] = {
            "design": one.to_plain(),
            "edap_ratio_to_baseline": baseline / float(task.costs(task.space.encode([one]))["edap"][0]),
            "divergence": divergence_of(one, divergences),
            "validation": accuracy,
            "images": options.judged,
        }
        entries.append(entry)
        print(
            f"{one.digest[:8]}: {entry['edap_ratio_to_baseline']:.0f} x lower EDAP than the baseline's, divergence "
            f"{1000 * divergence_of(one, divergences):.0f} mnat, validation {100 * accuracy:.2f} % without training",
            flush=True,
        )
        write_text(options.out, json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
