"""Speed of the exact emulation, and of the fast form in training, against torch's plain convolutions.

1. Exact: convolution 256 -> 256, 3 x 3, 8 x 8 maps, batch 32; arrays of 64 rows, 4 input bits, two 4-bit cells, 6-bit
   ADC; forward; by the fused kernel, and by the torch form: with eight-bit products, where the processor has them, and
   with float32 products. The results are equal, which is checked. Target: at most 5 times plain conv2d, 9 at 8 bits.
2. Fast form: forward and backward over VGG16's 13 convolutions at 32 x 32, batch 32. Target: at most 1.5 times plain.

All sides of a ratio alternate within one run; the median of each counts.

Usage: python benchmarks/emulation_speed.py [--threads N] [--rounds N]
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
import torch.nn.functional as F  # noqa: N812

from hw_models import AdcType, CrossbarSpec, WeightCoding
from xpert_evo.accuracy.crossbars import arrays, emulation
from xpert_evo.accuracy.crossbars.adc_noise import NoisyProduct
from xpert_evo.accuracy.crossbars.emulation import emulate_layer
from xpert_evo.accuracy.crossbars.fused import changeover
from xpert_evo.accuracy.crossbars.fused_loading import kernel
from xpert_evo.accuracy.crossbars.integer_products import multiplies_eight_bits
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, LayerGeometry, array_rows, build_network
from xpert_evo.backbones import load_backbone
from xpert_evo.space import SearchSpace

CASES = [*((coding, 4) for coding in WeightCoding), (WeightCoding.OFFSET_ANALOG, 8)]


def median_seconds(n_rounds: int, *contenders: Callable[[], object]) -> list[float]:
    """The median time of each contender over alternating rounds [s], after one warm-up."""
    seconds: list[list[float]] = [[] for _ in contenders]
    for contender in contenders:
        contender()
    for _ in range(n_rounds):
        for taken, contender in zip(seconds, contenders, strict=True):
            start = time.perf_counter()
            contender()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]


@contextmanager
def torch_form(*, eight_bits: bool) -> Iterator[None]:
    """Has the torch form compute, with eight-bit products where the processor has them, or without."""
    with patch.object(emulation, "fused_outputs", return_value=None):
        if eight_bits:
            yield
        else:
            with patch.object(arrays, "multiplies_eight_bits", return_value=False):
                yield


def exact_against_plain(
    coding: WeightCoding, n_rounds: int, input_precision: int = 4, adc_precision: int = 6
) -> list[float]:
    """Seconds of plain conv2d and of the exact emulation of its shape: fused, torch form, torch by float32 products."""
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

    def by_torch(*, eight_bits: bool) -> torch.Tensor:
        with torch_form(eight_bits=eight_bits):
            return emulated(inputs)

    outputs = by_torch(eight_bits=False)
    if not (torch.equal(emulated(inputs), outputs) and torch.equal(by_torch(eight_bits=True), outputs)):
        raise SystemExit("the forms of the exact emulation differ")
    return median_seconds(
        n_rounds,
        lambda: F.conv2d(inputs, weight, padding=1),
        lambda: emulated(inputs),
        lambda: by_torch(eight_bits=True),
        lambda: by_torch(eight_bits=False),
    )


def fast_against_plain(n_rounds: int, batch_size: int = 32) -> tuple[float, float]:
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

        times = [total + seconds for total, seconds in zip(times, median_seconds(n_rounds, plain, fast), strict=True)]
    return times[0], times[1]


def main() -> None:
    """Prints both ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"exact emulation, forward, conv 256 -> 256, 3 x 3, 8 x 8, batch 32, 64-row arrays, {options.threads} thread(s)"
    )
    if kernel().refusal:
        print(f"no fused kernel here ({kernel().refusal}): 'fused' is the torch form.")
    if not multiplies_eight_bits(1, torch.device("cpu")):
        print("this processor, as far as torch can tell, has no eight-bit products: all are float32's.")
    changeover.due(1 << 60)
    print(f"{'':24}{'milliseconds':>32}   {'times conv2d':>22}")
    forms = f"{'fused':>8}{'torch':>8}{'float32':>9}"
    print(f"{'coding':16} {'IP':>3} {'AP':>3}{'conv2d':>8}{forms}   {forms}   target 5, 9 at IP 8")
    with torch.no_grad():
        for coding, n_bits in CASES:
            plain, *exact = exact_against_plain(coding, options.rounds, n_bits)
            times = "".join(f"{1e3 * t:{w}.1f}" for t, w in zip([plain, *exact], (8, 8, 8, 9), strict=True))
            ratios = "".join(f"{t / plain:{w}.2f}" for t, w in zip(exact, (8, 8, 9), strict=True))
            print(f"{coding:16} {n_bits:>3} {6:>3}{times}   {ratios}")
    plain, fast = fast_against_plain(options.rounds)
    print("\nfast form, forward and backward, VGG16's 13 convolutions at 32 x 32, batch 32")
    print(f"plain {plain * 1e3:.0f} ms, fast form {fast * 1e3:.0f} ms, ratio {fast / plain:.2f}   target 1.5")


if __name__ == "__main__":
    main()
