"""Kills a short real run again and again at random moments, resumes it each time, and compares it with a whole one.

    python benchmarks/faults/crash_test.py --kills 200

One kill in eight falls while the program starts from the command line. The others fall after it has begun to work, up
to the share `--span` of the time that the uninterrupted run takes on this machine now (half as long where no workers
have to come up), whatever it is doing then: trainings (in the process itself or in one or two workers, drawn anew for
each start), the search with its transaction every few milliseconds, the finalists, the report. These starts are forks
of this process, which has imported all libraries before and calls the program as its command does.

What a reader of the store has seen right before a kill must be there after it, the store must be sound, and a run that
came to its end must hold the same plans, labels, generations, notes and front as one that was never interrupted, bit
for bit, and nothing half-written. Exits with 1 where anything of that fails.
"""

import argparse
import importlib
import multiprocessing
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from xpert_evo import cli
from xpert_evo.errors import StoreError
from xpert_evo.store import FILE_NAME, Store

SETTINGS = (
    "space.backbone=vgg8",
    "training.protocol=smoke",
    "training.finalist_protocol=smoke",
    "training.first_designs=4",
    "training.designs_per_round=3",
    "training.probes_per_round=1",
    "training.finalists=2",
    "training.judge_images=64",
    "search.generations=120",
    "search.population_size=40",
    "search.offspring_size=20",
    "search.surrogate=ridge",
)
EXECUTORS = {
    "serial": ["--executor", "serial"],
    "1 worker": ["--executor", "processes", "-j", "1"],
    "2 workers": ["--executor", "processes", "-j", "2"],
}
QUERIES = {
    "plans": "SELECT batch, position, digest, context, predicted, std FROM plans ORDER BY 1, 2",
    "labels": "SELECT digest, context, seed, accuracy FROM trainings WHERE failure IS NULL ORDER BY 1, 2",
    "failures": "SELECT digest, failure FROM trainings WHERE failure IS NOT NULL ORDER BY 1",
    "generations": "SELECT round, generation, state, summary FROM generations ORDER BY 1, 2",
    "notes": "SELECT topic, key, value FROM notes ORDER BY 1, 2",
}
Content: TypeAlias = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Times:
    """What this machine needs now [s]: for the whole run, and until it begins to work."""

    whole_s: float
    start_s: float


@dataclass
class Tally:
    """What has happened so far."""

    kills: int = 0
    runs: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    traces: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)


def content(folder: Path) -> Content:
    """What the store of a run holds, but for clocks and durations; empty where there is none yet."""
    path = folder / FILE_NAME
    if not path.exists():
        return {name: [] for name in QUERIES}
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)
    try:
        return {name: connection.execute(query).fetchall() for name, query in QUERIES.items()}
    finally:
        connection.close()


def n_starts(folder: Path) -> int:
    """How often the run has begun to work."""
    path = folder / FILE_NAME
    if not path.exists():
        return 0
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)
    try:
        return int(connection.execute("SELECT count(*) FROM events WHERE kind = 'started'").fetchone()[0])
    finally:
        connection.close()


def phase(rows: Content, *, started: bool) -> str:
    """Which part of the run was under way, told by what is committed."""
    if not started:
        return "start of the program"
    batches = [row[0] for row in rows["plans"]]
    planned = {(row[2], row[3]) for row in rows["plans"]}
    labelled = {row[:2] for row in rows["labels"]}
    if planned - labelled:
        return f"trainings of {'finalists' if 'finalists' in batches else 'the search'}"
    return "report" if "finalists" in batches else "search"


def command(folder: Path, executor: str) -> list[str]:
    """Arguments that begin the run, or resume it where it has begun."""
    options = ["--quiet", *EXECUTORS[executor]]
    if (folder / FILE_NAME).exists():
        return ["resume", str(folder), *options]
    return ["run", "--out", str(folder), *options, *(word for setting in SETTINGS for word in ("--set", setting))]


class Program:
    """The program at work: from the command line, or as a fork that calls what the command calls."""

    def __init__(self, arguments: list[str], log: Path, *, forked: bool) -> None:
        self._log = log
        self._fork = multiprocessing.get_context("fork").Process(target=_forked, args=(arguments, log))
        self._command: subprocess.Popen[bytes] | None = None
        if forked:
            self._fork.start()
        else:
            with log.open("wb") as stream:
                self._command = subprocess.Popen(
                    [sys.executable, "-m", "xpert_evo", *arguments], stdout=subprocess.DEVNULL, stderr=stream
                )

    def code(self) -> int | None:
        """The exit code; None while it is at work."""
        return self._command.poll() if self._command else self._fork.exitcode

    def kill(self) -> None:
        """SIGKILL, and waits until it is gone."""
        if self._command:
            self._command.kill()
            self._command.wait()
        else:
            self._fork.kill()
            self._fork.join()

    def complaint(self) -> str:
        """The end of what it wrote to standard error."""
        return self._log.read_text(errors="replace")[-500:]


def _forked(arguments: list[str], log: Path) -> None:
    for stream, path in ((sys.stdout, Path(os.devnull)), (sys.stderr, log)):
        with path.open("wb") as target:
            os.dup2(target.fileno(), stream.fileno())
    sys.argv = ["xpert-evo", *arguments]
    cli.main()


def leftovers(folder: Path) -> list[str]:
    """Files that a run which has ended should not have."""
    return sorted(path.name for path in folder.rglob("*") if ".partial-" in path.name or path.suffix == ".pt")


def attempt(folder: Path, rng: random.Random, options: argparse.Namespace, times: Times, tally: Tally) -> bool:
    """Starts or resumes the run and kills it; returns whether it came to its end before that.

    Where nothing but the report is missing, every other start is spared, or no run would ever end.
    """
    before = content(folder)
    n_before = n_starts(folder)
    spared = tally.kills >= options.kills or (phase(before, started=True) == "report" and rng.random() < 0.5)
    in_start = rng.random() < 0.125 and not spared
    executor = rng.choice(["serial", "serial", "1 worker", "2 workers"])
    span_s = times.whole_s * options.span / (2 if executor == "serial" else 1)
    program = Program(command(folder, executor), folder.with_suffix(".log"), forked=not in_start)
    deadline = time.monotonic() + rng.uniform(0, times.start_s)
    started = False
    while program.code() is None and (spared or time.monotonic() < deadline or not (in_start or started)):
        if not in_start and not started and n_starts(folder) > n_before:
            started, deadline = True, time.monotonic() + rng.uniform(0, span_s)
        time.sleep(0.05)
    if program.code() is not None:
        if program.code():
            tally.bad.append(f"run {tally.runs} ended with code {program.code()}: {program.complaint()}")
        return True
    seen = content(folder)
    program.kill()
    tally.traces[f"of {executor}"] += 1
    tally.kills += 1
    examine(folder, seen, n_before, tally)
    return False


def examine(folder: Path, seen: Content, n_before: int, tally: Tally) -> None:
    """Looks at what a kill has left."""
    tally.traces["with a training's checkpoint"] += any(folder.glob("checkpoints/*.pt"))
    tally.traces["with a file half-written aside"] += any(".partial-" in path.name for path in folder.rglob("*"))
    if (folder / FILE_NAME).exists():
        try:
            with Store.open_readonly(folder) as store:
                store.all_labels()
                store.summaries()
        except StoreError as failure:
            tally.bad.append(f"kill {tally.kills}: {failure}")
    after = content(folder)
    tally.phases[phase(after, started=n_starts(folder) > n_before)] += 1
    for name in QUERIES:
        lost = len(set(seen[name]) - set(after[name]))
        if lost:
            tally.bad.append(f"kill {tally.kills}: {lost} committed rows of {name} are lost")


def show(tally: Tally) -> None:
    """Prints where the kills fell and what was wrong, so far."""
    for name, n in tally.phases.most_common():
        print(f"{name:28} {n:4} kills {'#' * round(50 * n / tally.kills)}")
    print("kills " + ", ".join(f"{name} {n}" for name, n in sorted(tally.traces.items())))
    print("".join(f"{sentence}\n" for sentence in tally.bad), end="")
    print(f"{tally.kills} kills in {tally.runs} runs: {len(tally.bad)} things wrong\n", flush=True)


def main() -> int:
    """Runs the test; 0 where nothing was lost and nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--span", type=float, default=0.12, help="latest kill, as a share of the whole run's time")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    tally = Tally()
    for module in ("app", "searching"):
        importlib.import_module(f"xpert_evo.cli.{module}")  # with all libraries, which the forks then need not import
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        began = time.perf_counter()
        program = [sys.executable, "-m", "xpert_evo"]
        subprocess.run([*program, *command(whole, "2 workers")], check=True, capture_output=True)
        whole_s = time.perf_counter() - began
        print(f"uninterrupted run: {whole_s:.0f} s", flush=True)
        began = time.perf_counter()
        subprocess.run([*program, "status", str(whole)], check=True, capture_output=True)
        times = Times(whole_s, 2 * (time.perf_counter() - began))  # a run imports about twice as much
        wanted, wanted_front = content(whole), (whole / "front.json").read_bytes()
        while tally.kills < options.kills:
            folder = Path(scratch) / f"killed-{tally.runs}"
            tally.runs += 1
            while not attempt(folder, rng, options, times, tally):
                if tally.kills % 25 == 0:
                    show(tally)
            found = content(folder)
            differing = [name for name in QUERIES if found[name] != wanted[name]]
            if differing or (folder / "front.json").read_bytes() != wanted_front or leftovers(folder):
                tally.bad.append(f"run {tally.runs}: {differing} or its front differ, or it left {leftovers(folder)}")
    show(tally)
    return int(bool(tally.bad))


if __name__ == "__main__":
    sys.exit(main())
