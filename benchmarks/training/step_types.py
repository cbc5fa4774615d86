"""What a native step costs in float32, in bfloat16 and through the exact emulation, also on chips drawn in every step.

    python benchmarks/training/step_types.py --rounds 5 --threads 2

Design d27adb7d of the study, batches of 128 random images of 32 x 32. The kinds take turns; prints the least time of
each (processor time with one thread) and its ratio to float32. Where the processor multiplies bfloat16 no faster, that
kind *is* float32, and it says so.
"""

import argparse
import time
from pathlib import Path

import torch
from native_step import BATCH_SIZE, native_step

from hw_models import load_device, load_technology
from xpert_evo.accuracy.crossbars.fused import changeover
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, nonidealities_of
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
    changeover.due(1 << 60)  # as after the first steps of a training
    steps = {name: native_step(design, protocol) for name, protocol in kinds.items()}
    wires = nonidealities_of(load_device("rram-100k"), load_technology("cmos-32nm-lstp"))
    for name, devices in {
        "5 % variation": NonIdealities(variation_ratio=0.05),
        "5 %, rram-100k": wires.model_copy(update={"variation_ratio": 0.05}),
    }.items():
        steps[f"exact, {name}"] = native_step(design, kinds["exact emulation"], devices=devices)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    least = dict.fromkeys(steps, float("inf"))
    for number in range(options.rounds + 2):
        for name, step in steps.items():
            start = clock()
            step()
            if number > 1:
                least[name] = min(least[name], clock() - start)
    for name, seconds in least.items():
        ratio = seconds / least["float32"]
        print(f"{name:22} {1e3 * seconds:8.0f} ms a step of {BATCH_SIZE} images, {ratio:5.2f} times float32's")


if __name__ == "__main__":
    main()
