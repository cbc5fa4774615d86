"""Hypervolume against number of trainings, training time and generations."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from xpert_evo.objectives import FloatArray
from xpert_evo.report.candidates import Candidate, objectives_of, within_limits
from xpert_evo.report.pictures.common import BLUE, GREY, ORANGE, PALETTE, legend_below
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene
from xpert_evo.search import hypervolume, non_dominated

_FEW = 12
_FEW_SECONDS = 300.0
_STYLES = ("-", "--", "-.")
_DOTS = (":", (0, (1, 3)), (0, (5, 3)), (0, (5, 1, 1, 1)), (0, (3, 1, 1, 1, 1, 1)))


def draw_hypervolume(scene: Scene) -> Figure | None:
    """Draws measured hypervolume by trainings and by time, and predicted hypervolume by generation."""
    result = scene.result
    if not result.measured:
        return None
    n_panels = 3 if result.generations else 2
    figure = Figure(figsize=(3.4 * n_panels + 0.4, 3.8))
    panels = figure.subplots(1, n_panels)
    homogeneous = {candidate.digest for candidate in scene.homogeneous}
    n_reused = result.n_reused
    everything = np.insert(growth(result, result.measured), 0, 0.0)[n_reused:]
    alone = np.insert(growth(result, result.measured, only=homogeneous), 0, 0.0)[n_reused:]
    trainings = np.arange(len(result.trained) + 1)
    seconds = np.cumsum([0.0, *(c.seconds for c in result.trained)])
    unit, scale = ("min", 60.0) if seconds[-1] >= _FEW_SECONDS else ("s", 1.0)
    begun = f"\nafter {n_reused} labels taken over" if n_reused else ""
    for axes, x, label in (
        (panels[0], trainings, f"trainings in the search{begun}"),
        (panels[1], seconds / scale, f"time of these trainings [{unit}]"),
    ):
        marker = "o" if len(trainings) < _FEW else None
        axes.step(x, everything, where="post", color=BLUE, marker=marker, label="all trained designs")
        axes.step(x, alone, where="post", color=ORANGE, ls="--", marker=marker, label="homogeneous designs only")
        axes.set_xlabel(label)
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
    _mark_batches(panels[0], result.trained)
    panels[0].set_title("measured")
    for axes in panels:
        axes.set_ylabel(f"hypervolume [{_unit(result.task.objectives.names)}]")
    panels[1].set_title("measured")
    panels[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panels[1].xaxis.set_major_locator(MaxNLocator(5))
    if result.generations:
        _draw_generations(panels[2], result)
    legend_below(figure, panels, 5)
    return figure


def _unit(objectives: Sequence[str]) -> str:
    """Returns the unit of a hypervolume; costs enter as decimal logarithms."""
    names = {"accuracy": "accuracy", "robustness": "accuracy under noise", "edap": "decades of EDAP"}
    names["throughput_fps"] = "decades of throughput"
    return " · ".join(names.get(name, f"decades of {name}") for name in reversed(objectives))


def growth(result: RunResult, candidates: Sequence[Candidate], only: set[str] | None = None) -> FloatArray:
    """Returns the hypervolume of the feasible designs after each training, (trainings,).

    Args:
        result: Result that defines objectives, limits and reference point.
        candidates: Designs in the order of their trainings.
        only: Digests of the designs to count; None for all.
    """
    objectives = objectives_of(result.task, candidates)
    counts = within_limits(result.task, candidates)
    if only is not None:
        counts &= np.array([candidate.digest in only for candidate in candidates])
    front = np.empty((0, objectives.shape[1]))
    volumes, volume = [], 0.0
    for row, counted in zip(objectives, counts, strict=True):
        if counted:
            front = np.concatenate([front, row[None]])
            front = front[non_dominated(front)]
            volume = hypervolume(front, result.task.reference_point)
        volumes.append(volume)
    return np.array(volumes)


def _mark_batches(axes: Axes, candidates: Sequence[Candidate]) -> None:
    starts = [i for i in range(1, len(candidates)) if candidates[i].batch != candidates[i - 1].batch]
    for i in starts:
        axes.axvline(i, color=GREY, lw=0.9, ls=":", label="start of a round" if i == starts[0] else None)


def _draw_generations(axes: Axes, result: RunResult) -> None:
    """Draws each round's search for the run's objectives and loosest limit, and the baselines of the last round."""
    searches = _searches(result)
    for round_, colour in zip(searches, (PALETTE * len(searches))[: len(searches)], strict=True):
        rows = searches[round_]
        x, y = list(range(1, len(rows) + 1)), [row["hypervolume"] for row in rows]
        axes.plot(
            x, y, color=colour, ls=_STYLES[round_ % 3], marker="o" if len(rows) < 2 else None, label=f"round {round_}"
        )
    for i, (name, curves) in enumerate(result.baselines.items()):
        if searches and (curve := curves.get(str(max(searches)))):
            rows = searches[max(searches)]
            at = np.interp(curve["evaluations"], [row["n_evaluated"] for row in rows], np.arange(1, len(rows) + 1))
            axes.plot(
                at, curve["hypervolume"], color=GREY, lw=1.0, ls=_DOTS[i % len(_DOTS)], label=f"{name}, predicted"
            )
    axes.set_xlabel("generation of the round")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_title("predicted")
    axes.set_xlim(left=0)


def _searches(result: RunResult) -> dict[int, list[dict[str, Any]]]:
    """Returns generations by round, of searches for the run's objectives under its loosest limit."""
    wanted = list(result.task.objectives.names), result.config.hardware.area_limit_mm2
    found: dict[int, list[dict[str, Any]]] = {}
    for row in result.generations:
        if (row.get("objectives", wanted[0]), row.get("area_limit_mm2", wanted[1])) == wanted:
            found.setdefault(row["round"], []).append(row)
    return found
