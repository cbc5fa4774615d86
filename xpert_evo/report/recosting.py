"""Designs of a run, costed with another cost model than the run used."""

from collections.abc import Sequence
from dataclasses import replace

from xpert_evo.hardware import Hardware
from xpert_evo.orchestration.task import Task
from xpert_evo.report.candidates import Candidate, figures_alone, genomes_of, hardware_figures
from xpert_evo.report.native import NativeResult
from xpert_evo.report.result import RunResult


def under_model(result: RunResult, model: str) -> RunResult:
    """Returns the same result with costs from another model; the members of the front stay as the run chose them.

    Args:
        result: Result of a run.
        model: Name of a cost model, or path of its file; its own converters and schedule are used.

    Raises:
        HardwareModelError: The model does not exist, or cannot cost the run's chip.
    """
    hardware = result.task.hardware.under(model)
    task = replace(result.task, hardware=hardware, table=hardware.table(result.task.space))
    front = _by_edap(_recosted(task, result.front))
    return replace(
        result,
        task=task,
        measured=_recosted(task, result.measured),
        front=front,
        fronts={limit: _by_edap(_recosted(task, members)) for limit, members in result.fronts.items()},
        baseline=None if result.baseline is None else _recosted(task, [result.baseline])[0],
        baseline_hardware=hardware_figures(task, task.baseline)[0],
        finalists=_recosted(task, result.finalists),
        native=None if result.native is None else _native_recosted(task, result.native),
        predicted_front=None,
        cost_drift=None,
    )


def cost_words(result: RunResult) -> str:
    """Describes the cost model of the shown costs, and that of the run if it differs."""
    shown, own = result.task.hardware.words, Hardware.of(result.config).words
    if shown == own:
        return f"costs computed with {shown}, the model of the run"
    return f"costs computed with {shown}; the run used {own}"


def _recosted(task: Task, candidates: Sequence[Candidate]) -> list[Candidate]:
    if not candidates:
        return []
    figures = hardware_figures(task, genomes_of(task, candidates))
    name = task.hardware.model.name
    return [replace(c, hardware=own, cost_model=name) for c, own in zip(candidates, figures, strict=True)]


def _native_recosted(task: Task, native: NativeResult) -> NativeResult:
    """The same trainings at native size with other costs, by rising EDAP."""
    name = task.hardware.model.name
    designs = [
        replace(one, candidate=replace(c, hardware=figures_alone(task, c.design), cost_model=name))
        for one in native.designs
        for c in (one.candidate,)
    ]
    return replace(native, designs=sorted(designs, key=lambda one: one.candidate.hardware["edap"]))


def _by_edap(candidates: list[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: candidate.hardware["edap"])
