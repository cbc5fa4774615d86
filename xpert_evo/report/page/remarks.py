"""Remarks in the page's head: events of the run that a reader of the front must know about."""

from html import escape

from xpert_evo.backbone_remarks import shared_depths
from xpert_evo.config import SearchMode
from xpert_evo.report.pictures.common import number
from xpert_evo.report.result import RunResult
from xpert_evo.words import listed


def remarks(result: RunResult) -> str:
    """Returns a paragraph on each event or circumstance that applies to the run."""
    parts = []
    if result.cost_drift is not None:
        sentence = result.cost_drift[:1].upper() + result.cost_drift[1:]
        parts.append(_paragraph(escape(sentence), warning=True))
    if (strained := result.task.implausibility) is not None:
        parts.append(_paragraph(escape(strained[:1].upper() + strained[1:]), warning=True))
    if result.task.worst_case is not None:
        names = escape(listed(result.task.worst_case.names))
        parts.append(
            _paragraph(
                f"The search minimised EDAP in the worst case of the cost models {names}, relative to the baseline "
                "under the same model. Figures and limits are those of the run's own model, which is listed first."
            )
        )
    if shared := shared_depths(result.task.backbone):
        parts.append(_paragraph(escape(shared)))
    if result.config.search.mode is SearchMode.TWO_PHASE:
        parts.append(_first_phase(result))
    if result.failed_finalists:
        names = ", ".join(digest[:8] for digest in result.failed_finalists)
        parts.append(
            _paragraph(f"Finalist trainings of {escape(names)} failed; these designs were not judged.", warning=True)
        )
    if result.stopped is not None:
        before, reason = result.stopped["before_round"], escape(result.stopped["reason"])
        parts.append(_paragraph(f"Round {before} did not begin: {reason}."))
    return "\n".join(parts)


def _first_phase(result: RunResult) -> str:
    note = result.network
    if note is None:
        return _paragraph("The first of two phases has not chosen its network yet.")
    digest, asked = escape(note["digest"]), note["limits"]["least_accuracy"]
    kept = "" if note["keeps_limits"] else " None of these satisfied the limits; this one violates them least."
    return _paragraph(
        f"In the first of two phases, after round {note['after_round']}, the trained design of lowest latency with an "
        f'accuracy of at least {100 * asked:.2f} % was chosen as the network: <button class="link" data-id="{digest}">'
        f"{digest[:8]}</button>, {number(note['latency_us'])} µs and {100 * note['accuracy']:.2f} % (validation, "
        f"{escape(result.config.training.protocol)}).{kept} The second phase searches ADC and input precisions for it.",
        warning=not note["keeps_limits"],
    )


def _paragraph(content: str, *, warning: bool = False) -> str:
    return f'<p class="warning">{content}</p>' if warning else f"<p>{content}</p>"
