"""The exact emulation on a GPU: its time beside plain conv2d, and its results beside the CPU's.

The layer of `emulation_speed.py` on ideal devices, with variation, and with variation and wires; the torch form, which
is what GPUs use. Prints milliseconds (median of CUDA events), ratios, and the share of outputs that equal the CPU's,
which should be all of them. Unmeasured so far: no GPU was at hand when it was written.

Without a GPU it says so and ends with exit code 1.

Usage: python benchmarks/training/gpu_emulation.py [--rounds N] [--batch N]
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812

sys.path.insert(0, str(Path(__file__).parents[1]))
from emulation_speed import kinds, layer_of

from hw_models import WeightCoding
from xpert_evo.accuracy.crossbars.emulation import emulate_layer


def milliseconds(n_rounds: int, compute: Callable[[], object]) -> float:
    """Median time on the GPU, after two calls to warm up [ms]."""
    times = []
    for number in range(n_rounds + 2):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        compute()
        end.record()
        torch.cuda.synchronize()
        if number > 1:
            times.append(start.elapsed_time(end))
    return statistics.median(times)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--batch", type=int, default=128)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no GPU is at hand: torch sees no CUDA device.")
    print(torch.cuda.get_device_name(), f"batch {options.batch}")
    inputs = torch.randn(options.batch, 256, 8, 8, generator=torch.Generator().manual_seed(1))
    for coding in (WeightCoding.OFFSET_ANALOG, WeightCoding.DIFFERENTIAL):
        layer = layer_of(coding, 4).requires_grad_(requires_grad=False)
        plain = milliseconds(options.rounds, partial(F.conv2d, inputs.cuda(), layer.weight.cuda(), padding=1))
        for name, settings in kinds().items():
            on_cpu = emulate_layer(layer.cpu(), inputs[:16], nonidealities=settings)(inputs[:16])
            emulated = emulate_layer(layer.cuda(), inputs[:16].cuda(), nonidealities=settings)
            same = float((emulated(inputs[:16].cuda()).cpu() == on_cpu).float().mean())
            exact = milliseconds(options.rounds, partial(emulated, inputs.cuda()))
            times = f"conv2d {plain:7.2f} ms, exact {exact:8.2f} ms, {exact / plain:6.1f} x"
            print(f"{coding:15} {name:24} {times}; equal {same:.4f}")


if __name__ == "__main__":
    main()
