"""Speed of the exact emulation, and of the fast form in training, against torch's plain convolutions.

1. Exact: convolution 256 -> 256, 3 x 3, 8 x 8 maps, batch 32; arrays of 64 rows, two 4-bit cells, 6-bit ADC; forward;
   by the fused kernel, and by the torch form ("before"). The results are equal, which is checked. Targets: at most 5
   times plain conv2d with ideal devices and 4 input bits, 9 with 8; with variation and wires at most 1.6 times ideal
   devices.
2. A trained network (`--weights`) on ideal and on varied devices, per image, by both; images are random, which changes
   no time. Target: half of the torch form's time.
3. Fast form: forward and backward over VGG16's 13 convolutions at 32 x 32, batch 32. Target: at most 1.15 times plain.

All sides of a ratio alternate within one run; the least time of each counts, so that what else the machine does matters
little. With one thread it is processor time.

With `--scaling N` it prints only how a layer of 128 images runs with N threads beside one: time on the clock and
processor time of all threads, in turns. Where other processes hold the cores, only the latter tells anything: threads
that do nothing but their share of the work take as much of it together as one thread does. Set GOMP_SPINCOUNT=4000 for
it, as `import xpert_evo` does in programs that do not import torch before.

With `--without-avx512` the kernels are those of a processor that has AVX2 alone; set ONEDNN_MAX_CPU_ISA=AVX2 and
ATEN_CPU_CAPABILITY=avx2 for it, so that torch's convolutions are, too. Run it twice: the first run compiles.

Usage: python benchmarks/emulation_speed.py [--threads N] [--rounds N] [--images N] [--scaling N] [--weights FILE]
           [--without-avx512]
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

import llvmlite.binding
import torch
import torch.nn.functional as F  # noqa: N812

from hw_models import AdcType, CrossbarSpec, WeightCoding, load_device, load_technology
from xpert_evo.accuracy.crossbars import emulation
from xpert_evo.accuracy.crossbars.adc_noise import NoisyProduct
from xpert_evo.accuracy.crossbars.emulation import EmulatedLayer, Emulator, emulate_layer
from xpert_evo.accuracy.crossbars.fused import changeover
from xpert_evo.accuracy.crossbars.fused_loading import kernel, level_loops
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry, array_rows
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, build_network
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, nonidealities_of
from xpert_evo.accuracy.training.weights import load_network
from xpert_evo.backbones import load_backbone
from xpert_evo.space import SearchSpace

CASES = [*((coding, 4) for coding in WeightCoding), (WeightCoding.OFFSET_ANALOG, 8)]
WEIGHTS = Path(__file__).parents[1] / "studies/cifar10/results/weights/d27adb7d.safetensors"


def kinds() -> dict[str, NonIdealities | None]:
    """Devices and converters by description."""
    found: dict[str, NonIdealities | None] = {
        "ideal": None,
        "5 % variation": NonIdealities(variation_ratio=0.05),
        "5 %, converters' noise": NonIdealities(variation_ratio=0.05, adc_noise_steps=0.5, adc_offset_steps=0.5),
    }
    for device in ("rram-100k", "rram-6k"):
        wired = nonidealities_of(load_device(device), load_technology("cmos-32nm-lstp"))
        found[f"5 %, wires, {device}"] = wired.model_copy(update={"variation_ratio": 0.05})
    return found


def clock() -> float:
    """Processor time with one thread, otherwise the time on the clock [s]."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def least_seconds(n_rounds: int, *contenders: Callable[[], object]) -> list[float]:
    """The least time of each contender over alternating rounds [s], after one warm-up."""
    least = [float("inf")] * len(contenders)
    for contender in contenders:
        contender()
    for _ in range(n_rounds):
        for number, contender in enumerate(contenders):
            start = clock()
            contender()
            least[number] = min(least[number], clock() - start)
    return least


@contextmanager
def torch_form() -> Iterator[None]:
    """Has the torch form compute."""
    with patch.object(emulation, "fused_outputs", return_value=None):
        yield


def seconds_by_torch(emulated: EmulatedLayer, inputs: torch.Tensor) -> float:
    """Time of the torch form [s]; exits if its outputs differ from the fused kernel's."""
    outputs, seconds = [], []
    for form in (nullcontext, torch_form):
        if emulated.disturbance is not None:
            emulated.disturbance.generator.manual_seed(0)
        with form():
            start = clock()
            outputs.append(emulated(inputs))
            seconds.append(clock() - start)
    if not torch.equal(*outputs):
        raise SystemExit("the forms of the exact emulation differ")
    return seconds[1]


def layer_of(coding: WeightCoding, input_precision: int) -> CrossbarLayer:
    """The layer whose time is taken."""
    crossbar = CrossbarSpec(coding=coding)
    geometry = LayerGeometry(
        in_channels=256,
        out_channels=256,
        kernel_size=3,
        stride=1,
        output_size=8,
        adc_precision=6,
        input_precision=input_precision,
        column_sharing=8,
        reads_image=False,
        depth_ratio=0.5,
        array_rows=array_rows(256 * 9, crossbar, evenly=False),
        crossbar=crossbar,
    )
    layer = CrossbarLayer(geometry, normalised=True)
    layer.initialise(torch.Generator().manual_seed(0), identity=False)
    layer.input_power.fill_(0.5)
    return layer


def layers(n_rounds: int) -> None:
    """Prints the table of a layer."""
    inputs = torch.randn(32, 256, 8, 8, generator=torch.Generator().manual_seed(1))
    print(
        f"{'coding':15}{'IP':>3}  {'devices':24}{'conv2d':>8}{'before':>9}{'fused':>8} ms   times conv2d, times ideal"
    )
    for coding, n_bits in CASES:
        layer = layer_of(coding, n_bits)
        weight, ideal = layer.weight.detach(), 0.0
        for name, settings in kinds().items():
            emulated = emulate_layer(layer, inputs, nonidealities=settings)
            earlier = seconds_by_torch(emulated, inputs)
            plain, fused = least_seconds(
                n_rounds,
                lambda weight=weight: F.conv2d(inputs, weight, padding=1),
                lambda emulated=emulated: emulated(inputs),
            )
            ideal = ideal or fused / plain
            times = "".join(f"{1e3 * t:{w}.1f}" for t, w in zip((plain, earlier, fused), (8, 9, 8), strict=True))
            print(
                f"{coding:15}{n_bits:3}  {name:24}{times} {fused / plain:15.2f} {fused / plain / ideal:12.2f}",
                flush=True,
            )


def network(path: Path, n_images: int) -> None:
    """Prints the time per image of a trained network."""
    loaded = load_network(path)
    trained = loaded.network.eval()
    images = torch.rand(max(n_images, 64), 3, 32, 32, generator=torch.Generator().manual_seed(0))
    images = images.contiguous(memory_format=torch.channels_last)
    name = loaded.header.design.digest[:8]
    print(f"\nnetwork {name}, {n_images} images at a time: milliseconds an image, and for 10,000 images")
    for name, settings in kinds().items():
        product = Emulator(nonidealities=settings)
        trained(images, product)

        def earlier(product: Emulator = product) -> None:
            with torch_form():
                trained(images[:n_images], product)

        before, fused = least_seconds(2, earlier, lambda product=product: trained(images[:n_images], product))
        each = [1e3 * t / n_images for t in (before, fused)]
        print(
            f"{name:24} before {each[0]:7.2f}, fused {each[1]:6.2f} ms, {each[1] / each[0]:.2f} of it; "
            f"10,000 images {each[0] / 6:5.1f} and {each[1] / 6:5.1f} min",
            flush=True,
        )


def fast_against_plain(n_rounds: int, batch_size: int = 32) -> tuple[float, float]:
    """Seconds of VGG16's convolutions, forward and backward, plain and with quantisers and ADC noise."""
    backbone = load_backbone("vgg16")
    space = SearchSpace(backbone)
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
    trained = build_network(space.decode(genome)[0], backbone, crossbar=CrossbarSpec())
    trained.initialise(torch.Generator().manual_seed(0))
    product = NoisyProduct(torch.Generator().manual_seed(1), torch.device("cpu"), n_numbers=1 << 22)
    times = [0.0, 0.0]
    for layer in trained.crossbar_layers[:-1]:
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

        times = [total + seconds for total, seconds in zip(times, least_seconds(n_rounds, plain, fast), strict=True)]
    return times[0], times[1]


def scaling(n_threads: int, n_rounds: int) -> None:
    """Prints the times of a layer with one thread and with several, and the speed-up they amount to."""
    inputs = torch.randn(128, 256, 8, 8, generator=torch.Generator().manual_seed(1))
    emulated = emulate_layer(layer_of(WeightCoding.OFFSET_ANALOG, 4), inputs)
    emulated(inputs)
    least = {n: [float("inf")] * 2 for n in (1, n_threads)}
    for _ in range(n_rounds):
        for n, before in least.items():
            torch.set_num_threads(n)
            starts = time.perf_counter(), time.process_time()
            emulated(inputs)
            ends = time.perf_counter(), time.process_time()
            least[n] = [min(t, end - start) for t, start, end in zip(before, starts, ends, strict=True)]
    for n, (on_clock, processor) in least.items():
        print(f"{n} thread(s): {1e3 * on_clock:.1f} ms on the clock, {1e3 * processor:.1f} ms of processor time")
    (one_clock, one), (all_clock, all_) = least.values()
    print(
        f"speed-up on the clock {one_clock / all_clock:.2f}; {n_threads * one / all_:.2f} with a core for each thread, "
        "by processor time"
    )


def without_avx512() -> None:
    """Hides AVX-512 from the kernels, which are loaded when they are first needed."""
    has = llvmlite.binding.get_host_cpu_features()
    has.update({name: False for name in has if name.startswith("avx512")})
    patch.object(llvmlite.binding, "get_host_cpu_features", return_value=has).start()


def main() -> None:
    """Prints everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--images", type=int, default=16, help="Images of the network at a time.")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="Trained network.")
    parser.add_argument("--scaling", type=int, metavar="N", help="Compare N threads with one, and nothing else.")
    parser.add_argument("--without-avx512", action="store_true", help="Use the kernels of AVX2.")
    options = parser.parse_args()
    if options.without_avx512:
        without_avx512()
    torch.set_num_threads(options.threads)
    print(
        f"exact emulation, forward, conv 256 -> 256, 3 x 3, 8 x 8, batch 32, 64-row arrays, AP 6, "
        f"{options.threads} thread(s)"
    )
    if kernel().refusal:
        print(f"no fused kernel here ({kernel().refusal}): 'fused' is the torch form.")
    elif level_loops() is None:
        print("no kernel for devices that vary: 'fused' is the torch form for them.")
    changeover.due(1 << 60)
    if options.scaling is not None:
        with torch.no_grad():
            scaling(options.scaling, options.rounds)
        return
    with torch.no_grad():
        layers(options.rounds)
        network(options.weights, options.images)
    plain, fast = fast_against_plain(options.rounds)
    print("\nfast form, forward and backward, VGG16's 13 convolutions at 32 x 32, batch 32")
    print(f"plain {plain * 1e3:.0f} ms, fast form {fast * 1e3:.0f} ms, ratio {fast / plain:.2f}   target 1.15")


if __name__ == "__main__":
    main()
