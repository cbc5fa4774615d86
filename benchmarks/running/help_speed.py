"""How long a user waits for `xpert-evo --help`, beside what Python itself takes to start.

    python benchmarks/running/help_speed.py [--repeats 15]

Prints seconds by the clock and of the processor, smallest of all repeats, and the ratio to `python -c pass` in the
same run. Processor time is what an idle machine would take, whatever else this one is doing.
"""

import argparse
import resource
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "xpert-evo --help": ["-m", "xpert_evo", "--help"],
    "xpert-evo run --help": ["-m", "xpert_evo", "run", "--help"],
    "xpert-evo --version": ["-m", "xpert_evo", "--version"],
}


def main() -> None:
    """Times every command in turn, again and again, so that a busy moment hits all alike."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(parser.parse_args().repeats):
        for name, words in COMMANDS.items():
            times[name].append(seconds([sys.executable, *words]))
    clock, processor = ({name: min(t[i] for t in found) for name, found in times.items()} for i in (0, 1))
    bare = "python -c pass"
    for name in COMMANDS:
        print(
            f"{name:<22} clock {clock[name]:.3f} s ({clock[name] / clock[bare]:.1f} x), "
            f"processor {processor[name]:.3f} s ({processor[name] / processor[bare]:.1f} x)"
        )


def seconds(command: list[str]) -> tuple[float, float]:
    """Seconds of a command by the clock, and of the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    taken, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
