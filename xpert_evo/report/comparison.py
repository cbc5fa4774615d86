"""Fronts of several runs side by side: hypervolume, EDAP at equal accuracy, and who survives the union."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from xpert_evo.errors import UsageError
from xpert_evo.objectives import OBJECTIVES, FloatArray
from xpert_evo.report.candidates import Candidate, select_front
from xpert_evo.report.pictures.common import EDAP_LABEL, PALETTE, fit_titles, legend_below
from xpert_evo.report.recommend import accuracy_steps
from xpert_evo.report.result import RunResult
from xpert_evo.search import hypervolume, non_dominated
from xpert_evo.streams import wrapped

_LEGEND_WIDTH = 80  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Several runs on one scale.

    Attributes:
        names: Of the runs.
        fronts: Of each run, by rising EDAP.
        accuracies: What stands for the members' accuracy, fractions; as `how` tells.
        how: Where the accuracies come from.
        data: Data set and protocol of each run's accuracies: `cifar10, laptop-finalist`.
        n_trained: Designs that each run itself trained for its search.
        n_reused: Labels of other runs that each took over.
        hypervolumes: Of each front, in decades of EDAP times accuracy, all against `reference_point`; None where the
            runs saw different images, whose accuracies share no scale.
        reference_point: Error and decimal logarithm of EDAP: guessing, at the dearest of the runs' baselines.
        steps: Accuracies at which the runs are compared, fractions, rising.
        edap_at: Lowest EDAP of each run at each step, (runs, steps); NaN where a run does not reach it.
        survivors: Digests of each front's members that no member of all the fronts dominates; None as hypervolumes.
        warnings: Reasons not to trust the comparison.
    """

    names: list[str]
    fronts: list[list[Candidate]]
    accuracies: list[list[float]]
    how: str
    data: list[str]
    n_trained: list[int]
    n_reused: list[int]
    hypervolumes: list[float] | None
    reference_point: FloatArray
    steps: list[float]
    edap_at: FloatArray
    survivors: list[list[str]] | None
    warnings: list[str]


def compare(results: Sequence[RunResult]) -> Comparison:
    """Compares two or more runs; test accuracies judge where every run has them, else validation accuracies.

    Raises:
        UsageError: There are fewer than two runs, or one has no front yet.
    """
    if len(results) < 2:
        raise UsageError(f"compare takes two or more runs, got {len(results)}.")
    judged = all(result.final for result in results)
    fronts = [result.front if judged else select_front(result.task, result.measured) for result in results]
    for result, front in zip(results, fronts, strict=True):
        if not front:
            raise UsageError(f"{result.name} has no front yet: no trained design keeps the limits.")
    accuracies = [[c.measured if judged else c.validation for c in front] for front in fronts]
    tables = [_minimised(front, values) for front, values in zip(fronts, accuracies, strict=True)]
    reference = np.max([_reference(result) for result in results], axis=0)
    steps = accuracy_steps([value for values in accuracies for value in values])
    same_images = len({result.dataset["digest"] for result in results}) == 1
    return Comparison(
        names=_distinct_names(results),
        fronts=fronts,
        accuracies=accuracies,
        how="measured on test data" if judged else "measured on validation data",
        data=[f"{result.dataset['name']}, {_protocol(result, judged=judged)}" for result in results],
        n_trained=[len(result.trained) for result in results],
        n_reused=[result.n_reused for result in results],
        hypervolumes=[hypervolume(table, reference) for table in tables] if same_images else None,
        reference_point=reference,
        steps=steps,
        edap_at=np.array([[_edap_at(f, a, step) for step in steps] for f, a in zip(fronts, accuracies, strict=True)]),
        survivors=_survivors(fronts, tables) if same_images else None,
        warnings=_warnings(results, judged=judged),
    )


def draw_comparison(comparison: Comparison) -> Figure:
    """The fronts in one picture; members that survive the union are filled, all where there is no union."""
    figure = Figure(figsize=(6.4, 4.8))
    axes = figure.add_subplot()
    markers = "osD^vP"
    for i, (name, front) in enumerate(zip(comparison.names, comparison.fronts, strict=True)):
        colour, marker = PALETTE[i % len(PALETTE)], markers[i % len(markers)]
        x = np.array([c.hardware["edap"] for c in front])
        y = 100 * np.array(comparison.accuracies[i])
        survivors = comparison.survivors
        alive = np.array([survivors is None or c.digest in survivors[i] for c in front])
        told = "" if survivors is None else f" ({alive.sum()} survive)"
        axes.plot(x, y, color=colour, lw=1.0, drawstyle="steps-post", alpha=0.7)
        axes.scatter(x[~alive], y[~alive], marker=marker, facecolor="white", edgecolor=colour, zorder=3)
        label = "\n".join(wrapped(f"{name}{told}: {comparison.data[i]}", _LEGEND_WIDTH))
        axes.scatter(x[alive], y[alive], marker=marker, color=colour, label=label, zorder=4)
    axes.set_xscale("log")
    axes.set_xlabel(EDAP_LABEL)
    axes.set_ylabel(f"accuracy [%], {comparison.how}")
    together = "Filled: no design of all runs is better in both"
    axes.set_title(together if comparison.survivors is not None else "Different images: accuracies do not compare")
    axes.margins(0.1)
    legend_below(figure, [axes], 1)
    fit_titles(figure)
    return figure


def _survivors(fronts: Sequence[Sequence[Candidate]], tables: Sequence[FloatArray]) -> list[list[str]]:
    kept = non_dominated(np.concatenate(tables))
    ends = np.cumsum([len(front) for front in fronts])
    return [
        [c.digest for c, keeps in zip(front, kept[end - len(front) : end], strict=True) if keeps]
        for front, end in zip(fronts, ends, strict=True)
    ]


def _protocol(result: RunResult, *, judged: bool) -> str:
    training = result.config.training
    return training.finalist_protocol if judged else training.protocol


def _minimised(front: Sequence[Candidate], accuracies: Sequence[float]) -> FloatArray:
    error = OBJECTIVES["accuracy"].minimised(np.array(accuracies))
    return np.stack([error, OBJECTIVES["edap"].minimised(np.array([c.hardware["edap"] for c in front]))], axis=1)


def _reference(result: RunResult) -> list[float]:
    edap = float(result.task.costs(result.task.baseline)["edap"][0])
    return [1 - 1 / result.task.backbone.n_classes, float(np.log10(edap))]


def _edap_at(front: Sequence[Candidate], accuracies: Sequence[float], least: float) -> float:
    good = [c.hardware["edap"] for c, accuracy in zip(front, accuracies, strict=True) if accuracy >= least]
    return min(good, default=float("nan"))


def _distinct_names(results: Sequence[RunResult]) -> list[str]:
    """The runs' names, with a number behind those that come twice."""
    names = [result.name for result in results]
    return [f"{name} ({i + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _warnings(results: Sequence[RunResult], *, judged: bool) -> list[str]:
    def differ(what: str, values: Sequence[object]) -> list[str]:
        different = list(dict.fromkeys(map(str, values)))
        return [f"the runs differ in {what}: {', '.join(different)}"] if len(different) > 1 else []

    protocols = [_protocol(result, judged=judged) for result in results]
    crossbars = [(r.config.hardware.device, r.config.hardware.technology, r.config.hardware.crossbar) for r in results]
    return [
        *differ(
            "images, so their accuracies do not compare",
            [f"{r.dataset['name']} {r.dataset['digest']}" for r in results],
        ),
        *differ("backbone", [r.task.backbone.name for r in results]),
        *differ("training protocol, so their accuracies do not compare", protocols),
        *differ("device, technology or crossbar, so EDAP compares chips of different kinds", crossbars),
        *differ("labels to choose from", [len(result.measured) for result in results]),
        *differ("area limit [mm2]", [r.config.hardware.area_limit_mm2 for r in results]),
    ]
