"""How good the search is: against opponents, against an exact optimum, and without each of its parts.

    python benchmarks/search_quality.py reference            # once, minutes: the front that 100 % means
    python benchmarks/search_quality.py methods --seeds 10   # part 1
    python benchmarks/search_quality.py published            # part 2
    python benchmarks/search_quality.py ablation --seeds 5   # part 3

Part 1 and 3: VGG16 on the hardware model, at most 50 mm2, accuracy by the formula of `search_accuracy`. Numbers are
medians over the seeds (least ... most) of the hypervolume of all feasible designs scored so far, in percent of the
reference front's. All budgets are read off one run, so no method is tuned to a budget. The overhead is processor
time without the scoring. Optuna and AGE-MOEA2 take part where `pip install optuna numba` was done.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from search_opponents import Method, methods, ours
from search_problems import Problem, Recorder, co_search
from search_published import PublishedProblem

from xpert_evo.objectives import FloatArray
from xpert_evo.search import Move, Nsga2, SearchSettings, non_dominated
from xpert_evo.search.seeding import first_population
from xpert_evo.search.variation import DEFAULT_MOVES, VariationSettings

BUDGETS = (500, 2_000, 10_000)
SLOW = {"Optuna NSGA-II": 2_000, "Optuna TPE": 500}
"""Most evaluations of methods that take tenths of a second for each."""

REFERENCE = Path(__file__).parent / "out" / "search_reference.npy"


def long_runs(problem: Problem, n_evaluations: int, n_runs: int) -> FloatArray:
    """The undominated union of long runs with large populations, screened and not, and of an earlier union."""
    fronts = [np.load(REFERENCE)] if REFERENCE.exists() else []
    for seed in range(n_runs):
        settings = SearchSettings(population_size=500, offspring_size=500, screening=(1, 4)[seed % 2], memory_size=0)
        record = Recorder(problem)
        ours(settings)(record, n_evaluations, 1000 + seed)
        fronts.append(record.feasible(n_evaluations))
        fronts[-1] = fronts[-1][non_dominated(fronts[-1])]
        print(f"run {seed}: {len(fronts[-1])} undominated of {n_evaluations}", flush=True)
    union = np.concatenate(fronts)
    return union[non_dominated(union)]


def compare(problem: Problem, reference: FloatArray, contenders: Mapping[str, Method], n_seeds: int, most: int) -> None:
    """Prints the table of part 1 or 3."""
    unit = Recorder(problem)
    unit.objectives, unit.violations = [reference], [np.zeros((len(reference), 1))]
    whole = unit.hypervolume(len(reference))
    budgets = [n for n in BUDGETS if n <= most]
    print(f"{'method':28s}" + "".join(f"{n:>24,d}" for n in budgets) + f"{'us/evaluation':>16s}")
    for name, method in contenders.items():
        n = min(most, SLOW.get(name, most))
        shares, overheads = [], []
        for seed in range(n_seeds):
            record = Recorder(problem)
            began = time.process_time()
            method(record, n, seed)
            overheads.append((time.process_time() - began - record.seconds) / record.n_evaluated * 1e6)
            shares.append([100 * record.hypervolume(b) / whole for b in budgets if b <= n])
        cells = [f"{np.median(c):.1f} ({min(c):.1f} ... {max(c):.1f})" for c in zip(*shares, strict=True)]
        print(f"{name:28s}" + "".join(f"{c:>24s}" for c in cells) + f"{np.median(overheads):16.0f}", flush=True)


def ablations() -> dict[str, Method]:
    """The search without one of its parts each."""
    full = SearchSettings()
    found = {"everything": ours(full), "no seeding": ours(full, seeded=False)}
    found["no screening"] = ours(replace(full, screening=1))
    found["all screened"] = ours(replace(full, unscreened_ratio=0.0))
    found["no crossover"] = ours(replace(full, variation=VariationSettings(crossover_rate=0.0)))
    found["mates from anywhere"] = ours(replace(full, neighbours=2 * full.population_size))
    for move in Move:
        left = {m: share for m, share in DEFAULT_MOVES.items() if m is not move}
        found[f"no {move} moves"] = ours(replace(full, variation=VariationSettings(moves=left)))
    return found


def published(n_seeds: int, population_size: int) -> None:
    """Prints part 2: how far above the exact least latency the search ends."""
    problem = PublishedProblem.build()
    began = time.perf_counter()
    optimum = problem.optimum()
    print(f"exact optimum: latency {optimum:.4f} ({time.perf_counter() - began:.0f} s of dynamic programming)")
    budgets, excesses = (2_000, 20_000), []
    for seed in range(n_seeds):
        settings = SearchSettings(population_size=population_size)
        initial = first_population(problem.space, settings.offspring_size, np.random.default_rng(seed))
        search, best = Nsga2(problem.space, settings, seed=seed, initial=initial), []
        while search.state.n_evaluated < budgets[-1]:
            objectives, violations = problem.score(search.ask())
            search.tell(objectives, violations)
            best += np.where((violations <= 0).all(axis=1), objectives[:, 0], np.inf).tolist()
        excesses.append([100 * (10 ** min(best[:n]) / optimum - 1) for n in budgets])
    for n, column in zip(budgets, zip(*excesses, strict=True), strict=True):
        print(f"{n:6,d} evaluations: {np.median(column):.2f} % above ({min(column):.2f} ... {max(column):.2f})")


def main() -> None:
    """Runs one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("reference", "methods", "published", "ablation"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evaluations", type=int, default=BUDGETS[-1], help="largest budget; of a reference run too")
    parser.add_argument("--population", type=int, default=100, help="of part 2")
    parser.add_argument("--only", nargs="*", help="methods, by the beginning of their names")
    options = parser.parse_args()
    if options.part == "published":
        published(options.seeds, options.population)
        return
    problem = co_search()
    if options.part == "reference":
        front = long_runs(problem, options.evaluations, options.seeds)
        REFERENCE.parent.mkdir(exist_ok=True)
        np.save(REFERENCE, front)
        print(f"{len(front)} undominated designs in {REFERENCE.name}")
        return
    contenders = methods() if options.part == "methods" else ablations()
    if options.only:
        contenders = {k: v for k, v in contenders.items() if k.lower().startswith(tuple(map(str.lower, options.only)))}
    compare(problem, np.load(REFERENCE), contenders, options.seeds, options.evaluations)


if __name__ == "__main__":
    main()
