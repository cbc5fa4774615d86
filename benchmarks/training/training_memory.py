"""What it is worth to keep freed memory (`accuracy/training/allocation.py`): native training steps with and without it.

    python benchmarks/training/training_memory.py --pairs 4

VGG16 of half the width, 5-bit Flash ADCs and 5-bit inputs, batches of 128 images of random numbers, one thread. Each
measurement is a process of its own, for what glibc was told cannot be taken back; with and without take turns. Prints
for each side of the images the median step of all processes of each sort, their ratio, and the largest resident memory.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch
from native_step import native_step

from hw_models import AdcType
from xpert_evo.accuracy.training.allocation import keep_freed_memory
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.backbones import load_backbone
from xpert_evo.space import SearchSpace

N_STEPS = 8


def measure(image_size: int) -> dict[str, object]:
    """Seconds of each step after the first, and the process's largest resident memory [bytes]."""
    torch.set_num_threads(1)
    space = SearchSpace(load_backbone("vgg16"))
    genome = space.homogeneous(
        column_sharing=8, adc_type=AdcType.FLASH, adc_precision=5, input_precision=5, depth_factor=0.5
    )
    step = native_step(space.decode(genome)[0], load_protocol("overnight"), image_size)
    seconds = []
    for _ in range(N_STEPS + 1):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds[1:], "memory": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def main() -> None:
    """Starts the processes in turn and compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32], help="sides of the images")
    parser.add_argument("--measure", choices=("keep", "default"), help="of the processes that this one starts")
    options = parser.parse_args()
    if options.measure:
        if options.measure == "keep" and not keep_freed_memory():
            sys.exit("the C library is not glibc: there is nothing to measure.")
        print(json.dumps(measure(options.sizes[0])))
        return
    for size in options.sizes:
        steps: dict[str, list[float]] = {"default": [], "keep": []}
        memory = dict.fromkeys(steps, 0)
        for _ in range(options.pairs):
            for sort in steps:
                command = [sys.executable, __file__, "--measure", sort, "--sizes", str(size)]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                steps[sort] += found["seconds"]
                memory[sort] = max(memory[sort], found["memory"])
        default, keep = (statistics.median(steps[sort]) for sort in ("default", "keep"))
        print(
            f"images of {size} x {size}: {1000 * default:.0f} ms a step by default, {1000 * keep:.0f} ms with freed "
            f"memory kept, ratio {default / keep:.2f}; largest memory {memory['default'] / 1e6:.0f} MB and "
            f"{memory['keep'] / 1e6:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
