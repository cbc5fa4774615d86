r"""Tunes a trained network to chips whose devices vary, with targets of a better network if there is one.

    python studies/cifar10/noise_aware.py studies/cifar10/designs/4013684d.json --data-dir DATA --out runs/aware \
        --start-from studies/cifar10/results/weights/4013684d.safetensors \
        --teacher studies/cifar10/results/weights/d27adb7d*.safetensors [--device rram-wan2022 --time-s 86400]

Protocol chip-tune, noise-aware. With a teacher, the targets are a mixture of the labels and the teacher's class
probabilities (distillation), and labels are not smoothed. Writes weights.safetensors, and checkpoints of epochs.
"""

import argparse
from pathlib import Path

import torch

from hw_models import CrossbarSpec, WeightCoding, load_device, load_technology
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, nonidealities_of
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.training.epoch import Step
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.accuracy.training.teacher import Teacher
from xpert_evo.accuracy.training.training import train_design
from xpert_evo.accuracy.training.weights import load_network, read_start, save_weights
from xpert_evo.backbones import load_backbone
from xpert_evo.design import load_designs

TECHNOLOGY = "cmos-32nm-lstp"


def tell(step: Step) -> None:
    """Prints every hundredth step."""
    if step.number % 100 == 0:
        print(f"step {step.number} of {step.n_steps}", flush=True)


def main() -> None:
    """Trains and writes the network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("design", type=Path)
    parser.add_argument("--start-from", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, nargs="+", help="networks whose class probabilities are averaged")
    parser.add_argument("--share", type=float, default=0.7, help="of the teacher in the targets")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--variation", type=float, default=0.05)
    parser.add_argument("--device", help="device after whose file the cells are, instead of --variation")
    parser.add_argument("--time-s", type=float, default=86_400.0)
    parser.add_argument("--images", type=int, default=40_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, help="peak, of the convolutions (default: the protocol's)")
    parser.add_argument("--weight-clip", type=float, default=3.0)
    parser.add_argument("--coding", default="differential")
    parser.add_argument("--weight-bits", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    devices = NonIdealities(variation_ratio=options.variation)
    if options.device is not None:
        chip = load_device(options.device), load_technology(TECHNOLOGY)
        devices = nonidealities_of(*chip, time_s=options.time_s)
    changes = {"n_train": options.images, "weight_clip": options.weight_clip, "epochs": options.epochs}
    if options.learning_rate is not None:
        changes["learning_rate"] = options.learning_rate
    teacher = None
    if options.teacher is not None:
        changes["label_smoothing"] = 0.0
        teacher = Teacher(networks=tuple(load_network(file).network for file in options.teacher), share=options.share)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    trained = train_design(
        load_designs(options.design)[0],
        load_backbone("vgg16"),
        load_dataset("cifar10", options.data_dir),
        load_protocol("chip-tune").model_copy(update=changes),
        crossbar=CrossbarSpec(coding=WeightCoding(options.coding), weight_bits=options.weight_bits),
        seed=options.seed,
        start_from=read_start(options.start_from),
        devices=devices,
        teacher=teacher,
        on_step=tell,
    )
    save_weights(trained, options.out / "weights.safetensors")
    print(f"validation: {trained.validation_accuracy:.2%} on ideal devices, {trained.seconds:.0f} s")


if __name__ == "__main__":
    main()
