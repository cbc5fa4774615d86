"""A run's designs costed under another cost model than the one that the run was made with."""

from collections.abc import Sequence
from dataclasses import replace

from xpert_evo.hardware import Hardware
from xpert_evo.orchestration.task import Task
from xpert_evo.report.candidates import Candidate, genomes_of, hardware_figures
from xpert_evo.report.result import RunResult


def under_model(result: RunResult, model: str) -> RunResult:
    """The same result with costs by another model: who is on the front stays as the run chose.

    Args:
        result: Of a run.
        model: A cost model's name, or the path of a file; it costs with converters and a schedule of its own.

    Raises:
        HardwareModelError: There is no such model, or it cannot cost the run's chip.
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
        predicted_front=None,
        cost_drift=None,
    )


def cost_words(result: RunResult) -> str:
    """Which cost model the shown costs are by, and whether the run was made with it."""
    shown, own = result.task.hardware.words, Hardware.of(result.config).words
    if shown == own:
        return f"costs by {shown}, with which the run was made"
    return f"costs by {shown}; the run was made with {own}"


def _recosted(task: Task, candidates: Sequence[Candidate]) -> list[Candidate]:
    if not candidates:
        return []
    figures = hardware_figures(task, genomes_of(task, candidates))
    name = task.hardware.model.name
    return [replace(c, hardware=own, cost_model=name) for c, own in zip(candidates, figures, strict=True)]


def _by_edap(candidates: list[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: candidate.hardware["edap"])
