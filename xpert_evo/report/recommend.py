"""Recommended designs, each compared with the homogeneous designs that one would build without a search."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from xpert_evo.accuracy.surrogate.fit import FittedSurrogate
from xpert_evo.design import Design
from xpert_evo.objectives import FloatArray
from xpert_evo.report.candidates import Candidate, genomes_of, hardware_figures
from xpert_evo.report.result import RunResult
from xpert_evo.report.shortlist import Shortlist
from xpert_evo.space import Genomes

_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_MOST_STEPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """The homogeneous design of lowest EDAP among those at least as accurate.

    Attributes:
        design: Homogeneous design, with the same peripherals in all layers.
        accuracy: Validation accuracy with the protocol of the search (fraction).
        own_accuracy: Accuracy of the design it is compared with, from the same source; not that of a finalist training.
        measured: Whether the accuracies were measured; else they were predicted by the surrogate.
        hardware: `HARDWARE_FIELDS` by name.
    """

    design: Design
    accuracy: float
    own_accuracy: float
    measured: bool
    hardware: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """A recommended design.

    Attributes:
        roles: Reasons for the recommendation: "most accurate", "knee", "lowest EDAP", "at least 90 %".
        candidate: The design, as judged if it was a finalist, else as measured in the search.
        rival_measured: Rival among the trained homogeneous designs; None if none is as accurate.
        rival_predicted: Rival among all homogeneous designs, trained or not, by predicted accuracy; None if none is
            predicted to be as accurate.
    """

    roles: tuple[str, ...]
    candidate: Candidate
    rival_measured: Rival | None
    rival_predicted: Rival | None


def recommend(
    result: RunResult, surrogate: FittedSurrogate | None, homogeneous: Genomes, trained_homogeneous: Sequence[Candidate]
) -> list[Recommendation]:
    """Returns the best design of each objective, the knee, the lowest EDAP and the cheapest of each accuracy step.

    They are chosen from everything measured (see `Shortlist`), by validation accuracy and never by test accuracy.
    A design and its rivals are compared under the same protocol: measured with measured, predicted with predicted.

    Args:
        result: Result of a run.
        surrogate: Surrogate fitted to its labels; None omits the predicted rivals.
        homogeneous: All homogeneous designs, (designs, genes).
        trained_homogeneous: Homogeneous designs that the search trained.
    """
    shortlist = result.shortlist
    if not shortlist.members:
        return []
    trained = {candidate.digest: candidate for candidate in result.measured}
    roles = _roles(shortlist)
    chosen = [candidate for candidate in reversed(shortlist.members) if candidate.digest in roles]
    edap = result.task.own_costs(homogeneous)["edap"]
    predicted = surrogate.predict(homogeneous)[0] if surrogate else None
    own = surrogate.predict(genomes_of(result.task, chosen))[0] if surrogate else None
    return [
        Recommendation(
            roles=tuple(roles[candidate.digest]),
            candidate=candidate,
            rival_measured=_measured_rival(trained.get(candidate.digest), trained_homogeneous),
            rival_predicted=None
            if predicted is None or own is None
            else _predicted_rival(result, homogeneous, edap, predicted, float(own[i])),
        )
        for i, candidate in enumerate(chosen)
    ]


def those_in(genomes_wanted: Genomes, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Returns the candidates whose genome is among the wanted ones."""
    known = {row.tobytes() for row in genomes_wanted}
    return [candidate for candidate in candidates if candidate.genome.tobytes() in known]


def times_better(hardware: dict[str, float], other: dict[str, float], figure: str) -> float:
    """Returns how many times better a figure is; above 1 is better, for both costs and efficiencies."""
    larger_is_better = figure.startswith("tops")
    return hardware[figure] / other[figure] if larger_is_better else other[figure] / hardware[figure]


def accuracy_steps(accuracies: Iterable[float]) -> list[float]:
    """Returns at most five round accuracies (fractions, rising) between the smallest and the largest one."""
    values = list(accuracies)
    low, high = min(values), max(values)
    for step in _STEPS:
        first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
        if last - first < _MOST_STEPS:
            return [round(i * step, 6) for i in range(first, last + 1)]
    return []


def _roles(shortlist: Shortlist) -> dict[str, list[str]]:
    """Returns the reasons to recommend a design, by digest."""
    roles: dict[str, list[str]] = {}
    for name, candidate in shortlist.named().items():
        roles.setdefault(candidate.digest, []).append(name)
    steps: dict[str, float] = {}
    for step in accuracy_steps(c.validation for c in shortlist.compared):
        cheapest = shortlist.reaching(step)
        if cheapest is not None:
            steps[cheapest.digest] = step  # only the highest step that it reaches
    for digest, step in steps.items():
        roles.setdefault(digest, []).append(f"at least {100 * step:g} % validation accuracy")
    return roles


def _measured_rival(own: Candidate | None, homogeneous: Sequence[Candidate]) -> Rival | None:
    good = [c for c in homogeneous if own is not None and c.validation >= own.validation]
    if own is None or not good:
        return None
    best = min(good, key=lambda c: c.hardware["edap"])
    return Rival(
        design=best.design,
        accuracy=best.validation,
        own_accuracy=own.validation,
        measured=True,
        hardware=best.hardware,
    )


def _predicted_rival(
    result: RunResult, homogeneous: Genomes, edap: FloatArray, predicted: FloatArray, own: float
) -> Rival | None:
    good = np.flatnonzero(predicted >= own)
    if not len(good):
        return None
    best = int(good[np.argmin(edap[good])])
    genome = homogeneous[best : best + 1]
    return Rival(
        design=result.task.space.decode(genome)[0],
        accuracy=float(predicted[best]),
        own_accuracy=own,
        measured=False,
        hardware=hardware_figures(result.task, genome)[0],
    )
