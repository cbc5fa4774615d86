"""Scores the front of a run again for another device: which designs stay on it, and how far the ratios move.

    python studies/cifar10/devices.py runs/joint --device rram-100k --out studies/cifar10/results/devices

The front is that of the run's labels within its area limit; accuracy does not depend on the device in this model, area,
energy and latency do. EDAP is told relative to the paper's kind of baseline on the same device.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import kendalltau

import xpert_evo as xe
from xpert_evo.config import RunConfig
from xpert_evo.files import write_text
from xpert_evo.orchestration.task import build_task
from xpert_evo.report.candidates import Candidate, genomes_of, hardware_figures
from xpert_evo.report.pictures.common import BLUE, ORANGE, legend_below
from xpert_evo.report.result import RunResult
from xpert_evo.search import non_dominated


def front_of(result: RunResult) -> list[Candidate]:
    """Labelled designs within the area limit that no other one beats, by rising EDAP."""
    limit = result.task.constraints.area_limit_mm2
    known = [c for c in result.measured if limit is None or c.hardware["area_mm2"] <= limit]
    kept = non_dominated(np.array([[1 - c.validation, c.hardware["edap"]] for c in known]))
    return sorted((known[i] for i in np.flatnonzero(kept)), key=lambda c: c.hardware["edap"])


def on_device(config: RunConfig, name: str, front: list[Candidate]) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Hardware figures of a front and of the baseline on a device."""
    hardware = config.hardware.model_copy(update={"device": name})
    task = build_task(config.model_copy(update={"hardware": hardware}), n_classes=10, image_channels=3)
    [baseline] = hardware_figures(task, task.baseline)
    return hardware_figures(task, genomes_of(task, front)), baseline


def main() -> None:
    """Prints a line for each design, writes them, draws both fronts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--device", default="rram-100k")
    parser.add_argument("--out", type=Path, required=True, help="without an ending: .png, .svg and .json are written")
    options = parser.parse_args()
    result = xe.load_run(options.run).result
    front, config = front_of(result), result.task.config
    names = (config.hardware.device, options.device)
    scored = {name: on_device(config, name, front) for name in names}
    edap = np.array([[figures["edap"] for figures in scored[name][0]] for name in names])
    lower = np.array([[scored[name][1]["edap"]] for name in names]) / edap
    accuracy = 100 * np.array([c.validation for c in front])
    stays = non_dominated(np.column_stack([-accuracy, edap[1]]))
    print(f"{'design':10}{'label [%]':>10}" + "".join(f"{f'EDAP {name}':>18}{'lower':>9}" for name in names))
    for i, candidate in enumerate(front):
        figures = "".join(f"{edap[d, i]:18.3g}{lower[d, i]:8.1f}x" for d in range(2))
        print(f"{candidate.digest[:8]:10}{accuracy[i]:10.2f}{figures}" + ("" if stays[i] else "   dominated now"))
    tau = float(kendalltau(edap[0], edap[1]).statistic)
    print(f"{stays.sum()} of {len(front)} stay on the front; Kendall's tau of the EDAPs {tau:.3f}")
    rows = [
        {
            "id": candidate.digest,
            "label": candidate.validation,
            **{f"edap_{name}": float(edap[d, i]) for d, name in enumerate(names)},
            **{f"edap_ratio_to_baseline_{name}": float(lower[d, i]) for d, name in enumerate(names)},
            "stays_on_front": bool(stays[i]),
        }
        for i, candidate in enumerate(front)
    ]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.out.with_suffix(".json"), json.dumps(rows, indent=1) + "\n")
    figure = Figure(figsize=(5.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for d, (name, colour) in enumerate(zip(names, (BLUE, ORANGE), strict=True)):
        axes.plot(lower[d], accuracy, "o-" if d == 0 else "s--", color=colour, label=name, markersize=4)
    axes.set(xscale="log", xlabel="EDAP, times lower than the baseline's on the same device", ylabel="label [%]")
    axes.invert_xaxis()
    axes.set_title(f"The front of {names[0]}, scored for both devices", loc="left")
    legend_below(figure, [axes], n_columns=2)
    for suffix in (".png", ".svg"):
        figure.savefig(options.out.with_suffix(suffix), dpi=200)


if __name__ == "__main__":
    main()
