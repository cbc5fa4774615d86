"""Data shared by pictures and pages: the result of a run, its refitted surrogate and the recommended designs."""

from dataclasses import dataclass

import numpy as np

from xpert_evo.accuracy.surrogate.fit import LEAST_LABELS, FittedSurrogate, fit_surrogate
from xpert_evo.orchestration.randomness import Purpose, as_integer, spawned
from xpert_evo.report.candidates import Candidate, genomes_of
from xpert_evo.report.luck import Luck, clear_luck
from xpert_evo.report.recommend import Recommendation, recommend, those_in
from xpert_evo.report.result import RunResult
from xpert_evo.report.verdict import Verdict, give_verdict
from xpert_evo.search.seeding import DEPTH_FACTORS, homogeneous_designs


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A result with derived data.

    Attributes:
        result: Result of the run.
        surrogate: Surrogate fitted to all labels of the search; None if there are too few labels.
        homogeneous: Trained designs with the same peripherals in all layers and depths proportional to the backbone's.
        recommended: Recommended designs, sorted by falling accuracy; empty before there is a front.
        luck: Winner's curse of the measured front if it is significant, else None.
        verdict: Verdict of all cost models on the trained designs; None before the first training.
    """

    result: RunResult
    surrogate: FittedSurrogate | None
    homogeneous: list[Candidate]
    recommended: list[Recommendation]
    luck: Luck | None
    verdict: Verdict | None

    @property
    def chosen(self) -> list[tuple[str, Candidate]]:
        """The designs that pictures show in detail, by name: knee, most accurate, lowest EDAP; without duplicates."""
        found: dict[str, tuple[str, Candidate]] = {}
        for role in ("knee", "most accurate", "lowest EDAP"):
            for recommendation in self.recommended:
                if role in recommendation.roles and recommendation.candidate.digest not in found:
                    name = ", ".join(recommendation.roles[:2])
                    found[recommendation.candidate.digest] = (name, recommendation.candidate)
        return list(found.values())


def build_scene(result: RunResult) -> Scene:
    """Fits the surrogate and selects the designs; needs neither images nor training."""
    surrogate = fit_again(result)
    everywhere = homogeneous_designs(result.task.space, DEPTH_FACTORS)
    trained = those_in(everywhere, result.measured)
    return Scene(
        result=result,
        surrogate=surrogate,
        homogeneous=trained,
        recommended=recommend(result, surrogate, everywhere, trained),
        luck=clear_luck(result),
        verdict=give_verdict(result),
    )


def fit_again(result: RunResult) -> FittedSurrogate | None:
    """Fits the surrogate kind chosen by the newest round to all labels; returns None if there are too few labels."""
    if len(result.measured) < LEAST_LABELS:
        return None
    round_, note = list(result.surrogate_notes.items())[-1] if result.surrogate_notes else ("0", {})
    return fit_surrogate(
        result.task.space,
        genomes_of(result.task, result.measured),
        np.array([candidate.validation for candidate in result.measured]),
        crossbar=result.task.hardware.crossbar,
        losses=result.task.losses,
        seed=as_integer(spawned(result.config.seed, Purpose.SURROGATE, int(round_) + 1)),
        kind=note.get("chosen", "ridge"),
    )
