"""Fronts of several runs side by side: hypervolume, EDAP at equal accuracy, and who survives the union."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from xpert_evo.config import DeviceRule, RunConfig
from xpert_evo.errors import UsageError
from xpert_evo.objectives import OBJECTIVES, FloatArray
from xpert_evo.orchestration.chip_noise import noise_words
from xpert_evo.orchestration.chips import device_words
from xpert_evo.report.candidates import Candidate, select_front
from xpert_evo.report.pictures.common import EDAP_LABEL, PALETTE, fit_titles, legend_below
from xpert_evo.report.recommend import accuracy_steps
from xpert_evo.report.result import RunResult
from xpert_evo.report.unmet import no_front
from xpert_evo.report.verdict import ratios_of
from xpert_evo.search import hypervolume, non_dominated
from xpert_evo.streams import wrapped

_LEGEND_WIDTH = 80  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Several runs on one scale.

    Attributes:
        names: Names of the runs.
        fronts: Front of each run, sorted by EDAP.
        accuracies: Accuracies of the members of each front (fractions); `how` describes their source.
        how: Source of the accuracies.
        data: Data set and protocol of each run's accuracies: `cifar10, laptop-finalist`.
        costs: Cost model of each run.
        n_trained: Number of designs that each run trained itself in its search.
        n_reused: Number of labels that each run took over from other runs.
        hypervolumes: Hypervolume of each front, in decades of EDAP times accuracy, relative to `reference_point`; None
            if the runs used different images, because their accuracies are not comparable then.
        reference_point: Error and decimal logarithm of EDAP: random guessing at the costliest baseline of the runs.
        steps: Accuracies at which the runs are compared (fractions, rising).
        edap_at: Lowest EDAP of each run at each step, (runs, steps); NaN if a run does not reach the step.
        ratios_at: EDAP of the baseline over that of the cheapest design, by cost model (the run's own first),
            for each run and step; empty if the run does not reach the step.
        survivors: Digests of each front's members that no member of any front dominates; None whenever `hypervolumes`
            is None.
        warnings: Reasons not to trust the comparison.
    """

    names: list[str]
    fronts: list[list[Candidate]]
    accuracies: list[list[float]]
    how: str
    data: list[str]
    costs: list[str]
    n_trained: list[int]
    n_reused: list[int]
    hypervolumes: list[float] | None
    reference_point: FloatArray
    steps: list[float]
    edap_at: FloatArray
    ratios_at: list[list[dict[str, float]]]
    survivors: list[list[str]] | None
    warnings: list[str]


def compare(results: Sequence[RunResult]) -> Comparison:
    """Compares two or more runs by test accuracy if every run has it, else by validation accuracy.

    Raises:
        UsageError: There are fewer than two runs, or one has no front yet.
    """
    if len(results) < 2:
        raise UsageError(f"compare takes two or more runs, got {len(results)}.")
    judged = all(result.final for result in results)
    fronts = [result.front if judged else select_front(result.task, result.measured) for result in results]
    for result, front in zip(results, fronts, strict=True):
        if not front:
            raise UsageError(no_front(result))
    accuracies = [[c.measured if judged else c.validation for c in front] for front in fronts]
    tables = [_minimised(front, values) for front, values in zip(fronts, accuracies, strict=True)]
    reference = np.max([_reference(result) for result in results], axis=0)
    steps = accuracy_steps([value for values in accuracies for value in values])
    cheapest = [[_cheapest(f, a, step) for step in steps] for f, a in zip(fronts, accuracies, strict=True)]
    same_images = len({result.dataset["digest"] for result in results}) == 1
    return Comparison(
        names=_distinct_names(results),
        fronts=fronts,
        accuracies=accuracies,
        how="measured on test data" if judged else "measured on validation data",
        data=[f"{result.dataset['name']}, {_protocol(result, judged=judged)}" for result in results],
        costs=[result.task.hardware.words for result in results],
        n_trained=[len(result.trained) for result in results],
        n_reused=[result.n_reused for result in results],
        hypervolumes=[hypervolume(table, reference) for table in tables] if same_images else None,
        reference_point=reference,
        steps=steps,
        edap_at=np.array([[c.hardware["edap"] if c else np.nan for c in row] for row in cheapest]),
        ratios_at=[_ratios(result, row) for result, row in zip(results, cheapest, strict=True)],
        survivors=_survivors(fronts, tables) if same_images else None,
        warnings=_warnings(results, judged=judged),
    )


def draw_comparison(comparison: Comparison) -> Figure:
    """Draws all fronts; filled markers are the members on the front of all runs together (all members if undefined)."""
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
    together = "Filled: not dominated by any design of any run"
    axes.set_title(together if comparison.survivors is not None else "Different images: accuracies are not comparable")
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
    edap = float(result.task.own_costs(result.task.baseline)["edap"][0])
    return [1 - 1 / result.task.backbone.n_classes, float(np.log10(edap))]


def _cheapest(front: Sequence[Candidate], accuracies: Sequence[float], least: float) -> Candidate | None:
    """Returns the design of lowest EDAP with at least the given accuracy, or None."""
    good = [c for c, accuracy in zip(front, accuracies, strict=True) if accuracy >= least]
    return min(good, key=lambda candidate: candidate.hardware["edap"], default=None)


def _ratios(result: RunResult, designs: Sequence[Candidate | None]) -> list[dict[str, float]]:
    """Returns the EDAP ratio of each design by cost model; empty where there is no design."""
    known = {design.digest: design for design in designs if design is not None}
    if not known:
        return [{} for _ in designs]
    told = dict(zip(known, ratios_of(result, list(known.values())), strict=True))
    return [{} if design is None else told[design.digest] for design in designs]


def _distinct_names(results: Sequence[RunResult]) -> list[str]:
    """Returns the names of the runs, numbered where a name occurs more than once."""
    names = [result.name for result in results]
    return [f"{name} ({i + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _warnings(results: Sequence[RunResult], *, judged: bool) -> list[str]:
    """Lists what makes fronts hard to compare: different data, chips, spaces, limits or objectives."""

    def differ(what: str, values: Sequence[object]) -> list[str]:
        told = ["none" if value is None else str(value) for value in values]
        separator = "; " if any(", " in one for one in told) else ", "
        return [f"the runs differ in {what}: {separator.join(dict.fromkeys(told))}"] if len(set(told)) > 1 else []

    configs = [result.config for result in results]
    hardware, searches = [config.hardware for config in configs], [config.search for config in configs]
    protocols = [_protocol(result, judged=judged) for result in results]
    images = [f"{r.dataset['name']} {r.dataset['digest']}" for r in results]
    n_judged = [config.training.judge_images or "all" for config in configs] if judged else []
    costs = [result.task.hardware.words for result in results]
    others = [f"{chip.device} in {chip.technology} with {chip.crossbar}" for chip in hardware]
    noise = [_noise(config) for config in configs]
    return [
        *differ("images, so their accuracies are not comparable", images),
        *differ("backbone", [r.task.backbone.name for r in results]),
        *differ("training protocol, so their accuracies are not comparable", protocols),
        *differ("devices, so their accuracies are not comparable", [device_words(config) for config in configs]),
        *differ("number of images that calibrate batch norm (training.norm_images)", [_norms(one) for one in configs]),
        *differ("number of test images (training.judge_images)", n_judged),
        *differ("cost model, so EDAPs are not comparable; use --model NAME to apply one model to all", costs),
        *differ("device, technology or crossbar, so EDAP compares different kinds of chips", others),
        *differ("number of labels", [len(result.measured) for result in results]),
        *differ("EDAP that the search minimised (search.costs)", [search.costs for search in searches]),
        *differ("objectives (search.objectives)", [" against ".join(search.objectives) for search in searches]),
        *differ("area limit [mm2]", [chip.area_limit_mm2 for chip in hardware]),
        *differ("latency limit [us] (hardware.latency_limit_us)", [chip.latency_limit_us for chip in hardware]),
        *differ("energy limit [uJ] (hardware.energy_limit_uj)", [chip.energy_limit_uj for chip in hardware]),
        *differ("minimum accuracy (search.least_accuracy)", [search.least_accuracy for search in searches]),
        *differ("minimum accuracy under noise (search.least_robustness)", [one.least_robustness for one in searches]),
        *differ("robustness", noise),
        *_other_spaces(results),
    ]


def _noise(config: RunConfig) -> str | None:
    """Describes the chips on which a run measured robustness; None if it did not."""
    return noise_words(config) if config.measures_robustness else None


def _norms(config: RunConfig) -> int | None:
    """Returns the number of images on which chips calibrate batch norm; None on ideal devices."""
    return None if config.training.devices is DeviceRule.IDEAL else config.training.norm_images


def _other_spaces(results: Sequence[RunResult]) -> list[str]:
    """Warns if runs of one backbone searched different spaces, by their sizes (all choices would not fit)."""
    if len({result.task.backbone.name for result in results}) > 1:
        return []
    genes = [[(gene.layer, gene.kind, gene.choices) for gene in result.task.space.genes] for result in results]
    if all(one == genes[0] for one in genes):
        return []
    sizes = ", ".join(f"10^{result.task.space.log10_size:.1f}" for result in results)
    return [f"the runs differ in the searched choices ([space]): {sizes} designs"]
