"""Message for a run in which no trained design satisfies the limits: the limit, and the best value reached."""

from xpert_evo.report.candidates import Candidate, genomes_of
from xpert_evo.report.result import RunResult


def unmet_limits(result: RunResult) -> str | None:
    """Returns a message if a run has trained designs but none satisfies all limits, else None.

    Accuracy limits are compared with the validation accuracies of the trainings that the front consists of.
    """
    if result.front or not result.measured:
        return None
    judged = [c for c in result.finalists if c.digest != _baseline_digest(result)]
    pool = judged or result.measured
    within = result.task.feasible(genomes_of(result.task, pool))
    kept = [candidate for candidate, keeps in zip(pool, within, strict=True) if keeps]
    who = "finalist" if judged else "trained design"
    if not kept:
        return f"no {who} satisfies the chip limits ({', '.join(result.task.constraints.on_chip.active)})."
    search = result.config.search
    parts = []
    if search.least_accuracy is not None:
        parts.append(_part("search.least_accuracy", search.least_accuracy, max(kept, key=lambda c: c.validation), ""))
    if search.least_robustness is not None:
        best = max(kept, key=lambda c: c.robustness or 0.0)
        parts.append(_part("search.least_robustness", search.least_robustness, best, " under device noise"))
    together = " together" if len(parts) > 1 else ""
    return (
        f"no {who} within the chip limits reaches {' and '.join(parts)}{together}. The limit applies to the "
        "accuracy measured with this protocol; lower it, or choose a protocol that trains longer or at native size."
    )


def no_front(result: RunResult) -> str:
    """Returns why a run has no front, in a sentence for a command that needs one."""
    unmet = unmet_limits(result) if result.final else None
    if unmet is not None:
        return f"{result.name} has no front: {unmet}"
    return f"{result.name} has no front yet: no trained design satisfies the limits. See `xpert-evo status`."


def _part(name: str, limit: float, best: Candidate, under: str) -> str:
    value = best.validation if not under else best.robustness or 0.0
    return (
        f"{name} = {limit:g}: the best, {best.digest[:8]}, has {100 * value:.2f} %{under} on validation data "
        f"(protocol {best.protocol})"
    )


def _baseline_digest(result: RunResult) -> str:
    return result.task.space.decode(result.task.baseline)[0].digest
