"""Speed of the exact emulation, and of the fast form in training, against torch's plain convolutions.

1. Exact: convolution 256 -> 256, 3 x 3, 8 x 8 maps, batch 32; arrays of 64 rows, 4 input bits, two 4-bit cells, 6-bit
   ADC; forward; by eight-bit products, where the processor has them, and by float32 products; the results are equal.
   Target: at most 12 times plain conv2d.
2. Fast form: forward and backward over VGG16's 13 convolutions at 32 x 32, batch 32. Target: at most 1.5 times plain.

Both sides of a ratio alternate within one run on one thread; the least time of each counts.

Usage: python benchmarks/emulation_speed.py
"""

import argparse
import time
from collections.abc import Callable
from unittest.mock import patch

import torch
import torch.nn.functional as F  # noqa: N812

from hw_models import AdcType, CrossbarSpec, WeightCoding
from xpert_evo.accuracy.crossbars import arrays
from xpert_evo.accuracy.crossbars.adc_noise import NoisyProduct
from xpert_evo.accuracy.crossbars.emulation import emulate_layer
from xpert_evo.accuracy.crossbars.integer_products import multiplies_eight_bits
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, LayerGeometry, array_rows, build_network
from xpert_evo.backbones import load_backbone
from xpert_evo.space import SearchSpace

N_ROUNDS = 12
CASES = [*((coding, 4) for coding in WeightCoding), (WeightCoding.OFFSET_ANALOG, 8)]


def least_seconds(*contenders: Callable[[], object]) -> list[float]:
    """The least time of each contender over alternating rounds [s], after one warm-up."""
    best = [float("inf")] * len(contenders)
    for contender in contenders:
        contender()
    for _ in range(N_ROUNDS):
        for i, contender in enumerate(contenders):
            start = time.perf_counter()
            contender()
            best[i] = min(best[i], time.perf_counter() - start)
    return best


def exact_against_plain(coding: WeightCoding, input_precision: int = 4, adc_precision: int = 6) -> list[float]:
    """Seconds of plain conv2d and of the exact emulation of the same shape, as it is and by float32 products."""
    crossbar = CrossbarSpec(coding=coding)
    geometry = LayerGeometry(
        in_channels=256,
        out_channels=256,
        kernel_size=3,
        stride=1,
        output_size=8,
        adc_precision=adc_precision,
        input_precision=input_precision,
        column_sharing=8,
        reads_image=False,
        depth_ratio=0.5,
        array_rows=array_rows(256 * 9, crossbar, evenly=False),
        crossbar=crossbar,
    )
    layer = CrossbarLayer(geometry, normalised=True)
    layer.initialise(torch.Generator().manual_seed(0), identity=False)
    inputs = torch.randn(32, 256, 8, 8, generator=torch.Generator().manual_seed(1))
    layer.input_power.fill_(0.5)
    emulated = emulate_layer(layer, inputs)
    weight = layer.weight.detach()

    def in_float32() -> None:
        with patch.object(arrays, "multiplies_eight_bits", return_value=False):
            emulated(inputs)

    return least_seconds(lambda: F.conv2d(inputs, weight, padding=1), lambda: emulated(inputs), in_float32)


def fast_against_plain(batch_size: int = 32) -> tuple[float, float]:
    """Seconds of VGG16's convolutions, forward and backward, plain and with quantisers and ADC noise."""
    backbone = load_backbone("vgg16")
    space = SearchSpace(backbone)
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
    network = build_network(space.decode(genome)[0], backbone, crossbar=CrossbarSpec())
    network.initialise(torch.Generator().manual_seed(0))
    product = NoisyProduct(torch.Generator().manual_seed(1), torch.device("cpu"), n_numbers=1 << 22)
    times = [0.0, 0.0]
    for layer in network.crossbar_layers[:-1]:
        g = layer.geometry
        shape = (batch_size, g.in_channels, g.output_size, g.output_size)
        inputs = torch.randn(shape).contiguous(memory_format=torch.channels_last).requires_grad_()
        gradient = torch.randn_like(layer.product(inputs).detach())

        def plain(
            inputs: torch.Tensor = inputs, layer: CrossbarLayer = layer, gradient: torch.Tensor = gradient
        ) -> None:
            torch.autograd.backward(F.conv2d(inputs, layer.weight, padding=1), gradient)

        def fast(
            inputs: torch.Tensor = inputs, layer: CrossbarLayer = layer, gradient: torch.Tensor = gradient
        ) -> None:
            torch.autograd.backward(product(layer, inputs), gradient)

        times = [total + seconds for total, seconds in zip(times, least_seconds(plain, fast), strict=True)]
    return times[0], times[1]


def main() -> None:
    """Prints both ratios."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    print("exact emulation, forward, conv 256 -> 256, 3 x 3, 8 x 8, batch 32, 64-row arrays, two 4-bit cells, 1 thread")
    if not multiplies_eight_bits(1, torch.device("cpu")):
        print("this processor, as far as torch can tell, has no eight-bit products: all are float32's.")
    head = f"{'coding':16} {'IP':>3} {'AP':>3} {'conv2d ms':>10} {'exact ms':>10} {'ratio':>7} {'by float32':>11}"
    print(f"{head}   target 12")
    with torch.no_grad():
        for coding, n_bits in CASES:
            plain, exact, by_float32 = exact_against_plain(coding, n_bits)
            print(
                f"{coding:16} {n_bits:>3} {6:>3} {plain * 1e3:10.1f} {exact * 1e3:10.1f} {exact / plain:7.1f} "
                f"{by_float32 / plain:11.1f}"
            )
    plain, fast = fast_against_plain()
    print("\nfast form, forward and backward, VGG16's 13 convolutions at 32 x 32, batch 32, 1 thread")
    print(f"plain {plain * 1e3:.0f} ms, fast form {fast * 1e3:.0f} ms, ratio {fast / plain:.2f}   target 1.5")


if __name__ == "__main__":
    main()
