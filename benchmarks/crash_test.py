"""Kills a short real run again and again at random moments, resumes it each time, and compares it with a whole one.

    python benchmarks/crash_test.py --kills 200

Prints how many kills fell into which part of the run, whether any committed label went missing, and whether the final
plans, labels, generations, notes and front are those of the uninterrupted run, bit for bit; exits with 1 where not.
"""

import argparse
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

SETTINGS = (
    "training.protocol=smoke",
    "training.finalist_protocol=smoke",
    "training.first_designs=6",
    "training.designs_per_round=4",
    "training.probes_per_round=1",
    "training.finalists=2",
    "training.judge_images=64",
    "search.generations=40",
    "search.population_size=24",
    "search.offspring_size=12",
    "search.surrogate=ridge",
)
QUERIES = {
    "plans": "SELECT batch, position, digest, context, predicted, std FROM plans ORDER BY 1, 2",
    "labels": "SELECT digest, context, seed, accuracy FROM trainings WHERE failure IS NULL ORDER BY 1, 2",
    "generations": "SELECT round, generation, state, summary FROM generations ORDER BY 1, 2",
    "notes": "SELECT topic, key, value FROM notes ORDER BY 1, 2",
}


def content(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What the store of a run holds, but for clocks and durations."""
    path = folder / "run.sqlite"
    if not path.exists():
        return {name: [] for name in QUERIES}
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return {name: connection.execute(query).fetchall() for name, query in QUERIES.items()}
    finally:
        connection.close()


def phase(rows: dict[str, list[tuple[Any, ...]]]) -> str:
    """Which part of the run was under way, told by what is committed."""
    if not rows["plans"]:
        return "start"
    batches = [row[0] for row in rows["plans"]]
    planned, labelled = len({(row[2], row[3]) for row in rows["plans"]}), len(rows["labels"])
    if labelled < planned:
        return f"trainings of {'finalists' if 'finalists' in batches else 'the search'}"
    return "search"


def command(folder: Path) -> list[str]:
    """Begins the run, or resumes it where it has begun."""
    program = [sys.executable, "-m", "xpert_evo"]
    if (folder / "run.sqlite").exists():
        return [*program, "resume", str(folder), "--quiet"]
    return [*program, "run", "--quiet", "--out", str(folder), *(w for s in SETTINGS for w in ("--set", s))]


def main() -> int:
    """Runs the test; 0 where nothing was lost and nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        started = time.perf_counter()
        subprocess.run(command(whole), check=True, capture_output=True)
        seconds = time.perf_counter() - started
        print(f"uninterrupted run: {seconds:.0f} s")
        wanted, wanted_front = content(whole), (whole / "front.json").read_bytes()
        phases: Counter[str] = Counter()
        kills = lost = different = runs = 0
        while kills < options.kills:
            folder = Path(scratch) / f"killed-{runs}"
            runs += 1
            while True:
                before = content(folder)
                process = subprocess.Popen(command(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    process.wait(rng.uniform(0.1, 1.2) * seconds if kills < options.kills else None)
                    break
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    kills += 1
                    after = content(folder)
                    phases[phase(after)] += 1
                    lost += len(set(before["labels"]) - set(after["labels"]))
            if process.returncode or content(folder) != wanted or (folder / "front.json").read_bytes() != wanted_front:
                different += 1
                print(f"run {runs} ended with code {process.returncode} and differs")
    print(f"{kills} kills in {runs} runs: " + ", ".join(f"{n} in {name}" for name, n in phases.most_common()))
    print(f"committed labels lost: {lost}; runs that differ from the uninterrupted one: {different}")
    return int(bool(lost or different))


if __name__ == "__main__":
    sys.exit(main())
