"""The fast form that trains against the exact emulation that judges, on trained networks.

A network is trained by a named protocol; then, for every ADC precision 3 ... 8 and input precision 2 ... 8 in all
layers, its accuracy is measured twice on the same test images. As a user would before judging, batch norm is
recalibrated for each setting, under each form with that form's own statistics. The signal-to-noise ratio at each
layer's output is compared as well.
Targets: accuracies within 1 point where the ADC has 4 bits or more, and Kendall's tau of at least 0.9. Most pairs of
settings are closer than images can tell: tau is given over all pairs and over those that McNemar's paired test tells
apart (5 %, exact form).

Usage: python benchmarks/emulation_fidelity.py [--dataset NAME] [--data-dir FOLDER] [--protocol NAME] [--images N]
       [--draws N] [--network 6-6|4-4|mixed]... [--split NAME] [--coarse] [--layers]
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kendalltau

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.crossbars.adc_noise import NoisyProduct
from xpert_evo.accuracy.crossbars.emulation import Emulator
from xpert_evo.accuracy.crossbars.fidelity import (
    all_precisions,
    layer_fidelity,
    layer_inputs,
    measure_corrections,
    set_statistics,
)
from xpert_evo.accuracy.crossbars.network import CrossbarNetwork, Product
from xpert_evo.accuracy.datasets.catalogue import Dataset, Split, load_dataset
from xpert_evo.accuracy.training.images import batches, prepared, training_subset
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.accuracy.training.training import train_design
from xpert_evo.backbones import load_backbone
from xpert_evo.space import SearchSpace

ADC_PRECISIONS = range(3, 9)
INPUT_PRECISIONS = range(2, 9)
N_CALIBRATION = 512
N_CORRECTION = 128
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Settings = tuple[Sequence[int], Sequence[int]]


def trained_network(dataset: Dataset, protocol_name: str, kind: str) -> CrossbarNetwork:
    """VGG16: "A-I" has A-bit ADCs and I-bit inputs everywhere, "mixed" is a random design of the default space."""
    backbone = load_backbone("vgg16", n_classes=dataset.n_classes, image_channels=dataset.image_channels)
    space = SearchSpace(backbone)
    if kind == "mixed":
        genome = space.random(np.random.default_rng(5), 1)
    else:
        adc, inputs = map(int, kind.split("-"))
        genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=adc, input_precision=inputs)
    trained = train_design(
        space.decode(genome)[0],
        backbone,
        dataset,
        load_protocol(protocol_name),
        crossbar=CrossbarSpec(reference_columns=1),
        seed=0,
    )
    print(
        f"\n{kind} VGG16, {dataset.name}, protocol {protocol_name}: validation accuracy "
        f"{trained.validation_accuracy:.2%} in {trained.seconds:.0f} s"
    )
    return trained.network


@torch.no_grad()
def right(network: CrossbarNetwork, split: Split, product: Product) -> BoolArray:
    """Which images are classified rightly, (images,)."""
    parts = [network(images, product).argmax(1) == labels for images, labels in batches(split, 500)]
    return np.asarray(torch.cat(parts).cpu().numpy())


def fast_right(network: CrossbarNetwork, calibration: torch.Tensor, judged: Split, n_draws: int) -> FloatArray:
    """Share of draws of the fast form's noise in which each image is classified rightly, (images,)."""
    measure_corrections(network, calibration[:N_CORRECTION])
    product = NoisyProduct(torch.Generator().manual_seed(0), calibration.device)
    set_statistics(network, calibration, product)
    return np.mean([right(network, judged, product) for _ in range(n_draws)], axis=0)


def print_layers(network: CrossbarNetwork, images: torch.Tensor, calibration: torch.Tensor) -> None:
    """Signal-to-noise ratio of each layer [dB], exact and fast, at 4-bit inputs."""
    print("\nsignal-to-noise ratio by layer [dB], exact / fast form, IP 4; fast noise measured on training images,")
    print("exact error on test images\nAP   " + "".join(f"{i:>12}" for i in range(1, len(network.crossbar_layers) + 1)))
    differences = []
    for adc_precision in ADC_PRECISIONS:
        with all_precisions(network, adc_precision=adc_precision, input_precision=4):
            measure_corrections(network, calibration)
            cells = []
            for layer, values in zip(network.crossbar_layers, layer_inputs(network, images), strict=True):
                powers = layer_fidelity(layer, values)
                fast = powers.analytic_noise_power * float(layer.noise_correction)
                exact_db, fast_db = (
                    min(99.9, 10 * np.log10(powers.signal_power / max(noise, 1e-30)))
                    for noise in (powers.exact_noise_power, fast)
                )
                differences.append(fast_db - exact_db)
                cells.append(f"{exact_db:6.1f}/{fast_db:5.1f}")
        print(f"{adc_precision:<5}" + "".join(cells))
    print(
        f"fast less exact: median {np.median(differences):+.2f} dB, median size {np.median(np.abs(differences)):.2f} dB"
    )


def main() -> None:
    """Trains, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--protocol", default="laptop")
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--draws", type=int, default=1, help="of the fast form's noise")
    parser.add_argument("--network", action="append", choices=["6-6", "4-4", "mixed"])
    parser.add_argument("--coarse", action="store_true", help="AP 3, 4, 5, 6 and IP 2, 3, 4, 6 only")
    parser.add_argument(
        "--split", default="test", choices=["validation", "test"], help="validation to try other forms on"
    )
    parser.add_argument("--layers", action="store_true", help="print the signal-to-noise ratio of each layer, too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset, protocol = load_dataset(options.dataset, options.data_dir), load_protocol(options.protocol)
    settings: Settings = (ADC_PRECISIONS, INPUT_PRECISIONS)
    if options.coarse:
        settings = ((3, 4, 5, 6), (2, 3, 4, 6))
    for kind in options.network or ["6-6"]:
        network = trained_network(dataset, options.protocol, kind)
        device = next(network.parameters()).device
        calibration = prepared(training_subset(dataset.train, protocol.n_train), protocol, device, N_CALIBRATION).images
        split = dataset.test if options.split == "test" else dataset.validation
        judged = prepared(split, protocol, device, options.images)
        if options.layers:
            print_layers(network, judged.images[:N_CORRECTION], calibration[:N_CORRECTION])
        compare(network, calibration, judged, settings, options.draws)


def compare(
    network: CrossbarNetwork, calibration: torch.Tensor, judged: Split, settings: Settings, n_draws: int
) -> None:
    """Prints the accuracies of all settings and what follows from them."""
    adc_precisions, input_precisions = settings
    print(f"accuracy on {len(judged):,} images [%], exact / fast form")
    print("AP   " + "".join(f"{f'IP {n}':>14}" for n in input_precisions))
    shape = (len(adc_precisions), len(input_precisions))
    exact = np.zeros((*shape, len(judged)), dtype=np.bool_)
    fast = np.zeros(exact.shape)
    for a, adc_precision in enumerate(adc_precisions):
        for b, input_precision in enumerate(input_precisions):
            with all_precisions(network, adc_precision=adc_precision, input_precision=input_precision):
                emulator = Emulator()
                set_statistics(network, calibration, emulator)
                exact[a, b] = right(network, judged, emulator)
                fast[a, b] = fast_right(network, calibration, judged, n_draws)
        cells = (f"{own.mean() * 100:8.2f}/{f.mean() * 100:5.2f}" for own, f in zip(exact[a], fast[a], strict=True))
        print(f"{adc_precision:<5}" + "".join(cells), flush=True)
    summarise(exact, fast, settings)


def told_apart(first: BoolArray, second: BoolArray) -> bool:
    """McNemar's test, normal approximation, 5 %: whether the images that one alone gets right are evenly dealt."""
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    return (only_first - only_second) ** 2 > 1.96**2 * (only_first + only_second)


def summarise(exact: BoolArray, fast: FloatArray, settings: Settings) -> None:
    """Prints differences and rank correlations.

    Args:
        exact: Which images the exact form classifies rightly, (AP, IP, images).
        fast: In which share of draws the fast form classifies them rightly, (AP, IP, images).
        settings: What the axes are.
    """
    accuracy, fast_accuracy = exact.mean(axis=2), fast.mean(axis=2)
    difference = (fast_accuracy - accuracy) * 100
    error = (fast - exact).std(axis=2, ddof=1) * 100 / exact.shape[2] ** 0.5
    print(f"  standard error of a difference on these images: {error.mean():.2f} points, {error.max():.2f} at most")
    low = sum(n < 3 for n in settings[1])
    for name, part in (
        ("AP 3", difference[:1]),
        ("AP >= 4", difference[1:]),
        ("AP >= 4 and IP >= 3", difference[1:, low:]),
    ):
        print(
            f"  {name}: fast less exact {part.mean():+.2f} points on average; size {np.abs(part).mean():.2f} on "
            f"average, {np.abs(part).max():.2f} at most"
        )
    for name, rows in (("all", slice(None)), ("AP >= 4", slice(1, None))):
        images = exact[rows].reshape(-1, exact.shape[2])
        own, other = accuracy[rows].ravel(), fast_accuracy[rows].ravel()
        first, second = np.triu_indices(len(own), 1)
        apart = np.array([told_apart(images[i], images[j]) for i, j in zip(first, second, strict=True)])
        order = np.sign(own[first] - own[second]) * np.sign(other[first] - other[second])
        print(
            f"  Kendall's tau, {name}: {kendalltau(own, other).statistic:.3f} over all pairs of settings, "
            f"{order[apart].mean():.3f} over the {apart.mean():.0%} that a paired test tells apart"
        )


if __name__ == "__main__":
    main()
