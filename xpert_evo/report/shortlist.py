"""The designs that recommendations are chosen from: everything that was measured, finalists as they were judged.

A run trains few finalists, so its final front alone would call a poor design the knee where nothing between the ends
was trained to the end. Beside the final front stand those members of the search's front that never were finalists.
Accuracies of two protocols do not compare: with such members, all are compared by the labels of the search.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xpert_evo.objectives import OBJECTIVES
from xpert_evo.orchestration.task import Task
from xpert_evo.report.candidates import Candidate, objectives_of, select_front
from xpert_evo.search import knee

COST_FIELDS = {
    "edap": "edap",
    "area": "area_mm2",
    "latency": "latency_us",
    "energy": "energy_uj",
    "throughput_fps": "throughput_fps",
}
"""By the name of an objective the field of `HARDWARE_FIELDS` that it is."""

_SHOWN = {"edap": "EDAP", "throughput_fps": "throughput"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortlist:
    """What there is to recommend.

    Attributes:
        task: For objectives.
        members: By rising EDAP; finalists as they were judged, the others as the search measured them.
        compared: The same designs in the same order, all measured with one protocol.
        most_accurate: The best finalist where the best design of the search was one, else that design; None without
            members.
    """

    task: Task
    members: list[Candidate]
    compared: list[Candidate]
    most_accurate: Candidate | None

    @property
    def knee(self) -> Candidate:
        """The member that bulges most towards the ideal, by validation accuracy; test data only judges."""
        return self.members[knee(objectives_of(self.task, self.compared))]

    def best(self, cost: str) -> Candidate:
        """The member with the lowest cost, or the highest rate, named as an objective."""
        choose = max if OBJECTIVES[cost].is_rate else min
        return choose(self.members, key=lambda candidate: candidate.hardware[COST_FIELDS[cost]])

    def named(self) -> dict[str, Candidate]:
        """The members to look at first by name: the best of each objective, the lowest EDAP, and the knee."""
        if self.most_accurate is None:
            return {}
        names = self.task.objectives.names
        found = {"most accurate": self.most_accurate}
        if "robustness" in names:
            best = max(range(len(self.members)), key=lambda i: self.compared[i].robustness or 0.0)
            found["most robust"] = self.members[best]
        found["knee"] = self.knee
        costs = [name for name in names if not OBJECTIVES[name].is_accuracy]
        for cost in dict.fromkeys([*costs, "edap"]):
            which = "highest" if OBJECTIVES[cost].is_rate else "lowest"
            found[f"{which} {_SHOWN.get(cost, cost)}"] = self.best(cost)
        return found

    def reaching(self, accuracy: float) -> Candidate | None:
        """The lowest EDAP of at least this validation accuracy as `compared` has it; None where none is."""
        good = [m for m, c in zip(self.members, self.compared, strict=True) if c.validation >= accuracy]
        return min(good, key=lambda candidate: candidate.hardware["edap"], default=None)


def make_shortlist(
    task: Task,
    *,
    measured: Sequence[Candidate],
    front: Sequence[Candidate],
    finalists: Sequence[Candidate],
) -> Shortlist:
    """What a run has to recommend: nothing where it has no front.

    Args:
        task: For objectives and limits.
        measured: All designs with a label of the search.
        front: The run's front: of finalists once these are judged, else of `measured`.
        finalists: Those that were judged; empty before that.
    """
    searched = select_front(task, measured) if finalists and front else list(front)
    were_finalists = {candidate.digest for candidate in finalists}
    others = [c for c in searched if c.digest not in were_finalists] if finalists else []
    members = sorted([*front, *others], key=lambda candidate: candidate.hardware["edap"])
    labels = {candidate.digest: candidate for candidate in measured}
    best = max(searched, key=lambda candidate: candidate.validation, default=None)
    if best is None or best.digest in were_finalists:
        best = max(front, key=lambda candidate: candidate.validation, default=None)
    return Shortlist(
        task=task,
        members=members,
        compared=[labels.get(member.digest, member) for member in members] if others else members,
        most_accurate=best,
    )
