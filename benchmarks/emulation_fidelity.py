"""The fast form that trains against the exact emulation that judges, on a trained network.

Homogeneous VGG16 is trained by a named protocol; then, for every ADC precision 3 ... 8 and input precision 2 ... 8 in
all layers, its accuracy is measured twice on the same images, and the signal-to-noise ratio at each layer's output is
compared.
Targets: accuracies within 1 point where the ADC has 4 bits or more, and Kendall's tau of at least 0.9.

Usage: python benchmarks/emulation_fidelity.py [--dataset NAME] [--data-dir FOLDER] [--protocol NAME] [--images N]
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kendalltau

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.adc_noise import NoisyProduct
from xpert_evo.accuracy.datasets import Dataset, Split, load_dataset
from xpert_evo.accuracy.fidelity import all_precisions, layer_fidelity, layer_inputs, measure_corrections
from xpert_evo.accuracy.images import prepared
from xpert_evo.accuracy.judge import calibrated_emulator
from xpert_evo.accuracy.network import CrossbarNetwork
from xpert_evo.accuracy.protocols import load_protocol
from xpert_evo.accuracy.training import evaluate, train_design
from xpert_evo.backbones import load_backbone
from xpert_evo.space import SearchSpace

ADC_PRECISIONS = range(3, 9)
INPUT_PRECISIONS = range(2, 9)
N_CALIBRATION = 128
FloatArray = NDArray[np.float64]


def trained_network(dataset: Dataset, protocol_name: str) -> CrossbarNetwork:
    """Homogeneous VGG16 with 6-bit ADCs and 6-bit inputs."""
    backbone = load_backbone("vgg16", n_classes=dataset.n_classes, image_channels=dataset.image_channels)
    space = SearchSpace(backbone)
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=6)
    trained = train_design(
        space.decode(genome)[0],
        backbone,
        dataset,
        load_protocol(protocol_name),
        crossbar=CrossbarSpec(reference_columns=1),
        seed=0,
    )
    print(
        f"homogeneous VGG16, AP 6, IP 6, {dataset.name}, protocol {protocol_name}: validation accuracy "
        f"{trained.validation_accuracy:.2%} in {trained.seconds:.0f} s"
    )
    return trained.network


def accuracies(network: CrossbarNetwork, calibration: torch.Tensor, judged: Split) -> tuple[float, float]:
    """Exact and fast accuracy with the precisions that the network has now."""
    exact = evaluate(network, judged, calibrated_emulator(network, calibration))
    measure_corrections(network, calibration)
    fast = evaluate(network, judged, NoisyProduct(torch.Generator().manual_seed(0), calibration.device))
    return exact, fast


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
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset, protocol = load_dataset(options.dataset, options.data_dir), load_protocol(options.protocol)
    network = trained_network(dataset, options.protocol)
    device = next(network.parameters()).device
    calibration = prepared(dataset.train, protocol, device, N_CALIBRATION).images
    judged = prepared(dataset.test, protocol, device, options.images)
    print_layers(network, judged.images[:N_CALIBRATION], calibration)
    print(
        f"\naccuracy on {len(judged):,} test images [%], exact / fast form\nAP   "
        + "".join(f"{f'IP {n}':>14}" for n in INPUT_PRECISIONS)
    )
    table = np.zeros((2, len(ADC_PRECISIONS), len(INPUT_PRECISIONS)))
    for a, adc_precision in enumerate(ADC_PRECISIONS):
        for b, input_precision in enumerate(INPUT_PRECISIONS):
            with all_precisions(network, adc_precision=adc_precision, input_precision=input_precision):
                table[:, a, b] = accuracies(network, calibration, judged)
        cells = "".join(f"{exact * 100:8.2f}/{fast * 100:5.2f}" for exact, fast in table[:, a].T)
        print(f"{adc_precision:<5}{cells}", flush=True)
    summarise(table)


def summarise(table: FloatArray) -> None:
    """Prints the largest differences and the rank correlations; `table` is (exact or fast, AP, IP)."""
    difference = np.abs(table[0] - table[1]) * 100
    for name, rows in (("AP 3", slice(0, 1)), ("AP >= 4", slice(1, None))):
        mean, most = difference[rows].mean(), difference[rows].max()
        print(f"{name}: accuracies differ by {mean:.2f} points on average, {most:.2f} at most")
    for name, rows in (("all", slice(None)), ("AP >= 4", slice(1, None))):
        exact, fast = table[0, rows].ravel(), table[1, rows].ravel()
        first, second = np.triu_indices(exact.size, 1)
        apart = np.abs(exact[first] - exact[second]) > 0.01
        order = np.sign(exact[first] - exact[second]) * np.sign(fast[first] - fast[second])
        tau, clear = kendalltau(exact, fast).statistic, order[apart].mean()
        print(f"Kendall's tau, {name}: {tau:.3f} over all pairs of settings, {clear:.3f} over {apart.mean():.0%} whose")
        print("  exact accuracies are more than a point apart (the standard error of one is 0.9 points)")


if __name__ == "__main__":
    main()
