"""What a native step costs beside a plain one: with quantisers and ADC noise, by the exact emulation, on drawn chips.

    python benchmarks/training/step_types.py --rounds 5 --threads 2 --design 4013684d

A design of the study, batches of 128 random images; a plain step trains the same network without quantisers and noise.
The kinds take turns; prints the least time of each (processor time with one thread), and its ratio to float32's fast
form and to the plain step of its type. Where the processor multiplies bfloat16 no faster, that kind *is* float32, and
it says so. With `--operations` it prints the operations that take the most time in a step of the fast form instead.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from native_step import BATCH_SIZE, native_step
from torch.profiler import ProfilerActivity, profile

from hw_models import load_device, load_technology
from xpert_evo.accuracy.crossbars.fused import changeover
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, nonidealities_of
from xpert_evo.accuracy.training.allocation import keep_freed_memory
from xpert_evo.accuracy.training.mixed_precision import multiplies_bfloat16
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.design import Design, load_designs

DESIGNS = Path(__file__).parents[2] / "studies" / "cifar10" / "designs"


def steps_of(design: Design, image_size: int) -> dict[str, Callable[[], None]]:
    """Steps of all kinds by name."""
    in_float32 = load_protocol("long-second-night").model_copy(update={"bfloat16": False})
    in_bfloat16 = in_float32.model_copy(update={"bfloat16": True})
    exact = in_float32.model_copy(update={"exact": True})
    steps = {
        "plain float32": native_step(design, in_float32, image_size, plain=True),
        "plain bfloat16": native_step(design, in_bfloat16, image_size, plain=True),
        "float32": native_step(design, in_float32, image_size),
        "bfloat16": native_step(design, in_bfloat16, image_size),
        "exact emulation": native_step(design, exact, image_size),
    }
    wires = nonidealities_of(load_device("rram-100k"), load_technology("cmos-32nm-lstp"))
    for name, devices in {
        "5 % variation": NonIdealities(variation_ratio=0.05),
        "5 %, rram-100k": wires.model_copy(update={"variation_ratio": 0.05}),
    }.items():
        steps[f"exact, {name}"] = native_step(design, exact, image_size, devices)
    return steps


def least_seconds(steps: dict[str, Callable[[], None]], n_rounds: int) -> dict[str, float]:
    """Least time of each step over rounds in which they take turns [s], after two to warm up."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    least = dict.fromkeys(steps, float("inf"))
    for number in range(n_rounds + 2):
        for name, step in steps.items():
            start = clock()
            step()
            if number > 1:
                least[name] = min(least[name], clock() - start)
    return least


def print_operations(step: Callable[[], None]) -> None:
    """Prints what a step spends its time on, most expensive operation first."""
    step()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        step()
    print(seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=20, max_name_column_width=40))


def main() -> None:
    """Times all kinds in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--design", default="d27adb7d", help="Name of a design of the study.")
    parser.add_argument("--size", type=int, default=32, help="Side of the images [pixels].")
    parser.add_argument("--only-fast", action="store_true", help="Leave out the exact emulation.")
    parser.add_argument("--operations", action="store_true", help="Print the operations of the fast form's steps.")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    if not multiplies_bfloat16(torch.device("cpu")):
        print("this processor, as far as torch can tell, multiplies bfloat16 no faster: its steps are float32's.")
    changeover.due(1 << 60)  # as after the first steps of a training
    steps = steps_of(load_designs(DESIGNS / f"{options.design}.json")[0], options.size)
    if options.operations:
        for name in ("float32", "bfloat16"):
            print(f"a step in {name}:")
            print_operations(steps[name])
        return
    if options.only_fast:
        steps = {name: step for name, step in steps.items() if not name.startswith("exact")}
    least = least_seconds(steps, options.rounds)
    for name, seconds in least.items():
        own = "plain bfloat16" if "bfloat16" in name else "plain float32"
        print(
            f"{name:22} {1e3 * seconds:8.0f} ms a step of {BATCH_SIZE} images, "
            f"{seconds / least['float32']:5.2f} times float32's, {seconds / least[own]:5.2f} times {own}'s"
        )


if __name__ == "__main__":
    main()
