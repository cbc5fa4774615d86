"""Chooses the peripherals of a trained network for a range of prices of damage, from what single layers do to it.

At each price the choice is provably near the best if errors of layers add up (`search.separable`). The interaction of
layers does not add up over layers; it enters as what a layer's choice adds to the divergence of the design chosen so
far, and the choice is repeated until it stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xpert_evo.accuracy.sensitivity.prediction import Choice, FloatArray, Movements, divergence
from xpert_evo.design import Design
from xpert_evo.orchestration.refining.options import Options, Precisions
from xpert_evo.search.separable import best_choice

PRICES = tuple(float(price) for price in np.geomspace(400.0, 1.0, 16))
"""Prices of a nat in units of log(EDAP), falling: the first hardly allows a change, the last allows almost any."""

_MOST_REPEATS = 6
_LEAST_GAIN = 1e-3
"""By how much log(EDAP) + price x divergence must fall for another repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A design that is best at a price.

    Attributes:
        design: The design.
        price: Price of a nat.
        edap: Its EDAP [mm2 us uJ].
        added: Divergence expected if the errors of layers add up [nats].
        expected: Divergence expected with the interaction of layers [nats].
        gap: By how much the EDAP of a better choice could be lower at most, a difference of logarithms, if errors of
            layers add up as in the last repeat.
    """

    design: Design
    price: float
    edap: float
    added: float
    expected: float
    gap: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """What is known about a network around the design that it runs on.

    Attributes:
        options: Options of the network.
        anchor: The design that the network runs on.
        movements: Movements of the class scores by single layers and pairs.
        offered: For each layer, the precisions whose movement is known or estimated.
    """

    options: Options
    anchor: Design
    movements: Movements
    offered: Sequence[Sequence[Precisions]]

    def choices(self, design: Design) -> list[Choice]:
        """The layers' precisions that differ from those of the anchor."""
        pairs = zip(self.options.precisions(design), self.options.precisions(self.anchor), strict=True)
        return [(layer, new) for layer, (new, own) in enumerate(pairs) if new != own]

    def damages(self, design: Design) -> list[dict[Precisions, float]]:
        """What each precision of a layer adds to the divergence of a design, relative to the layer's own [nats]."""
        chosen = dict(self.choices(design))
        own = self.options.precisions(self.anchor)
        whole = self.movements.scores(list(chosen.items()))
        base = float(divergence(self.movements.reference, whole))
        result = []
        for layer, offered in enumerate(self.offered):
            without = whole - self._part(layer, chosen)
            found = {}
            for precisions in offered:
                changed = {**chosen, layer: precisions}
                if precisions == own[layer]:
                    del changed[layer]
                moved = without + self._part(layer, changed)
                found[precisions] = float(divergence(self.movements.reference, moved)) - base
            result.append(found)
        return result

    def _part(self, layer: int, chosen: Mapping[int, Precisions]) -> FloatArray | float:
        """What a layer's choice moves among others: its own movement and that of its pairs."""
        if layer not in chosen:
            return 0.0
        own = (layer, chosen[layer])
        total = self.movements.singles[own]
        for (first, second), beyond in self.movements.pairs.items():
            if own in (first, second) and chosen.get(first[0]) == first[1] and chosen.get(second[0]) == second[1]:
                total = total + beyond
        return total


def choose(model: Model, prices: Sequence[float] = PRICES) -> list[Chosen]:
    """The best designs at falling prices, without repeats, by falling EDAP."""
    found: dict[Design, Chosen] = {}
    for chosen in _along(model, prices):
        found.setdefault(chosen.design, chosen)
    return sorted(found.values(), key=lambda chosen: -chosen.edap)


def _along(model: Model, prices: Sequence[float]) -> Iterator[Chosen]:
    design = model.anchor
    for price in prices:
        best: Chosen | None = None
        for _ in range(_MOST_REPEATS):
            offered = model.options.layers(model.damages(design))
            found = best_choice(
                offered.layers, price, start=offered.choices(design) if design != model.anchor else None
            )
            if found is None:
                break
            candidate = _chosen(model, offered.design(found.choices), price, found.gap)
            if best is not None and _worth(best) - _worth(candidate) < _LEAST_GAIN:
                break
            best, design = candidate, candidate.design
        if best is not None:
            design = best.design
            yield best


def _worth(chosen: Chosen) -> float:
    return float(np.log(chosen.edap)) + chosen.price * chosen.expected


def _chosen(model: Model, design: Design, price: float, gap: float) -> Chosen:
    choices = model.choices(design)
    return Chosen(
        design=design,
        price=price,
        edap=model.options.costs(design)["edap"],
        added=model.movements.added(choices),
        expected=model.movements.expected(choices),
        gap=gap,
    )
