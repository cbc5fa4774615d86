"""Measures how far the analytic ADC noise is off on trained networks and writes the correction that the fast form uses.

Networks are trained by the `laptop` protocol on the embedded data: homogeneous VGG16 and random designs. For every
layer, ADC precision and input precision the exact emulation's mean squared error is divided by the analytic variance;
the table holds the mean over the networks [dB], indexed by layer, ADC precision and input precision.

Usage: python scripts/calibrate_adc_noise.py [N_RANDOM_DESIGNS]
"""

import json
import sys
from dataclasses import replace

import numpy as np
import torch

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.crossbars import adc_noise
from xpert_evo.accuracy.crossbars.fidelity import layer_fidelity, layer_inputs
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.training.images import prepared
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.accuracy.training.training import train_design
from xpert_evo.backbones import load_backbone
from xpert_evo.space import SearchSpace

ADC_PRECISIONS = list(range(3, 9))
INPUT_PRECISIONS = list(range(1, 9))
N_IMAGES = 128


def main(n_random: int = 3) -> None:
    """Trains, measures and writes the table."""
    torch.set_num_threads(1)
    dataset, protocol = load_dataset("fashion-mnist"), load_protocol("laptop")
    backbone = load_backbone("vgg16", n_classes=dataset.n_classes, image_channels=dataset.image_channels)
    space = SearchSpace(backbone)
    homogeneous = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=6)
    designs = space.decode(np.concatenate([homogeneous, space.random(np.random.default_rng(2023), n_random)]))
    crossbar = CrossbarSpec(reference_columns=1)
    n_layers = len(backbone.layers)
    excess = np.zeros((len(designs), n_layers, len(ADC_PRECISIONS), len(INPUT_PRECISIONS)))
    for d, design in enumerate(designs):
        trained = train_design(design, backbone, dataset, protocol, crossbar=crossbar, seed=d, device="cpu")
        print(f"design {d}: {trained.validation_accuracy:.4f} ({protocol.name}, {trained.seconds:.0f} s)", flush=True)
        images = prepared(dataset.train, protocol, torch.device("cpu"), N_IMAGES).images
        inputs = layer_inputs(trained.network, images)
        for i, (layer, values) in enumerate(zip(trained.network.crossbar_layers, inputs, strict=True)):
            for a, adc_precision in enumerate(ADC_PRECISIONS):
                for b, input_precision in enumerate(INPUT_PRECISIONS):
                    layer.geometry = replace(
                        layer.geometry, adc_precision=adc_precision, input_precision=input_precision
                    )
                    powers = layer_fidelity(layer, values)
                    ratio = max(powers.exact_noise_power, 1e-12) / max(powers.analytic_noise_power, 1e-12)
                    excess[d, i, a, b] = 10 * np.log10(ratio)
    table = excess.mean(axis=0)
    for a, adc_precision in enumerate(ADC_PRECISIONS):
        row = " ".join(f"{value:6.1f}" for value in table[:, a].mean(axis=0))
        print(f"AP {adc_precision}: mean correction [dB] for IP 1 ... 8: {row}")
    print(f"spread between designs: {excess.std(axis=0).mean():.2f} dB")
    content = {
        "about": "measured over analytic ADC noise power [dB]; remake with scripts/calibrate_adc_noise.py",
        "backbone": backbone.name,
        "protocol": protocol.name,
        "n_designs": len(designs),
        "adc_precision": ADC_PRECISIONS,
        "input_precision": INPUT_PRECISIONS,
        "correction_db": table.round(2).tolist(),
    }
    adc_noise.CORRECTION_FILE.write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
