"""What each part of the training earns: one part changed at a time, several designs and seeds.

Accuracy is that of the exact emulation on the validation images, so that a training without ADC noise is not flattered.

Usage: python benchmarks/training/training_ablation.py [--dataset NAME] [--data-dir FOLDER] [--protocol NAME]
       [--seeds N] [--designs N] [--only VARIANT]...
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.accuracy.training.training import train_design
from xpert_evo.backbones import load_backbone
from xpert_evo.errors import TrainingError
from xpert_evo.space import SearchSpace

VARIANTS: dict[str, dict[str, object]] = {
    "as is": {},
    "identity initialisation": {"identity": True},
    "SGD, rate 0.1": {"orthogonalise": False, "classifier_learning_rate": 0.1},
    "SGD, rate 0.1, identity": {"orthogonalise": False, "classifier_learning_rate": 0.1, "identity": True},
    "no ADC noise in training": {"noise": False},
    "no label smoothing": {"label_smoothing": 0.0},
    "no mirrored images": {"flip": False},
    "shifts of a pixel": {"shift": 1},
    "batches of 64": {"batch_size": 64},
    "Muon rate 0.1": {"learning_rate": 0.1},
    "4 components as first filters": {"components": 4},
    "an epoch more, half left out": {"leave_out": 0.5},
}


def main() -> None:
    """Prints one line per variant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--protocol", default="laptop")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--designs", type=int, default=2, help="the first is homogeneous VGG16, the others are random")
    parser.add_argument("--only", action="append", choices=list(VARIANTS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset, protocol = load_dataset(options.dataset, options.data_dir), load_protocol(options.protocol)
    backbone = load_backbone("vgg16", n_classes=dataset.n_classes, image_channels=dataset.image_channels)
    space = SearchSpace(backbone)
    genomes = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=6)
    if options.designs > 1:
        genomes = np.concatenate([genomes, space.random(np.random.default_rng(5), options.designs - 1)])
    designs = space.decode(genomes)
    print(f"{dataset.name}, protocol {protocol.name} and changes, {options.designs} designs x {options.seeds} seeds")
    print(f"{'variant':32}{'accuracy':>10}{'seed spread':>13}{'CPU s':>8}   by design")
    for name in options.only or VARIANTS:
        changed = protocol.model_copy(update=VARIANTS[name])
        if changed.leave_out:
            changed = changed.model_copy(update={"epochs": changed.epochs + 1})
        accuracy = np.full((len(designs), options.seeds), np.nan)
        start = time.process_time()
        for d, design in enumerate(designs):
            for seed in range(options.seeds):
                try:
                    trained = train_design(
                        design, backbone, dataset, changed, crossbar=CrossbarSpec(reference_columns=1), seed=seed
                    )
                except TrainingError as failure:
                    print(f"  {name}, design {d}, seed {seed}: {failure}")
                    continue
                accuracy[d, seed] = judge(trained, dataset, "validation", max_images=2_000).mean
        seconds = (time.process_time() - start) / accuracy.size
        spread = accuracy.std(axis=1, ddof=1).mean() if options.seeds > 1 else float("nan")
        by_design = " ".join(f"{value:.3f}" for value in accuracy.mean(axis=1))
        print(f"{name:32}{accuracy.mean():10.4f}{spread:13.4f}{seconds:8.1f}   {by_design}", flush=True)


if __name__ == "__main__":
    main()
