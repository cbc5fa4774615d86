"""Whether a result holds under other cost models: the trained designs of a run, costed by each model.

Chip limits are always evaluated with the run's own model, because an area limit is only meaningful for the model that
it was set for. Fronts are of accuracy against EDAP, whatever the objectives of the run, and use the labels of the
search, because finalists were chosen by the run's own model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xpert_evo.accuracy.surrogate.quality import kendall_tau
from xpert_evo.cost_models import CostModels
from xpert_evo.objectives import OBJECTIVES, FloatArray
from xpert_evo.report.candidates import Candidate, alone, genomes_of, within_limits
from xpert_evo.report.preferences import Preference, adc_preferences, preferences
from xpert_evo.report.result import RunResult
from xpert_evo.search import non_dominated
from xpert_evo.words import counted, listed, times


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The trained designs of a run under several cost models.

    Attributes:
        models: Names of the models, the run's own first.
        refused: Reason why a model cannot cost the chip, by the model's name.
        designs: Trained designs with the labels of the search.
        ratios: EDAP of the baseline over that of each design, both under the same model, (models, designs).
        on_front: Which designs are on the front under each model, (models, designs).
        tau: Kendall's tau of the designs' EDAP between models, (models, models).
        named: Indices into `designs` of the recommended designs, by name.
        preferences: Preferred choices of each model, by gene and group of layers; empty without a front.
        adc_types: Preferred ADC type of each model, by resolution.
    """

    models: tuple[str, ...]
    refused: Mapping[str, str]
    designs: list[Candidate]
    ratios: FloatArray
    on_front: NDArray[np.bool_]
    tau: FloatArray
    named: dict[str, int]
    preferences: list[Preference]
    adc_types: list[Preference]

    def ratios_of(self, digest: str) -> FloatArray | None:
        """Returns the EDAP of the baseline over that of a design, (models,); None if the search did not train it."""
        return next((self.ratios[:, i] for i, c in enumerate(self.designs) if c.digest == digest), None)

    @property
    def always(self) -> list[Candidate]:
        """Designs on the front under every model."""
        return self._those(self.on_front.all(axis=0))

    @property
    def own_only(self) -> list[Candidate]:
        """Designs on the front under the run's own model and no other; empty if there is no other model."""
        own = self.on_front[0] & ~self.on_front[1:].any(axis=0)
        return self._those(own) if len(self.models) > 1 else []

    @property
    def sometimes(self) -> list[Candidate]:
        """Designs on the front under some but not all models, except those under the run's own model only."""
        some = self.on_front[1:].any(axis=0) & ~self.on_front.all(axis=0)
        return self._those(some)

    @property
    def least_tau(self) -> tuple[float, str, str] | None:
        """The smallest Kendall's tau between two models, with their names; None if there is only one model."""
        pairs = combinations(range(len(self.models)), 2)
        found = [(float(self.tau[i, j]), self.models[i], self.models[j]) for i, j in pairs]
        return min(found, default=None)

    @property
    def line(self) -> str:
        """The verdict in a sentence for the terminal."""
        said = []
        if "knee" in self.named:
            ratios = self.ratios[:, self.named["knee"]]
            gain = f"{times(ratios.min())} to {times(ratios.max())} x"
            said.append(f"the EDAP of the knee is {gain} lower than the baseline's")
        n_own, n_always = int(self.on_front[0].sum()), len(self.always)
        if n_own:
            front = f"{counted(n_own, 'design')} on the search front (validation)"
            said.append(f"{n_always} of {front} {'stays' if n_always == 1 else 'stay'} on it under every model")
        if self.least_tau is not None:
            tau, one, other = self.least_tau
            said.append(f"Kendall's tau of EDAP is at least {tau:.2f} ({one}, {other})")
        left_out = f" Excluded: {listed(self.refused)}, which cannot cost this chip." if self.refused else ""
        return f"Under all {counted(len(self.models), 'cost model')}: {'; '.join(said)}.{left_out}"

    def _those(self, chosen: ArrayLike) -> list[Candidate]:
        return [self.designs[i] for i in np.flatnonzero(chosen)]


def give_verdict(result: RunResult) -> Verdict | None:
    """Returns the verdict on a run, finished or not; None before the first training."""
    if not result.measured:
        return None
    space, designs = result.task.space, result.measured
    models = CostModels.of(result.task.hardware, space)
    genomes = genomes_of(result.task, designs)
    ratios = models.ratios(space, genomes)
    on_front = fronts(ratios, np.array([c.validation for c in designs]), within_limits(result.task, designs))
    places = {candidate.digest: i for i, candidate in enumerate(designs)}
    named = {name: places[c.digest] for name, c in _to_look_at(result).items() if c.digest in places}
    return Verdict(
        models=models.names,
        refused=models.refused,
        designs=list(designs),
        ratios=ratios,
        on_front=on_front,
        tau=taus(ratios),
        named=named,
        preferences=preferences(models, space, genomes[on_front[0]]) if on_front[0].any() else [],
        adc_types=adc_preferences(models, space),
    )


def ratios_of(result: RunResult, designs: Sequence[Candidate]) -> list[dict[str, float]]:
    """Returns the EDAP of the baseline over that of each design by cost model, the run's own model first.

    Designs at native size need not be of the run's space; models that cannot cost such a design are left out.
    """
    space = result.task.space
    models = CostModels.of(result.task.hardware, space)
    searched = [one for one in designs if not one.is_native]
    ratios = models.ratios(space, genomes_of(result.task, searched))
    told = {
        one.digest: dict(zip(models.names, column.tolist(), strict=True))
        for one, column in zip(searched, ratios.T, strict=True)
    }
    return [
        models.ratios_of_one(space, *alone(result.task, one.design))[0] if one.is_native else told[one.digest]
        for one in designs
    ]


def fronts(ratios: FloatArray, accuracies: FloatArray, within: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Returns which designs are on the front of accuracy and EDAP under each model, (models, designs).

    Args:
        ratios: EDAP of the baseline over that of each design, (models, designs).
        accuracies: Accuracies (fractions), (designs,).
        within: Which designs satisfy the limits; the others are on no front, (designs,).
    """
    found = np.zeros(ratios.shape, dtype=bool)
    kept = np.flatnonzero(within)
    if not len(kept):
        return found
    error = OBJECTIVES["accuracy"].minimised(accuracies[kept])
    for row, ratio in zip(found, ratios, strict=True):
        row[kept] = non_dominated(np.stack([error, -np.log10(ratio[kept])], axis=1))
    return found


def taus(ratios: FloatArray) -> FloatArray:
    """Returns Kendall's tau of the designs' EDAP between models, (models, models)."""
    return np.array(
        [[1.0 if i == j else kendall_tau(a, b) for j, b in enumerate(ratios)] for i, a in enumerate(ratios)]
    )


def _to_look_at(result: RunResult) -> dict[str, Candidate]:
    """Returns the recommended designs: the knee, the most accurate design and the one with the lowest EDAP."""
    named = result.shortlist.named()
    return {name: named[name] for name in ("knee", "most accurate", "lowest EDAP") if name in named}
