"""Draws what searches found with equally many labels: their fronts, and the hypervolume label by label.

    python studies/cifar10/searches.py joint=runs/joint two-phase=runs/two-phase homogeneous=runs/random-homogeneous \
        --labels 100 --out studies/cifar10/results/searches

All accuracies are labels: the runs' protocol, exact emulation, validation images. The hypervolume is counted in
fractions of accuracy times decades of EDAP, from guessing at the cost of the paper's kind of baseline.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

import xpert_evo as xe
from xpert_evo.files import write_text
from xpert_evo.orchestration.names import FINALISTS, REUSED
from xpert_evo.report.pictures.common import BLACK, EDAP_LABEL, PALETTE, legend_below
from xpert_evo.search import hypervolume, non_dominated
from xpert_evo.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What one method measured, in the order in which it asked, within the area limit.

    Attributes:
        name: Of the method.
        objectives: Error and decimal logarithm of EDAP, (labels, 2); NaN where a design broke the limit.
    """

    name: str
    objectives: NDArray[np.float64]

    def hypervolumes(self, reference: tuple[float, float]) -> list[float]:
        """After each label."""
        rows = [self.objectives[: n + 1] for n in range(len(self.objectives))]
        return [hypervolume(row[np.isfinite(row[:, 0])].reshape(-1, 2), reference) for row in rows]

    def front(self, n: int) -> NDArray[np.float64]:
        """Objectives of the non-dominated ones of the first `n`, by rising EDAP."""
        known = self.objectives[:n]
        known = known[np.isfinite(known[:, 0])]
        best = known[non_dominated(known)]
        return best[np.argsort(best[:, 1])]


def of_run(name: str, folder: Path, limit_mm2: float) -> tuple[Labels, tuple[float, float]]:
    """Labels of the designs that a run itself asked for, and the point from which hypervolumes are counted.

    Labels of an earlier run that were taken over count where the run asked for their designs, and nowhere else.
    """
    result = xe.load_run(folder).result
    with Store.open_readonly(folder) as store:
        asked = [plan.digest for plan in store.each_plan() if plan.batch not in {REUSED, FINALISTS}]
    labelled = {candidate.digest: candidate for candidate in result.measured}
    rows = [
        [1 - c.validation, np.log10(c.hardware["edap"])] if c.hardware["area_mm2"] <= limit_mm2 else [np.nan, np.nan]
        for c in (labelled[digest] for digest in asked if digest in labelled)
    ]
    edap = float(result.task.costs(result.task.baseline)["edap"][0])
    reference = 1 - 1 / result.task.backbone.n_classes, float(np.log10(edap))
    return Labels(name=name, objectives=np.array(rows)), reference


def main() -> None:
    """Reads the command line, draws, writes the picture and its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--labels", type=int, required=True)
    parser.add_argument("--area-limit-mm2", type=float, default=50.0)
    parser.add_argument("--out", type=Path, required=True, help="without an ending: .png, .svg and .json are written")
    options = parser.parse_args()
    pairs = [text.partition("=") for text in options.runs]
    read = [of_run(name, Path(folder), options.area_limit_mm2) for name, _, folder in pairs]
    reference = read[0][1]
    methods = [labels for labels, _ in read]
    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    summary = {}
    for method, colour in zip(methods, PALETTE, strict=False):
        curve = method.hypervolumes(reference)[: options.labels]
        draw_front(left, method.front(options.labels), method.name, colour)
        right.plot(np.arange(1, len(curve) + 1), curve, color=colour, label=method.name)
        summary[method.name] = {"labels": len(curve), "hypervolume": curve[-1]}
        print(f"{method.name}: hypervolume {curve[-1]:.3f} after {len(curve)} labels")
    left.set(xscale="log", xlabel=EDAP_LABEL, ylabel="accuracy [%], labels on validation images")
    left.set_title(f"Fronts after {options.labels} labels", loc="left")
    right.axvline(options.labels, color=BLACK, lw=0.6)
    right.set(xlabel="labels", ylabel="hypervolume [accuracy x decades of EDAP]")
    right.set_title("What each label added", loc="left")
    legend_below(figure, [left], 4)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for ending in (".png", ".svg"):
        figure.savefig(options.out.with_suffix(ending), dpi=150)
    write_text(options.out.with_suffix(".json"), json.dumps(summary, indent=1) + "\n")


def draw_front(axes: Axes, front: NDArray[np.float64], name: str, colour: str) -> None:
    """A front as a staircase."""
    axes.step(10 ** front[:, 1], 100 * (1 - front[:, 0]), where="post", color=colour, lw=1.2)
    axes.scatter(10 ** front[:, 1], 100 * (1 - front[:, 0]), color=colour, s=14, label=name)


if __name__ == "__main__":
    main()
