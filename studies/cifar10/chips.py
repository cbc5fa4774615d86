r"""Judges drawn chips, each on a share of its own of the test images, so that few emulated images say most.

    python studies/cifar10/chips.py FILE.safetensors --data-dir DATA --images 500 --out result.json \\
        [--chips 10] [--variation 0.05 | --device rram-wan2022 --time-s 86400]

All chips on the same images would measure how chips differ; here the mean over chips and images is what counts. Chip k
is drawn with seed k, calibrates its converters' ranges and its batch norm on training images, and classifies the k-th
share. Chips that the file already contains are not judged again.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from hw_models import CrossbarSpec, WeightCoding, load_device, load_technology
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, nonidealities_of
from xpert_evo.accuracy.datasets.catalogue import Dataset, Split, load_dataset
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.weights import load_network
from xpert_evo.files import write_text

TECHNOLOGY = "cmos-32nm-lstp"


def devices_of(options: argparse.Namespace) -> NonIdealities:
    """The devices asked for: a variation of ideal cells, or a device between the wires of 32 nm at a time."""
    if options.device is None:
        return NonIdealities(variation_ratio=options.variation)
    return nonidealities_of(load_device(options.device), load_technology(TECHNOLOGY), time_s=options.time_s)


def share(dataset: Dataset, split: str, number: int, n_images: int) -> Dataset:
    """A data set whose split has only the given share of its images."""
    whole = dataset.test if split == "test" else dataset.validation
    rows = slice(number * n_images, (number + 1) * n_images)
    part = Split(images=whole.images[rows], labels=whole.labels[rows])
    return replace(dataset, **{split: part})


def main() -> None:
    """Judges the chips that are left, and prints the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--split", default="test", choices=["validation", "test"])
    parser.add_argument("--images", type=int, default=500, help="of each chip")
    parser.add_argument("--chips", type=int, default=10)
    parser.add_argument("--norm-images", type=int, default=256)
    parser.add_argument("--variation", type=float, default=0.05)
    parser.add_argument("--device", help="device after whose file the cells are, instead of --variation")
    parser.add_argument("--time-s", type=float, default=86_400.0)
    parser.add_argument("--coding", default="differential")
    parser.add_argument("--weight-bits", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    crossbar = CrossbarSpec(coding=WeightCoding(options.coding), weight_bits=options.weight_bits)
    trained, dataset = load_network(options.weights, crossbar), load_dataset("cifar10", options.data_dir)
    devices = devices_of(options)
    known = json.loads(options.out.read_text())["chips"] if options.out.exists() else []
    for chip in range(len(known), options.chips):
        judgement = judge(
            trained,
            share(dataset, options.split, chip, options.images),
            options.split,
            nonidealities=devices,
            seed=chip,
            norm_images=options.norm_images,
        )
        known.append(judgement.mean)
        print(f"chip {chip}: {judgement.mean:.2%}", flush=True)
        content = {
            "split": options.split,
            "images_per_chip": options.images,
            "norm_images": options.norm_images,
            "crossbar": asdict(crossbar),
            "devices": devices.model_dump(mode="json", exclude_defaults=True),
            "chips": known,
        }
        write_text(options.out, json.dumps(content, indent=1) + "\n")
    mean, n_images = float(np.mean(known)), len(known) * options.images
    error = float(np.sqrt(mean * (1 - mean) / n_images))
    print(f"mean {mean:.2%} of {n_images:,} {options.split} images, standard error {100 * error:.2f} points")


if __name__ == "__main__":
    main()
