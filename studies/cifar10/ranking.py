"""How far the labels' ranking held at native size: proxy label against native accuracy, design by design.

    python studies/cifar10/ranking.py runs/native --labels runs/joint runs/random-homogeneous \
        --fresh studies/cifar10/results/fresh_seeds.json --out studies/cifar10/results/ranking

Labels are those of the runs; where fresh_seeds.py has labelled a design again, the mean of all its fresh labels takes
their place, since labels of a front are lucky. Native accuracies are validation accuracies of native.py's results, by
the form that their training ended with, so that the test set takes no part; all must be of one protocol and start.
Designs that have no label are left out, and counted. Runs and fresh labels must share protocol, data set and crossbar.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from alike import check_alike, label_conditions, read_fresh, read_natives
from matplotlib.figure import Figure
from scipy.stats import kendalltau, spearmanr

import xpert_evo as xe
from xpert_evo.files import write_text
from xpert_evo.report.pictures.common import BLUE


def read_labels(runs: list[Path], fresh: list[Path]) -> dict[str, float]:
    """Labels by design; raises SystemExit where they were not made alike."""
    results = {folder: xe.load_run(folder).result for folder in runs}
    labels = {c.digest: c.validation for result in results.values() for c in result.measured}
    conditions = [(str(folder), label_conditions(result)) for folder, result in results.items()]
    again: dict[str, list[float]] = {}
    for path in fresh:
        told, relabelled = read_fresh(path)
        for entry in relabelled:
            _add_seeds(again.setdefault(entry["id"], []), entry["fresh"], where=f"{entry['id'][:8]} in {path}")
        conditions += [(str(path), told)] if told is not None else []
    check_alike(conditions, what="labels", advice="leave the others out")
    return labels | {name: float(np.mean(found)) for name, found in again.items() if found}


def _add_seeds(known: list[float], labels: list[float], *, where: str) -> None:
    """Adds what `labels` has more: the first label of a design is always by the first seed, and so on."""
    n_common = min(len(known), len(labels))
    if known[:n_common] != labels[:n_common]:
        raise SystemExit(f"fresh labels of {where} differ from those of the same seeds in another file; leave one out.")
    known += labels[n_common:]


def main() -> None:
    """Prints the correlations, draws the pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natives", type=Path, nargs="+")
    parser.add_argument("--labels", type=Path, nargs="+", default=[], help="folders of runs")
    parser.add_argument("--fresh", type=Path, nargs="+", default=[], help="what fresh_seeds.py wrote, .json")
    parser.add_argument("--out", type=Path, required=True, help="without an ending: .png, .svg and .json are written")
    options = parser.parse_args()
    labels = read_labels(options.labels, options.fresh)
    natives: dict[str, list[float]] = {}
    for native in read_natives(options.natives):
        natives.setdefault(native.design.digest, []).append(native.validation_accuracy)
    known = [name for name in natives if name in labels]
    x = 100 * np.array([labels[name] for name in known])
    y = 100 * np.array([np.mean(natives[name]) for name in known])
    if len(known) < 3:
        raise SystemExit(f"only {len(known)} native designs have a label; train at least three that have one.")
    tau, rho = float(kendalltau(x, y).statistic), float(spearmanr(x, y).statistic)
    print(f"{len(known)} designs (of {len(natives)}): Kendall tau {tau:.2f}, Spearman {rho:.2f}")
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(x, y, color=BLUE)
    for name, a, b in zip(known, x, y, strict=True):
        axes.annotate(name[:4], (a, b), xytext=(4, 3), textcoords="offset points", fontsize=7)
    axes.set(xlabel="label of the proxy [%]", ylabel="native validation accuracy [%]")
    axes.margins(0.12)
    axes.set_title(f"Kendall's tau {tau:.2f}, {len(known)} designs", loc="left")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for ending in (".png", ".svg"):
        figure.savefig(options.out.with_suffix(ending), dpi=150)
    pairs = [{"id": name, "label": labels[name], "native": float(np.mean(natives[name]))} for name in known]
    write_text(
        options.out.with_suffix(".json"), json.dumps({"tau": tau, "rho": rho, "designs": pairs}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
