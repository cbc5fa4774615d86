"""What a native step costs in float32, in bfloat16 and through the exact emulation.

    python benchmarks/training/step_types.py --rounds 5 --threads 2

Design d27adb7d of the study, batches of 128 random images of 32 x 32. The three kinds take turns; prints the median
step of each and its ratio to float32. Where the processor multiplies bfloat16 no faster, that kind *is* float32, and
it says so.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from native_step import BATCH_SIZE, native_step

from xpert_evo.accuracy.training.allocation import keep_freed_memory
from xpert_evo.accuracy.training.mixed_precision import multiplies_bfloat16
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.design import load_designs

DESIGN = Path(__file__).parents[2] / "studies" / "cifar10" / "designs" / "d27adb7d.json"


def main() -> None:
    """Times all kinds in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    design = load_designs(DESIGN)[0]
    plain = load_protocol("long-second-night").model_copy(update={"bfloat16": False})
    kinds = {
        "float32": plain,
        "bfloat16": plain.model_copy(update={"bfloat16": True}),
        "exact emulation": plain.model_copy(update={"exact": True}),
    }
    if not multiplies_bfloat16(torch.device("cpu")):
        print("this processor, as far as torch can tell, multiplies bfloat16 no faster: its steps are float32's.")
    steps = {name: native_step(design, protocol) for name, protocol in kinds.items()}
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(options.rounds + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if number:
                seconds[name].append(time.perf_counter() - start)
    least = statistics.median(seconds["float32"])
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:16} {1e3 * median:8.0f} ms a step of {BATCH_SIZE} images, {median / least:5.2f} times float32's")


if __name__ == "__main__":
    main()
