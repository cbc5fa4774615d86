"""Runs of the search benchmark: each method and seed once, its result kept as a line of JSON, tables from all lines.

So slow methods can be run in pieces, and a table that was interrupted goes on where it ended.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from search.opponents import Method
from search.problems import Problem, Recorder

from xpert_evo.objectives import FloatArray

OUT = Path(__file__).parents[1] / "out"
RUNS = OUT / "search_runs.jsonl"
BUDGETS = (500, 2_000, 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one method reached from one seed.

    Attributes:
        problem: Name of the problem.
        method: Name of the method.
        seed: Of the run.
        hypervolume: By number of evaluations.
        overhead_us: Processor time for an evaluation without the scoring [us].
    """

    problem: str
    method: str
    seed: int
    hypervolume: Mapping[int, float]
    overhead_us: float


def run_missing(
    name: str, problem: Problem, contenders: Mapping[str, Method], seeds: Sequence[int], most: Mapping[str, int]
) -> None:
    """Runs what no earlier call has run: seed by seed, so that an interruption leaves equal numbers behind."""
    budgets = {method: [n for n in BUDGETS if n <= most.get(method, BUDGETS[-1])] for method in contenders}
    known = {(run.problem, run.method, run.seed, n) for run in load_runs() for n in run.hypervolume}
    OUT.mkdir(exist_ok=True)
    for seed in seeds:
        for method, score in contenders.items():
            if not budgets[method] or (name, method, seed, budgets[method][-1]) in known:
                continue
            record = Recorder(problem)
            began = time.process_time()
            score(record, budgets[method][-1], seed)
            seconds = time.process_time() - began - record.seconds
            run = Run(
                problem=name,
                method=method,
                seed=seed,
                hypervolume={n: record.hypervolume(n) for n in budgets[method]},
                overhead_us=seconds / record.n_evaluated * 1e6,
            )
            with RUNS.open("a") as file:
                file.write(json.dumps(asdict(run)) + "\n")


def load_runs() -> list[Run]:
    """All runs so far; of two runs of the same thing the later one."""
    found: dict[tuple[str, str, int], Run] = {}
    for line in RUNS.read_text().splitlines() if RUNS.exists() else []:
        row = json.loads(line)
        run = Run(**row | {"hypervolume": {int(n): value for n, value in row["hypervolume"].items()}})
        found[run.problem, run.method, run.seed] = run
    return list(found.values())


def print_table(name: str, contenders: Sequence[str], reference: float, seeds: Sequence[int]) -> None:
    """Medians, and the least and the most, of the share of the reference hypervolume, for each method and budget.

    Args:
        name: Of the problem.
        contenders: Methods, in the order of the rows.
        reference: Hypervolume that is 100 %.
        seeds: Which runs count.
    """
    runs = [run for run in load_runs() if run.problem == name and run.seed in set(seeds)]
    print(f"{'method':28s}{'seeds':>6s}" + "".join(f"{n:>22,d}" for n in BUDGETS) + f"{'us/evaluation':>15s}")
    for method in contenders:
        own = [run for run in runs if run.method == method]
        if not own:
            continue
        cells = (_cell([100 * run.hypervolume[n] / reference for run in own if n in run.hypervolume]) for n in BUDGETS)
        overhead = np.median([run.overhead_us for run in own])
        print(f"{method:28s}{len(own):6d}" + "".join(f"{cell:>22s}" for cell in cells) + f"{overhead:15.0f}")


def _cell(shares: Sequence[float]) -> str:
    return f"{np.median(shares):.1f} ({min(shares):.1f}...{max(shares):.1f})" if shares else "-"


def reference_hypervolume(problem: Problem, front: FloatArray) -> float:
    """Hypervolume of a reference front, (members, objectives)."""
    record = Recorder(problem)
    record.objectives, record.violations = [front], [np.zeros((len(front), 1))]
    return record.hypervolume(len(front))
