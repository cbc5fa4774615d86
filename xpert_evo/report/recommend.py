"""The designs to look at first, each beside the homogeneous designs that a person would build without a search."""

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
    """A homogeneous design that is at least as accurate, with the lowest EDAP among those.

    Attributes:
        design: The same peripherals in all layers.
        accuracy: A fraction, by the search's protocol on validation data.
        own_accuracy: Of the design that it is held against, found in the same way; not that of its finalist's training.
        measured: Whether the accuracy is that of a training; else it is the surrogate's.
        hardware: `HARDWARE_FIELDS` by name.
    """

    design: Design
    accuracy: float
    own_accuracy: float
    measured: bool
    hardware: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """A design worth a look.

    Attributes:
        roles: Why: "most accurate", "knee", "lowest EDAP", "at least 90 %".
        candidate: As it was judged as a finalist, else as the search measured it.
        rival_measured: Among trained homogeneous designs; None where none is as accurate.
        rival_predicted: Among all homogeneous designs as the surrogate sees them, trained or not; None where it sees
            none as accurate as it sees this design.
    """

    roles: tuple[str, ...]
    candidate: Candidate
    rival_measured: Rival | None
    rival_predicted: Rival | None


def recommend(
    result: RunResult, surrogate: FittedSurrogate | None, homogeneous: Genomes, trained_homogeneous: Sequence[Candidate]
) -> list[Recommendation]:
    """The best of each objective, the knee, the lowest EDAP and the cheapest of each accuracy step.

    They are chosen from everything measured (see `Shortlist`). Validation accuracy decides, test data only judges.
    A design and its rivals are compared under the same protocol: measured with measured, predicted with predicted.

    Args:
        result: Of a run.
        surrogate: Of its labels; None leaves the predicted rivals out.
        homogeneous: Every homogeneous design, (designs, genes).
        trained_homogeneous: Those of them that the search trained.
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
    """Those of the candidates whose genome is one of the wanted ones."""
    known = {row.tobytes() for row in genomes_wanted}
    return [candidate for candidate in candidates if candidate.genome.tobytes() in known]


def times_better(hardware: dict[str, float], other: dict[str, float], figure: str) -> float:
    """How many times better a figure is than another's: above 1 is better, whether small or large figures are."""
    larger_is_better = figure.startswith("tops")
    return hardware[figure] / other[figure] if larger_is_better else other[figure] / hardware[figure]


def accuracy_steps(accuracies: Iterable[float]) -> list[float]:
    """Round accuracies (fractions) between the smallest and the largest one, at most five, rising."""
    values = list(accuracies)
    low, high = min(values), max(values)
    for step in _STEPS:
        first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
        if last - first < _MOST_STEPS:
            return [round(i * step, 6) for i in range(first, last + 1)]
    return []


def _roles(shortlist: Shortlist) -> dict[str, list[str]]:
    """By digest the reasons to look at a design."""
    roles: dict[str, list[str]] = {}
    for name, candidate in shortlist.named().items():
        roles.setdefault(candidate.digest, []).append(name)
    steps: dict[str, float] = {}
    for step in accuracy_steps(c.validation for c in shortlist.compared):
        cheapest = shortlist.reaching(step)
        if cheapest is not None:
            steps[cheapest.digest] = step  # the highest step that it reaches says it all
    for digest, step in steps.items():
        roles.setdefault(digest, []).append(f"at least {100 * step:g} % on validation")
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
