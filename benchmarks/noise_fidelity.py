"""The fast form that trains against the exact emulation that judges, on chips whose devices vary and wires resist.

A trained network is measured by both forms on the same images of the same split. Each draws its own chips, and each
chip calibrates its batch norm on training images under its own form. The noise of the fast form is calibrated as in a
noise-aware training. Prints the mean accuracy of both forms, their difference, its standard error over images and
chips, and the accuracy on ideal devices. Target: 0.5 points.

Usage: python benchmarks/noise_fidelity.py [--dataset NAME] [--data-dir FOLDER] (--weights FILE | --design FILE)
       [--coding NAME] [--weight-bits N] [--images N] [--draws N] [--norm-images N] [--case NAME]... [--fast-only]
"""

import argparse
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hw_models import CrossbarSpec, WeightCoding, load_device, load_technology
from xpert_evo.accuracy.crossbars.adc_noise import NoisyProduct
from xpert_evo.accuracy.crossbars.emulation import Emulator
from xpert_evo.accuracy.crossbars.fidelity import measure_corrections, set_statistics
from xpert_evo.accuracy.crossbars.network import CrossbarNetwork, Product
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, nonidealities_of
from xpert_evo.accuracy.datasets.catalogue import Dataset, Split, load_dataset
from xpert_evo.accuracy.training.images import batches, prepared, training_subset
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.accuracy.training.training import N_CORRECTION, TrainedDesign, train_design
from xpert_evo.accuracy.training.weights import TrainedNetwork, load_network
from xpert_evo.backbones import load_backbone
from xpert_evo.design import load_designs

BITS = NDArray[np.bool_]
DAY_S = 86_400.0


def device(name: str, time_s: float = 1.0) -> NonIdealities:
    """Cells of a device between the wires of 32 nm."""
    return nonidealities_of(load_device(name), load_technology("cmos-32nm-lstp"), time_s=time_s)


CASES: dict[str, Callable[[], NonIdealities]] = {
    "variation-5": lambda: NonIdealities(variation_ratio=0.05),
    "variation-10": lambda: NonIdealities(variation_ratio=0.1),
    "converters": lambda: NonIdealities(adc_offset_steps=0.3, adc_noise_steps=0.3),
    "inputs": lambda: NonIdealities(input_noise_ratio=0.03),
    "rram-wan2022": lambda: device("rram-wan2022", DAY_S),
    "pcm-joshi2020": lambda: device("pcm-joshi2020", DAY_S),
    "rram-100k": lambda: device("rram-100k"),
    "rram-6k": lambda: device("rram-6k"),
}


@torch.no_grad()
def right(
    network: CrossbarNetwork, calibration: torch.Tensor, judged: Split, chips: Iterable[Callable[[], Product]]
) -> BITS:
    """Which images are classified correctly by each chip, (chips, images).

    Args:
        network: Network, whose batch norm each chip calibrates.
        calibration: Training images.
        judged: Images to classify.
        chips: For each chip a function that returns its product; called for every batch.
    """
    rows = []
    for chip in chips:
        set_statistics(network, calibration, chip())
        parts = [network(images, chip()).argmax(1) == labels for images, labels in batches(judged, 250)]
        rows.append(torch.cat(parts).cpu().numpy())
    return np.array(rows)


def exact_chips(devices: NonIdealities | None, n_draws: int) -> Iterator[Callable[[], Product]]:
    """Chips of the exact emulation, which keep their cells and ranges."""
    for seed in range(n_draws):
        emulator = Emulator(nonidealities=devices, generator=torch.Generator().manual_seed(seed))
        yield partial(_same, emulator)


def fast_chips(devices: NonIdealities | None, n_draws: int) -> Iterator[Callable[[], Product]]:
    """Chips of the fast form: one seed draws the same cells in every batch."""
    for seed in range(n_draws):
        yield partial(_seeded, seed, devices)


def _same(product: Product) -> Product:
    return product


def _seeded(seed: int, devices: NonIdealities | None) -> Product:
    return NoisyProduct(torch.Generator().manual_seed(seed), torch.device("cpu"), devices)


def trained_network(options: argparse.Namespace, dataset: Dataset) -> TrainedNetwork | TrainedDesign:
    """The network of a file on the crossbars asked for, or the proxy of a design trained for them."""
    crossbar = CrossbarSpec(coding=WeightCoding(options.coding), weight_bits=options.weight_bits)
    if options.weights is not None:
        return load_network(options.weights, crossbar)
    backbone = load_backbone("vgg16", n_classes=dataset.n_classes, image_channels=dataset.image_channels)
    protocol = load_protocol(options.protocol)
    return train_design(load_designs(options.design)[0], backbone, dataset, protocol, crossbar=crossbar, seed=0)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--data-dir", type=Path)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", type=Path, help="trained network")
    source.add_argument("--design", type=Path, help="design whose network is trained first")
    parser.add_argument("--protocol", default="laptop-finalist", help="protocol of that training")
    parser.add_argument("--coding", default="differential")
    parser.add_argument("--weight-bits", type=int, default=5)
    parser.add_argument("--split", default="validation", choices=["validation", "test"])
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--draws", type=int, default=4, help="chips of each form")
    parser.add_argument("--norm-images", type=int, default=256)
    parser.add_argument("--case", action="append", choices=list(CASES))
    parser.add_argument("--fast-only", action="store_true", help="leave the exact emulation out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_dataset(options.dataset, options.data_dir)
    trained = trained_network(options, dataset)
    network, protocol, where = trained.network.eval(), trained.protocol, torch.device("cpu")
    training = training_subset(dataset.train, protocol.n_train)
    calibration = prepared(training, protocol, where, options.norm_images).images
    judged = prepared(dataset.test if options.split == "test" else dataset.validation, protocol, where, options.images)
    print(f"{len(judged):,} {options.split} images, {options.draws} chips; accuracies in %\n")
    print(f"{'devices':<16}{'exact':>8}{'fast':>8}{'fast - exact':>14}{'standard error':>16}")
    for name in ("ideal", *(options.case or CASES)):
        devices, n_draws = (None, 1) if name == "ideal" else (CASES[name](), options.draws)
        with torch.no_grad():
            measure_corrections(network, calibration[:N_CORRECTION], devices, torch.Generator().manual_seed(0))
            fast = right(network, calibration, judged, fast_chips(devices, n_draws))
            if options.fast_only:
                print(f"{name:<16}{'':>8}{fast.mean():8.2%}", flush=True)
                continue
            exact = right(network, calibration, judged, exact_chips(devices, n_draws))
        difference = 100 * (fast.mean(0) - exact.mean(0))
        chips = sum(100**2 * form.mean(1).var(ddof=1) / n_draws for form in (fast, exact)) if n_draws > 1 else 0.0
        error = np.sqrt(difference.var() / len(difference) + chips)
        figures = f"{exact.mean():8.2%}{fast.mean():8.2%}{difference.mean():+14.2f}{error:16.2f}"
        print(f"{name:<16}{figures}", flush=True)


if __name__ == "__main__":
    main()
