"""How good the search is: against opponents, against an exact optimum, and without each of its parts.

    python benchmarks/search_quality.py reference                     # once, minutes: the front that 100 % means
    python benchmarks/search_quality.py methods --seeds 10            # part 1
    python benchmarks/search_quality.py published                     # part 2
    python benchmarks/search_quality.py ablation --seeds 10           # part 3; of the surrogate: search_loop.py
    python benchmarks/search_quality.py overhead                      # processor time, in turns in one process

Part 1 and 3: on the hardware model, accuracy by the formula of `search.formula`; VGG16 within 50 mm2, or with
`--problem vgg8`, on which nothing was tuned, within 0.7 times the area of its homogeneous baseline. Numbers are medians
over the seeds (least ... most) of the hypervolume of all feasible designs scored so far, in percent of the reference
front's. All budgets are read off one run, so no method is tuned to a budget. Runs are kept in `out/` and never run
twice; delete `out/search_runs.jsonl` after a change. Optuna and AGE-MOEA2 take part where the extra `benchmarks` is
installed.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from search.opponents import Method, methods, ours
from search.problems import PROBLEMS, Problem, Recorder
from search.published import PublishedProblem
from search.runs import BUDGETS, OUT, print_table, reference_hypervolume, run_missing

from xpert_evo.objectives import FloatArray
from xpert_evo.search import Move, Nsga2, SearchSettings, non_dominated
from xpert_evo.search.seeding import first_population
from xpert_evo.search.variation import DEFAULT_MOVES, VariationSettings

MOST = {"Optuna NSGA-II": 2_000, "Optuna TPE": 500}
"""Most evaluations of methods that take tenths of a second for each, and ever more."""


def long_runs(problem: Problem, n_evaluations: int, n_runs: int, earlier: Sequence[FloatArray]) -> FloatArray:
    """The undominated union of long runs with large populations, screened and not, and of earlier fronts."""
    fronts = list(earlier)
    for seed in range(n_runs):
        settings = SearchSettings(population_size=500, offspring_size=500, screening=(1, 4)[seed % 2], memory_size=0)
        record = Recorder(problem)
        ours(settings)(record, n_evaluations, 1000 + seed)
        fronts.append(record.feasible(n_evaluations))
        fronts[-1] = fronts[-1][non_dominated(fronts[-1])]
        print(f"run {seed}: {len(fronts[-1])} undominated of {n_evaluations}", flush=True)
    union = np.concatenate(fronts)
    return union[non_dominated(union)]


def overheads(problem: Problem, contenders: Mapping[str, Method], n_rounds: int) -> None:
    """Prints processor time for an evaluation without the scoring; contenders take turns on one machine."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for seed in range(n_rounds):
        for name, method in contenders.items():
            record = Recorder(problem)
            began = time.process_time()
            method(record, BUDGETS[-1], seed)
            seconds[name].append((time.process_time() - began - record.seconds) / record.n_evaluated)
    first = np.median(next(iter(seconds.values())))
    for name, each in seconds.items():
        print(f"{name:28s}{1e6 * np.median(each):8.0f} us an evaluation, {np.median(each) / first:.2f} of the first's")


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
    parser.add_argument("part", choices=("reference", "methods", "published", "ablation", "overhead"))
    parser.add_argument("--problem", choices=tuple(PROBLEMS), default="vgg16")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--evaluations", type=int, default=250_000, help="of each reference run")
    parser.add_argument("--population", type=int, default=100, help="of part 2")
    parser.add_argument("--only", nargs="*", help="methods, by the beginning of their names")
    options = parser.parse_args()
    if options.part == "published":
        published(options.seeds, options.population)
        return
    problem = PROBLEMS[options.problem]()
    reference = OUT / f"search_reference_{options.problem}.npy"
    if options.part == "reference":
        earlier = [np.load(reference)] if reference.exists() else []
        front = long_runs(problem, options.evaluations, options.seeds, earlier)
        OUT.mkdir(exist_ok=True)
        np.save(reference, front)
        print(f"{len(front)} undominated designs in {reference.name}")
        return
    contenders = methods() if options.part != "ablation" else ablations()
    if options.only:
        contenders = {k: v for k, v in contenders.items() if k.lower().startswith(tuple(map(str.lower, options.only)))}
    if options.part == "overhead":
        overheads(problem, {k: contenders[k] for k in ("pymoo NSGA-II", "xpert-evo") if k in contenders}, 3)
        return
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    run_missing(options.problem, problem, contenders, seeds, MOST)
    print_table(options.problem, list(contenders), reference_hypervolume(problem, np.load(reference)), seeds)


if __name__ == "__main__":
    main()
