"""Finds a design in a result: the knee, the cheapest one of a given accuracy, or the one with a given id."""

from xpert_evo.errors import UsageError
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.result import RunResult
from xpert_evo.report.unmet import no_front


def the_knee(result: RunResult) -> Candidate:
    """Returns the knee of everything measured; raises UsageError if no trained design satisfies the limits."""
    _need_front(result)
    return result.knee


def of_accuracy(result: RunResult, least: float) -> Candidate:
    """Returns the design of lowest EDAP with at least the given validation accuracy.

    All are compared by one protocol, that of the search unless every design on the front was a finalist: finalists
    train longer, and one that reaches the accuracy only by that is not the cheapest that does.

    Args:
        result: Result of a run.
        least: Minimum accuracy (fraction).

    Raises:
        UsageError: The accuracy is not a fraction, or no design reaches it.
    """
    if not 0 < least <= 1:
        raise UsageError(f"--accuracy must be a fraction such as 0.92, got {least:g}.")
    _need_front(result)
    found = result.shortlist.reaching(least)
    if found is None:
        best = max(result.shortlist.compared, key=lambda candidate: candidate.validation)
        when = "as a finalist" if best.is_finalist else "in the search"
        raise UsageError(
            f"no design on the front reaches {100 * least:g} % on validation data {when} (protocol {best.protocol}); "
            f"the best one has {100 * best.validation:.2f} %."
        )
    return found


def by_id(result: RunResult, start: str) -> Candidate:
    """Returns the design whose id begins with `start`, as a finalist if it was one.

    Raises:
        UsageError: No design or several designs match.
    """
    known = {candidate.digest: candidate for candidate in result.measured}
    known |= {c.digest: c for c in [result.baseline] if c is not None}
    known |= {c.digest: c for c in result.finalists}
    if result.native is not None:
        known |= {
            one.candidate.digest: one.candidate for one in result.native.designs if one.candidate.digest not in known
        }
    found = [candidate for digest, candidate in known.items() if start and digest.startswith(start)]
    if len(found) != 1:
        story = "no trained design" if not found else f"{len(found)} trained designs"
        raise UsageError(
            f"--id: {story} of {result.name} begins with '{start}'; give more digits of an id shown in a table."
        )
    return found[0]


def native_front(result: RunResult) -> list[Candidate]:
    """Returns the native front; empty for runs that trained nothing at native size."""
    return [] if result.native is None else [one.candidate for one in result.native.front]


def _need_front(result: RunResult) -> None:
    if not result.shortlist.members:
        raise UsageError(no_front(result))
