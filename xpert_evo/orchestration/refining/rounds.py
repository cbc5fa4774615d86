"""One round of a refinement: measure, choose, test the prediction, and judge what was chosen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xpert_evo.accuracy.sensitivity.correction import left_out
from xpert_evo.accuracy.sensitivity.prediction import divergence
from xpert_evo.design import Design
from xpert_evo.orchestration.refining.chips import Accuracy
from xpert_evo.orchestration.refining.choosing import Chosen, Model
from xpert_evo.orchestration.refining.measuring import Bench, completed, single_layers, with_pairs
from xpert_evo.orchestration.refining.options import Options
from xpert_evo.orchestration.refining.settings import Prediction, Refined, Refining
from xpert_evo.orchestration.refining.steps import ADOPTED, CHOSEN, JOINT

_MOST_DIVERGENCE = 0.3
"""Measured divergence beyond which a choice is not judged [nats]."""

_MOST_LOSS = 4.0
"""Expected loss beyond which a choice is not judged, in budgets, once the loss per nat is known."""

_RANDOM_DAMAGES = (1e-3, 5e-2)
"""Largest divergence of a single layer in random joint choices [nats]; log-uniform between these."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Round:
    """What a round found.

    Attributes:
        judged: Chosen designs with files of their networks and accuracies, by falling EDAP.
        predictions: Joint choices, predicted and measured.
    """

    judged: tuple[Refined, ...]
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What earlier rounds say of the loss of accuracy.

    Attributes:
        loss_per_nat: Loss per nat of divergence beyond that of the network on the peripherals it was trained for; None
            if unknown.
        budget: Loss that is left for this round until the target is reached.
    """

    loss_per_nat: float | None
    budget: float

    def keeps(self, divergence: float, times: float = 1.0) -> bool:
        """Whether a divergence [nats] is expected to cost at most so many times the budget."""
        return self.loss_per_nat is None or self.loss_per_nat * divergence <= times * self.budget


def run_round(bench: Bench, refining: Refining, outlook: Outlook, *, tests: bool) -> Round:
    """Measures around a network, chooses designs for all prices, and judges some of them.

    Args:
        bench: The network.
        refining: Settings.
        outlook: What is expected of the loss of accuracy.
        tests: Whether the prediction is tested on random joint choices.
    """
    model, measured = single_layers(bench)
    model, chosen = completed(bench, model, measured)
    model = with_pairs(bench, model, chosen, refining.n_pairs)
    model, chosen = completed(bench, model, measured)
    random = _random_designs(model, refining, bench.round) if tests else []
    designs = list(dict.fromkeys([*(one.design for one in chosen), *random]))
    wanted = [(design, None) for design in (bench.home, *designs)]
    at_home, *scores = bench.laboratory.scores(bench.weights, wanted, bench.at(JOINT))
    reference = model.movements.reference
    found = {design: float(divergence(reference, moved)) for design, moved in zip(designs, scores, strict=True)}
    predictions = with_corrections(
        [_prediction(model, design, found[design], is_random=design in random) for design in designs],
        bench,
    )
    least = float(divergence(reference, at_home))
    more = {design: value - least for design, value in found.items()}
    candidates = _candidates(chosen, more, refining.n_chosen, outlook)
    judged = _judged(bench, candidates, more, refining)
    return Round(judged=tuple(judged), predictions=tuple(predictions))


def _prediction(model: Model, design: Design, measured: float, *, is_random: bool) -> Prediction:
    choices = model.choices(design)
    return Prediction(
        design=design.digest,
        is_random=is_random,
        added=model.movements.added(choices),
        joined=model.movements.joined(choices),
        expected=model.movements.expected(choices),
        corrected=model.expected(choices),
        measured=measured,
    )


def with_corrections(predictions: Sequence[Prediction], bench: Bench) -> list[Prediction]:
    """Predictions corrected by joint choices of earlier rounds, in the first by all others of the round.

    Choices that were drawn at random correct one another, and so do those that were chosen: among many sums, a choice
    takes those that are too low.
    """
    corrected: dict[Prediction, float] = {}
    for is_random in (False, True):
        kind = [one for one in predictions if one.is_random == is_random]
        if any(one.is_random == is_random for one in bench.known):
            found = [bench.correction(is_random=is_random).of(one.expected) for one in kind]
        else:
            found = left_out([one.joint for one in kind])
        corrected |= dict(zip(kind, found, strict=True))
    return [replace(one, corrected=corrected[one]) for one in predictions]


def _random_designs(model: Model, refining: Refining, number: int) -> list[Design]:
    """Joint choices of all layers at random, each layer's divergence below a bound that is drawn, too."""
    rng = np.random.default_rng([refining.seed, number])
    damages = [
        {bits: model.movements.alone[layer, bits] for bits in offered} for layer, offered in enumerate(model.offered)
    ]
    designs = []
    for _ in range(refining.n_joint):
        bound = float(np.exp(rng.uniform(*np.log(_RANDOM_DAMAGES))))
        changes = {}
        for layer, own_damages in enumerate(damages):
            least = min(own_damages.values())
            allowed = [bits for bits, damage in own_damages.items() if damage <= max(bound, least)]
            changes[layer] = allowed[int(rng.integers(len(allowed)))]
        designs.append(model.options.with_precisions(model.anchor, changes))
    return designs


def _candidates(
    chosen: Sequence[Chosen], found: Mapping[Design, float], n_chosen: int, outlook: Outlook
) -> list[Chosen]:
    """Designs to judge: spread evenly over the logarithm of EDAP, and the cheapest that keeps the target loss."""
    possible = [one for one in chosen if found[one.design] <= _MOST_DIVERGENCE] or list(chosen[:1])
    kept: list[Chosen] = []
    if outlook.loss_per_nat is not None:
        kept += [one for one in possible if outlook.keeps(found[one.design])][-1:]
        possible = [one for one in possible if outlook.keeps(found[one.design], _MOST_LOSS)] or possible[:1]
    first, last = (math.log(one.edap) for one in (possible[0], possible[-1]))
    for target in np.linspace(first, last, n_chosen):
        nearest = min(possible, key=lambda one: abs(math.log(one.edap) - target))
        if nearest not in kept and len(kept) < n_chosen:
            kept.append(nearest)
    return sorted(kept, key=lambda one: -one.edap)


def _judged(
    bench: Bench, candidates: Sequence[Chosen], found: Mapping[Design, float], refining: Refining
) -> list[Refined]:
    """Writes networks with the peripherals of designs, and judges them."""
    if not candidates:
        return []
    files = bench.laboratory.adopted(bench.weights, [one.design for one in candidates], bench.at(ADOPTED))
    accuracies = bench.laboratory.accuracies(files, candidates[0].design, refining.compared, bench.at(CHOSEN))
    return [
        replace(
            entry(bench.options, one.design, file, accuracy),
            round=bench.round,
            divergence=found[one.design],
            expected=one.expected,
            gap=one.gap,
        )
        for one, file, accuracy in zip(candidates, files, accuracies, strict=True)
    ]


def entry(options: Options, design: Design, weights: Path, accuracy: Accuracy) -> Refined:
    """A judged design with its costs, not changed in any round."""
    costs = options.costs(design)
    return Refined(
        design=design,
        weights=weights,
        round=0,
        is_tuned=False,
        edap=costs["edap"],
        edap_ratio=options.baseline_edap / costs["edap"],
        edap_ratios=options.edap_ratios(design),
        area_mm2=costs["area"],
        latency_us=costs["latency"],
        energy_uj=costs["energy"],
        expected=None,
        divergence=0.0,
        judged=accuracy.value,
        n_judged=accuracy.n_images,
        on_chips=accuracy.on_chips,
    )
