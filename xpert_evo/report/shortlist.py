"""The designs that recommendations are chosen from: everything measured, with finalists as they were judged.

A run trains few finalists, so its final front alone may have a poor design as its knee if no design between the ends
was a finalist. The shortlist therefore also contains the members of the search's front that were not finalists, as
long as they are promising, as finalists are chosen: a front's end that guesses would bend its knee.
Accuracies of two protocols are not comparable; with such members, all are compared by the labels of the search.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xpert_evo.objectives import OBJECTIVES
from xpert_evo.orchestration.finalists import are_promising
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
"""Field of `HARDWARE_FIELDS` by name of the objective."""

_SHOWN = {"edap": "EDAP", "throughput_fps": "throughput"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortlist:
    """Designs to choose recommendations from.

    Attributes:
        task: Task that defines the objectives.
        members: Designs sorted by EDAP; finalists as judged, others as measured in the search.
        compared: The same designs in the same order, all measured with the same protocol.
        most_accurate: The best finalist if the search's best design was a finalist, else the latter; None without
            members.
    """

    task: Task
    members: list[Candidate]
    compared: list[Candidate]
    most_accurate: Candidate | None

    @property
    def knee(self) -> Candidate:
        """The knee of the members by validation accuracy, never by test accuracy."""
        return self.members[knee(objectives_of(self.task, self.compared))]

    def best(self, cost: str) -> Candidate:
        """Returns the member with the lowest cost or the highest rate, given the name of an objective."""
        choose = max if OBJECTIVES[cost].is_rate else min
        return choose(self.members, key=lambda candidate: candidate.hardware[COST_FIELDS[cost]])

    def named(self) -> dict[str, Candidate]:
        """Returns the recommended members by name: the best of each objective, the lowest EDAP, and the knee."""
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
        """Returns the member of lowest EDAP with at least this accuracy in `compared`, or None."""
        good = [m for m, c in zip(self.members, self.compared, strict=True) if c.validation >= accuracy]
        return min(good, key=lambda candidate: candidate.hardware["edap"], default=None)


def make_shortlist(
    task: Task,
    *,
    measured: Sequence[Candidate],
    front: Sequence[Candidate],
    finalists: Sequence[Candidate],
) -> Shortlist:
    """Returns the shortlist of a run; it is empty if the run has no front.

    Args:
        task: Task that defines objectives and limits.
        measured: All designs with a label of the search.
        front: Front of the run: of finalists once they are judged, else of `measured`.
        finalists: Judged finalists; empty before that.
    """
    searched = select_front(task, measured) if finalists and front else list(front)
    were_finalists = {candidate.digest for candidate in finalists}
    others = [c for c in _promising(task, searched) if c.digest not in were_finalists] if finalists else []
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


def _promising(task: Task, searched: Sequence[Candidate]) -> list[Candidate]:
    """The designs of the search's front that keep enough of the best one's accuracy above guessing."""
    keep = are_promising(np.array([candidate.validation for candidate in searched]), task.backbone.n_classes)
    return [candidate for candidate, kept in zip(searched, keep, strict=True) if kept]
