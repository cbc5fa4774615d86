"""Measures what single layers and pairs of layers do to a network's class scores, as far as the choice needs it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from xpert_evo.accuracy.sensitivity.correction import Correction
from xpert_evo.accuracy.sensitivity.prediction import (
    Choice,
    FloatArray,
    Movements,
    Pair,
    divergence,
    log_probabilities,
)
from xpert_evo.design import Design
from xpert_evo.orchestration.refining.choosing import Chosen, Model, choose
from xpert_evo.orchestration.refining.laboratory import Laboratory
from xpert_evo.orchestration.refining.layer_rows import Precisions
from xpert_evo.orchestration.refining.options import Options
from xpert_evo.orchestration.refining.settings import Prediction
from xpert_evo.orchestration.refining.steps import COMBINED, OWN, PAIRS, SINGLE, At

_TOO_MUCH = 0.5
"""Divergence of a single layer's choice beyond which fewer bits are not tried [nats]."""

_MOST_COMPLETIONS = 3
"""Times that estimated choices are measured because a design uses them, and designs are chosen again."""

_QUIET_S = 5.0
"""Time between two lines on a choice [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How many choices of a gene below and above a layer's own are tried."""

    fewer: int
    more: int


FIRST_WINDOW = Window(fewer=3, more=1)
NEXT_WINDOW = Window(fewer=1, more=1)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A network on the bench: what all measurements around a design share.

    Attributes:
        laboratory: Carries out the measurements.
        options: Options of the network.
        weights: File of the network.
        home: Design whose peripherals the network was trained for.
        anchor: Design around which others are tried.
        window: How far from the anchor's bits others are tried.
        round: Number of the round.
        known: Joint choices of earlier rounds.
    """

    laboratory: Laboratory
    options: Options
    weights: Path
    home: Design
    anchor: Design
    window: Window
    round: int
    known: tuple[Prediction, ...]

    def correction(self, *, is_random: bool) -> Correction:
        """What joint choices of earlier rounds say of predictions; those that were chosen are low, unlike others."""
        return Correction.fitted([one.joint for one in self.known if one.is_random == is_random])

    def at(self, step: str) -> At:
        """A step of the round."""
        return At(step=step, round=self.round)

    def scores(self, changes: Sequence[dict[int, Precisions]], step: str) -> list[FloatArray]:
        """Class scores with some layers emulated at these precisions."""
        wanted = [(self.options.with_precisions(self.anchor, change), tuple(sorted(change))) for change in changes]
        return self.laboratory.scores(self.weights, wanted, self.at(step))


def single_layers(bench: Bench) -> tuple[Model, set[Choice]]:
    """Measures every layer with one of its genes changed, step by step away from its own bits.

    Combinations of changed genes within a layer are estimated as the sum of their movements.

    Returns:
        What is known of the network, and the choices that were measured.
    """
    own = list(enumerate(bench.options.precisions(bench.anchor)))
    unchanged, *alone = bench.scores([{}, *(dict([choice]) for choice in own)], OWN)
    reference = log_probabilities(unchanged)
    singles: dict[Choice, FloatArray] = {choice: scores - unchanged for choice, scores in zip(own, alone, strict=True)}

    def damage(choice: Choice) -> float:
        return float(divergence(reference, unchanged + singles[choice]))

    for steps in single_changes(bench.options, bench.anchor, bench.window):
        wanted = [choice for choice, before in steps if before in singles and damage(before) < _TOO_MUCH]
        scores = bench.scores([dict([choice]) for choice in wanted], SINGLE)
        singles |= {choice: found - unchanged for choice, found in zip(wanted, scores, strict=True)}
    movements = Movements(reference=reference, unchanged=unchanged, singles=singles)
    correction = bench.correction(is_random=False)
    model = Model(options=bench.options, anchor=bench.anchor, movements=movements, offered=[], correction=correction)
    return _with_estimates(model), set(singles)


def single_changes(options: Options, anchor: Design, window: Window) -> list[list[tuple[Choice, Choice]]]:
    """Choices of single genes and the next choice towards a layer's own bits, the nearest to these first.

    Args:
        options: Options of the network.
        anchor: Design with the layers' own bits.
        window: How far from these others are tried.
    """
    own = options.precisions(anchor)
    waves: dict[int, list[tuple[Choice, Choice]]] = {}
    for layer, bits in enumerate(own):
        for place, kind in enumerate(options.kinds):
            offered = options.choices_of(layer, kind)
            here = offered.index(bits[place])
            for there in range(max(0, here - window.fewer), min(len(offered), here + window.more + 1)):
                nearer = there + 1 if there < here else there - 1
                changed, before = ((*bits[:place], offered[i], *bits[place + 1 :]) for i in (there, nearer))
                if there != here:
                    waves.setdefault(abs(there - here), []).append(((layer, changed), (layer, before)))
    return [waves[distance] for distance in sorted(waves)]


def _with_estimates(model: Model) -> Model:
    """Adds an estimate for each combination of measured changes within a layer, and lists what is offered."""
    own = model.options.precisions(model.anchor)
    measured = dict(model.movements.singles)
    estimates: dict[Choice, FloatArray] = {}
    offered: list[list[Precisions]] = []
    for layer, bits in enumerate(own):
        combined: dict[Precisions, list[Choice]] = {bits: []}
        for place in range(len(bits)):
            axis = [
                choice
                for choice in measured
                if choice[0] == layer
                and choice[1] != bits
                and choice[1] == (*bits[:place], choice[1][place], *bits[place + 1 :])
            ]
            combined |= {
                (*known[:place], choice[1][place], *known[place + 1 :]): [*parts, choice]
                for known, parts in list(combined.items())
                for choice in axis
            }
        for precisions, parts in combined.items():
            if parts and (layer, precisions) not in measured:
                base = measured[layer, bits]
                estimates[layer, precisions] = base + np.sum([measured[part] - base for part in parts], axis=0)
        offered.append(list(combined))
    return replace(model, movements=replace(model.movements, singles={**measured, **estimates}), offered=offered)


def completed(bench: Bench, model: Model, measured: set[Choice]) -> tuple[Model, list[Chosen]]:
    """Chooses designs, and measures what they use as long as some of it is only estimated.

    Args:
        bench: The network.
        model: What is known of it.
        measured: Choices that have been measured; what is measured here is added.
    """
    chosen = _chosen(bench, model)
    for _ in range(_MOST_COMPLETIONS):
        used = {choice for one in chosen for choice in model.choices(one.design)}
        missing = sorted(used - measured)
        if not missing:
            break
        scores = bench.scores([dict([choice]) for choice in missing], COMBINED)
        found = {choice: own - model.movements.unchanged for choice, own in zip(missing, scores, strict=True)}
        measured |= set(missing)
        model = replace(model, movements=replace(model.movements, singles={**model.movements.singles, **found}))
        chosen = _chosen(bench, model)
    return model, chosen


def _chosen(bench: Bench, model: Model) -> list[Chosen]:
    """The choices for all prices; where they take long, the progress is told."""
    step = bench.at("choosing peripherals for all prices").words
    bench.laboratory.tell(step)
    told = time.monotonic()

    def tell(what: str) -> None:
        nonlocal told
        if time.monotonic() - told >= _QUIET_S:
            bench.laboratory.tell(f"{step}, {what}")
            told = time.monotonic()

    return choose(model, tell=tell)


def with_pairs(bench: Bench, model: Model, chosen: Sequence[Chosen], n_pairs: int) -> Model:
    """Measures the pairs of chosen layers that promise to interact most.

    A pair is as promising as the damage that both of its layers do: where one of them does little, there is little
    to interact with. Among pairs of the same damage, neighbours come first, since what the earlier layer changes
    reaches the later one undiluted.
    """
    promising = sorted(_promise(model, chosen).items(), key=lambda item: (-item[1], item[0]))
    pairs = [pair for pair, _ in promising if pair not in model.movements.pairs][:n_pairs]
    scores = bench.scores([dict(pair) for pair in pairs], PAIRS)
    movements = model.movements
    beyond = {
        pair: float(divergence(movements.reference, together)) - movements.added(pair)
        for pair, together in zip(pairs, scores, strict=True)
    }
    return replace(model, movements=replace(movements, pairs={**movements.pairs, **beyond}))


def _promise(model: Model, chosen: Sequence[Chosen]) -> dict[Pair, float]:
    """For each pair of choices that some design uses, the geometric mean of their damages by their distance."""
    promise: dict[Pair, float] = {}
    for one in chosen:
        choices = model.choices(one.design)
        damage = {choice: model.movements.alone[choice] for choice in choices}
        for first, second in combinations(choices, 2):
            promise[first, second] = float(np.sqrt(damage[first] * damage[second]) / (second[0] - first[0]) ** 0.5)
    return promise
