"""When a run stops before its last round: its seconds are spent, or its measured front no longer grows.

Both are decided from the store between two batches, where all trainings before have ended: a run that is resumed
decides as before. The decision is noted, for the report and against settings that change.
"""

from xpert_evo.accuracy.protocols import TrainingProtocol
from xpert_evo.orchestration.batches import Workshop
from xpert_evo.orchestration.context import FIRST, REUSED
from xpert_evo.orchestration.knowledge import look, note_once
from xpert_evo.progress import Message
from xpert_evo.search import hypervolume

STOPPED = "stopped"
"""Topic of the note that ends a run's rounds."""

LEAST_GROWTH_RATIO = 1e-3
"""A hypervolume that grows by less counts as stalled."""


def spent_s(shop: Workshop, protocol: TrainingProtocol) -> float:
    """Seconds of this run's own trainings of the search, over all workers and resumes."""
    own = {plan.digest for plan in shop.store.each_plan() if plan.batch != REUSED}
    labels = shop.store.labels(shop.context(FIRST, protocol)).values()
    return sum(label.seconds for label in labels if label.digest in own)


def stops_before(shop: Workshop, round_: int, earlier: list[str], protocol: TrainingProtocol) -> bool:
    """Whether no round begins any more.

    Args:
        shop: The run.
        round_: The one that would begin.
        earlier: Batches so far, in order; one for each round, after those that came before the first round.
        protocol: Of the labels.
    """
    if shop.store.notes(STOPPED):
        return True
    config = shop.task.config
    reason = None
    budget_s, stall = config.training.budget_s, config.search.stall_rounds
    if budget_s is not None and (spent := spent_s(shop, protocol)) >= budget_s:
        reason = f"{spent:.0f} s of trainings have used up training.budget_s = {budget_s:g}"
    elif stall is not None and has_stalled(shop, earlier, stall, protocol):
        reason = f"the measured hypervolume has not grown for {stall} rounds (search.stall_rounds)"
    if reason is None:
        return False
    if note_once(shop, STOPPED, "rounds", {"before_round": round_, "reason": reason}):
        shop.listener.tell(Message(text=f"no round {round_}: {reason}"))
    return True


def has_stalled(shop: Workshop, batches: list[str], n_rounds: int, protocol: TrainingProtocol) -> bool:
    """Whether the last so many batches together added next to nothing to the measured hypervolume."""
    if len(batches) <= n_rounds:
        return False
    before, after = (_volume(shop, part, protocol) for part in (batches[:-n_rounds], batches))
    return after - before <= LEAST_GROWTH_RATIO * before


def _volume(shop: Workshop, batches: list[str], protocol: TrainingProtocol) -> float:
    """Hypervolume of the designs of some batches that keep the loosest limits, as they were measured."""
    task = shop.task
    measured = look(shop, protocol, batches).within(task.constraints, task.objectives)
    return hypervolume(measured, task.reference_point) if len(measured) else 0.0
