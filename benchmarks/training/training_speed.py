"""Accuracy against CPU seconds: what trainings with all quantisers in the loop reach in the time of two references.

The references are plain trainings on CIFAR-10 on one CPU core: 76.7 % in 128 s on images of 16 x 16, and 61 % in 58 s
for VGG16 of a quarter of the channels. Here 6-bit inputs, 8-bit weights and the noise of 6-bit ADCs are in the loop,
and the accuracy is that of the exact emulation on all 5,000 validation images. Against the first reference VGG8 takes
whole images, of which it sees fewer: what was tried on seed 0 is in docs/emulation.md. CPU seconds are the process's,
from the first step to recalibrated batch norm, on one thread; they still grow where other processes share the core.

Usage: python benchmarks/training/training_speed.py --data-dir FOLDER [--dataset NAME] [--seeds N] [--only CASE]...
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.training import train_design
from xpert_evo.backbones import load_backbone
from xpert_evo.design import Design
from xpert_evo.space import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network, how it is trained, and what it is measured against.

    Attributes:
        backbone: Of the VGG family.
        channel_depths: Of the convolutions, before the protocol divides them; None for those of the backbone.
        protocol: Settings of the training.
        reference: Accuracy and seconds to beat.
    """

    backbone: str
    channel_depths: tuple[int, ...] | None
    protocol: TrainingProtocol
    reference: str


_QUARTER = TrainingProtocol(name="quarter", width_divisor=4, image_size=16, epochs=1, n_threads=1)

CASES = {
    "quarter-width vgg16": Case(
        backbone="vgg16",
        channel_depths=None,
        protocol=_QUARTER,
        reference="61 % in 58 s",
    ),
    "narrow vgg8": Case(
        backbone="vgg8",
        channel_depths=(64, 64, 128, 128, 256, 256),
        protocol=_QUARTER.model_copy(update={"epochs": 2, "image_size": 32, "n_train": 36_000}),
        reference="76.7 % in 128 s",
    ),
}


def design_of(case: Case) -> Design:
    """6-bit SAR ADCs and 6-bit inputs everywhere."""
    space = SearchSpace(load_backbone(case.backbone))
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=6)
    design = space.decode(genome)[0]
    if case.channel_depths is None:
        return design
    depths = (*case.channel_depths, None)
    layers = tuple(
        layer.model_copy(update={"channel_depth": depth}) for layer, depth in zip(design.layers, depths, strict=True)
    )
    return design.model_copy(update={"layers": layers})


def main() -> None:
    """Prints one line per training and a summary per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=list(CASES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_dataset(options.dataset, options.data_dir)
    for name in options.only or CASES:
        case = CASES[name]
        backbone = load_backbone(case.backbone, n_classes=dataset.n_classes, image_channels=dataset.image_channels)
        print(f"{name}, {dataset.name}, {case.protocol.epochs} epochs; to beat: {case.reference}")
        accuracies, times = [], []
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            start = time.process_time()
            trained = train_design(
                design_of(case),
                backbone,
                dataset,
                case.protocol,
                crossbar=CrossbarSpec(reference_columns=1),
                seed=seed,
            )
            times.append(time.process_time() - start)
            found = judge(trained, dataset, "validation")
            accuracies.append(found.mean)
            print(f"  seed {seed}: {found.mean:.2%} of {found.n_images:,} images, {times[-1]:.0f} CPU s", flush=True)
        spread = np.std(accuracies, ddof=1) if len(accuracies) > 1 else float("nan")
        print(f"  mean {np.mean(accuracies):.2%}, spread {spread * 100:.2f} points, {np.mean(times):.0f} CPU s")


if __name__ == "__main__":
    main()
