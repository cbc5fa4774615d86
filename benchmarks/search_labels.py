"""How good is a front after so many labels? This project's search and others, on landscapes with noisy labels.

    python benchmarks/search_labels.py --instances 10 --seeds 1       # the published table, on instances held out
    python benchmarks/search_labels.py --instances 0 1 --only xpert   # those on which settings were chosen
    python benchmarks/search_labels.py --landscape my_module:MINE     # your own landscape

Trainings are what a search spends, so methods are compared at equal numbers of labels. A label is the true accuracy
plus Gaussian noise of 1.2 points; costs and limits are exact, as in a run. What counts is what a method offers at the
end, its measured front: the hypervolume of the *true* objectives (error against the logarithm of EDAP, from chance at
the baseline's EDAP) of those labelled designs within the area limit that no other label dominates, in percent of a
reference front's, which long searches on the true values find. All budgets are read off one run. Numbers are medians
over instances and seeds (least ... most).

There are three kinds of landscapes (`search.landscapes`): F, signal-to-noise through the network; W, the worst
layer, bottlenecks and neighbours; S, single layers with heavy-tailed weights. `--landscape MODULE:OBJECT` names
another one: an object with `space` (a `SearchSpace`) and `accuracy(genomes) -> (designs,)`, and optionally `settings`
of the run by dotted name; MODULE is importable or a path of a file.

Runs are kept in `out/labels.jsonl` and never run twice for the same landscape, costs, limits, settings and budgets;
`--fresh` runs those of the named methods again. References are kept likewise. BoTorch and
Optuna take part where the extra `benchmarks` is installed. A run of 200 labels takes a minute of one core with
xpert-evo, 18 to 30 minutes with BoTorch and seconds with the others, a reference 15 s.
"""

import argparse
import importlib
import importlib.util
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from search.label_methods import Method, methods
from search.labelling import Labeller, LabelProblem
from search.landscapes import HELD_OUT, KINDS, Landscape

from xpert_evo.config import parse_assignments
from xpert_evo.objectives import OBJECTIVES, FloatArray

OUT = Path(__file__).parent / "out"
BUDGETS = (60, 120, 200)
N_REFERENCE = 20_000


def named_landscape(name: str) -> Landscape:
    """The object that `MODULE:OBJECT` names; MODULE may be the path of a file."""
    module_name, _, attribute = name.rpartition(":")
    if not module_name or not attribute:
        raise SystemExit(f"--landscape must be MODULE:OBJECT, such as mine.py:MINE, got {name}; name the object, too.")
    path = Path(module_name).resolve()
    if path.suffix != ".py":
        return _object(importlib.import_module(module_name), attribute)
    spec = importlib.util.spec_from_file_location(f"landscape {path}", path)  # not the stem, which others may have, too
    assert spec is not None
    assert spec.loader is not None
    sys.path.insert(0, str(path.parent))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return _object(module, attribute)


def _object(module: ModuleType, name: str) -> Landscape:
    found: Landscape = getattr(module, name)
    return found


def reference_volume(name: str, problem: LabelProblem, n_evaluations: int, out: Path) -> float:
    """Hypervolume that is 100 %; found once for a problem and a number of evaluations, and kept.

    Raises:
        SystemExit: It is 0, so that nothing can be compared with it.
    """
    words = "".join(c if c.isalnum() else "-" for c in name)
    file = out / f"labels_reference_{words}_{problem.digest}_{n_evaluations}.npy"
    if not file.exists():
        np.save(file, problem.reference(n_evaluations))
    volume = problem.volume(np.load(file))
    if volume <= 0:
        point = problem.task.objectives.restored(problem.task.reference_point)
        told = ", ".join(f"{one} {OBJECTIVES[one].shown(float(value[0]))}" for one, value in point.items())
        raise SystemExit(
            f"{name}: no design within the limits was found that is better than {told} in every objective."
        )
    return volume


def known_runs(
    out: Path, problems: Mapping[str, LabelProblem], settings: Mapping[str, object]
) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Every kept run on these problems with these settings, by landscape, method and seed; of two the later one.

    Rows of earlier versions do not tell their problem; they count where it is built in and has no settings.
    """
    file, found = out / "labels.jsonl", {}
    for row in map(json.loads, file.read_text().splitlines() if file.exists() else ()):
        problem = problems.get(row["landscape"])
        if problem is None or row.get("settings", {}) != settings:
            continue
        untold = "" if settings or ":" in row["landscape"] else problem.digest
        if row.get("problem", untold) == problem.digest:
            found[row["landscape"], row["method"], row["seed"]] = row
    return found


def run_once(method: Method, label: Labeller, seed: int, budgets: Sequence[int]) -> dict[str, Any]:
    """Runs a method from a seed and returns what it offers."""
    problem = label.problem
    began = time.process_time()
    method(label, seed)
    offered = {n: label.offered(n) for n in budgets}
    return {
        "seconds": round(time.process_time() - began, 1),
        "volume": {n: problem.volume(front) for n, front in offered.items()},
        "all_labelled": {n: problem.volume(label.genomes[:n]) for n in offered},
    }


def print_table(title: str, runs: Mapping[str, list[dict[str, Any]]], budgets: Sequence[int]) -> None:
    """A row for each method: medians, least and most, of shares of the reference.

    Args:
        title: Title of the table.
        runs: Kept runs of each method, with their share of the reference by budget.
        budgets: Numbers of labels.
    """
    print(f"\n{title:24s}{'runs':>5s}" + "".join(f"{n:>22d}" for n in budgets) + f"{'CPU s':>8s}")
    for method, rows in runs.items():
        if rows:
            cells = [_cell(np.array([row["share"][n] for row in rows if n in row["share"]])) for n in budgets]
            seconds = np.median([row["seconds"] for row in rows])
            print(f"{method:24s}{len(rows):5d}" + "".join(f"{cell:>22s}" for cell in cells) + f"{seconds:8.0f}")


def shares(
    known: Mapping[tuple[str, str, int], dict[str, Any]], whole: Mapping[str, float], method: str, seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """Kept runs of a method on some landscapes, each with its hypervolumes in percent of the reference's."""
    found = [known[name, method, seed] for name in whole for seed in seeds if (name, method, seed) in known]
    return [
        row | {"share": {int(n): 100 * volume / whole[row["landscape"]] for n, volume in row["volume"].items()}}
        for row in found
    ]


def _cell(shares: FloatArray) -> str:
    return f"{np.median(shares):.1f} ({shares.min():.1f}...{shares.max():.1f})" if len(shares) else "-"


def main() -> None:
    """Runs what is missing and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landscape", nargs="*", default=[], help="your own landscapes, MODULE:OBJECT")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--instances", type=int, nargs="*", default=HELD_OUT, help="seeds of the landscapes")
    parser.add_argument("--seeds", type=int, default=5, help="number of runs on each landscape")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--labels", type=int, nargs="*", default=BUDGETS, help="budgets, read off one run of the largest"
    )
    parser.add_argument("--only", nargs="*", help="methods, by the beginning of their names")
    parser.add_argument("--reference", type=int, default=N_REFERENCE, help="evaluations of a search for the reference")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of references and runs")
    parser.add_argument("--fresh", action="store_true", help="run again what was run before")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the run, for xpert-evo")
    parser.add_argument("--name", default="", help="added to the names of the methods, to keep such runs apart")
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = {
        name + options.name: method
        for name, method in methods().items()
        if not options.only or name.lower().startswith(tuple(one.lower() for one in options.only))
    }
    settings = parse_assignments(options.set)
    groups: dict[str, dict[str, LabelProblem]] = {}
    if options.landscape:
        groups = {name: {name: LabelProblem(named_landscape(name), settings)} for name in options.landscape}
    else:
        for kind in options.kinds:
            groups[kind] = {f"{kind}{i}": LabelProblem(KINDS[kind](i), settings) for i in options.instances}
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    out: Path = options.out
    out.mkdir(exist_ok=True)
    n = options.reference
    problems = {name: problem for group in groups.values() for name, problem in group.items()}
    told = json.loads(json.dumps(settings, default=str))
    whole = {name: reference_volume(name, problem, n, out) for name, problem in problems.items()}
    for seed in seeds:
        for name, problem in problems.items():
            for method_name, method in chosen.items():
                kept = known_runs(out, problems, told).get((name, method_name, seed), {"volume": {}})
                budgets = sorted({*options.labels, *map(int, kept["volume"])})
                if options.fresh or len(kept["volume"]) < len(budgets):
                    row = {"landscape": name, "method": method_name, "seed": seed}
                    row |= {"problem": problem.digest, "settings": told}
                    row |= run_once(method, Labeller(problem, budgets[-1], seed), seed, budgets)
                    print(name, method_name, seed, row["seconds"], "s", flush=True)
                    with (out / "labels.jsonl").open("a") as file:
                        file.write(json.dumps(row) + "\n")
    known = known_runs(out, problems, told)
    for title, group in groups.items():
        own = {name: whole[name] for name in group}
        print_table(title, {method: shares(known, own, method, seeds) for method in chosen}, options.labels)


if __name__ == "__main__":
    main()
