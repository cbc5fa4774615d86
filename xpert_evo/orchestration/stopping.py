"""Early stopping of a run: its time budget is spent, or its measured front no longer grows.

Both are decided from the store between two batches, where all trainings before have ended: a run that is resumed
decides as before. The decision is noted, for the report and against settings that change.
"""

from collections.abc import Sequence
from typing import Any

from xpert_evo.orchestration.batches import reused_digests
from xpert_evo.orchestration.knowledge import Knowledge, note_once
from xpert_evo.orchestration.names import FIRST
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.task import Task
from xpert_evo.progress import Message
from xpert_evo.search import hypervolume
from xpert_evo.store import Store, Topic

LEAST_GROWTH_RATIO = 1e-3
"""A hypervolume that grows by less counts as stalled."""

_ROUNDS = "rounds"


def early_stop(store: Store) -> dict[str, Any] | None:
    """Why a run's rounds ended early, as `before_round` and `reason`; None where they did not, or not yet."""
    note: dict[str, Any] | None = store.note(Topic.STOPPED, _ROUNDS)
    return note


def spent_s(run: RunContext, *, batches: Sequence[str] = (FIRST,)) -> float:
    """Seconds of this run's own trainings that ended well, over all workers and resumes.

    Args:
        run: Context of the run.
        batches: Which trainings: those with labels like these batches'; by default, those of the search.
    """
    total = 0.0
    for context in {run.label_context(batch) for batch in batches}:
        reused = reused_digests(run, context)
        total += sum(label.seconds for label in run.store.labels(context).values() if label.digest not in reused)
    return total


def stops_before(
    run: RunContext,
    round_: int,
    *,
    before: Knowledge | None = None,
    now: Knowledge | None = None,
) -> bool:
    """Returns whether the run stops before a round.

    Args:
        run: Context of the run.
        round_: Number of the round that would begin.
        before: Knowledge of `search.stall_rounds` rounds ago; None if there have been fewer rounds.
        now: Current knowledge.
    """
    if early_stop(run.store) is not None:
        return True
    config = run.task.config
    reason = None
    budget_s = config.training.budget_s
    if budget_s is not None and (spent := spent_s(run)) >= budget_s:
        reason = f"{spent:.0f} s of trainings have used up training.budget_s = {budget_s:g}"
    elif before is not None and now is not None and has_stalled(run.task, before, now):
        reason = f"the measured hypervolume has not grown for {config.search.stall_rounds} rounds (search.stall_rounds)"
    if reason is None:
        return False
    if note_once(run, Topic.STOPPED, _ROUNDS, {"before_round": round_, "reason": reason}):
        run.listener.tell(Message(text=f"no round {round_}: {reason}"))
    return True


def has_stalled(task: Task, before: Knowledge, now: Knowledge) -> bool:
    """Whether next to nothing was added to the measured hypervolume of the loosest limits."""
    then, after = (_volume(task, known) for known in (before, now))
    return after - then <= LEAST_GROWTH_RATIO * then


def _volume(task: Task, known: Knowledge) -> float:
    measured = known.within(task.constraints, task.objectives)
    return hypervolume(measured, task.reference_point) if len(measured) else 0.0
