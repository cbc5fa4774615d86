"""Chooses the peripherals of a trained network for a range of prices of damage, from what single layers do to it.

At each price the choice is provably near the best if errors of layers add up (`search.separable`). The interaction of
layers does not add up over layers; it enters as what a layer's choice adds to the divergence of the design chosen so
far. The choice is repeated with it, and changes of single layers then lower the objective until none does. Where
interactions bend the front inwards, no price leads to it: gaps are filled with the cheapest designs within budgets of
divergence.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from xpert_evo.accuracy.sensitivity.correction import Correction
from xpert_evo.accuracy.sensitivity.prediction import Choice, Movements
from xpert_evo.design import Design
from xpert_evo.orchestration.refining.layer_rows import Precisions
from xpert_evo.orchestration.refining.options import Options
from xpert_evo.orchestration.refining.worst_edap import best_offered

PRICES = tuple(float(price) for price in np.geomspace(400.0, 1.0, 16))
"""Prices of a nat in units of log(EDAP), falling: the first hardly allows a change, the last allows almost any."""

_MOST_REPEATS = 3
_LEAST_GAIN = 1e-3
"""By how much log(EDAP) + price x divergence must fall for another repeat or change."""

_MOST_SWEEPS = 8

_WIDEST_GAP = 1.4
"""Ratio of the divergences of neighbours on the front above which a design between them is looked for."""

_MOST_FILLERS = 12

_LEAST_FILLED = 0.005
"""Divergence of the cheaper neighbour below which gaps are left as they are [nats]."""

_BEYOND_BUDGET = 1e3
"""Price of a nat beyond a budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A design that is best at a price, or within a budget.

    Attributes:
        design: The design.
        price: Price of a nat at which it was found.
        edap: Its EDAP [mm2 us uJ].
        added: Divergence expected if the errors of layers add up [nats].
        expected: Divergence expected with the interaction of layers [nats].
        gap: By how much the EDAP of a better choice could be lower at most, a difference of logarithms, if errors of
            layers add up as in the last repeat; None for a design within a budget.
    """

    design: Design
    price: float
    edap: float
    added: float
    expected: float
    gap: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """What is known about a network around a design.

    Attributes:
        options: Options of the network.
        anchor: The design around which others are tried.
        movements: Movements of the class scores by single layers and pairs.
        offered: For each layer, the precisions whose movement is known or estimated.
        correction: What joint choices of earlier rounds say of predicted divergences.
    """

    options: Options
    anchor: Design
    movements: Movements
    offered: Sequence[Sequence[Precisions]]
    correction: Correction

    def expected(self, choices: Sequence[Choice]) -> float:
        """Expected divergence of choices of all layers, corrected [nats]."""
        return self.correction.of(self.movements.expected(choices))

    def choices(self, design: Design) -> list[Choice]:
        """The precisions of a design's layers."""
        return list(enumerate(self.options.precisions(design)))

    def damages(self, design: Design) -> list[dict[Precisions, float]]:
        """What each precision of a layer adds to the divergence of a design, relative to the layer's own [nats]."""
        return [self.layer_damages(design, layer)[1] for layer in range(len(design.layers))]

    def layer_damages(self, design: Design, layer: int) -> tuple[float, dict[Precisions, float]]:
        """The divergence of a design, and what each precision of one layer adds to it [nats]."""
        choices = self.choices(design)
        base = self.expected(choices)
        others = choices[:layer] + choices[layer + 1 :]
        found = {bits: self.expected([*others, (layer, bits)]) - base for bits in self.offered[layer]}
        return base, found


def choose(
    model: Model, prices: Sequence[float] = PRICES, tell: Callable[[str], None] = lambda _: None
) -> list[Chosen]:
    """Designs that no other one found beats in EDAP and expected divergence together, by falling EDAP.

    Args:
        model: What is known of the network.
        prices: Prices of a nat, falling.
        tell: Called with what is done.
    """
    pool: dict[Design, Chosen] = {}
    for number, price in enumerate(prices, 1):
        tell(f"price {number} of {len(prices)}")
        design = min(pool.values(), key=lambda one: _worth(one, price)).design if pool else model.anchor
        for chosen in _at_price(model, design, price):
            pool.setdefault(chosen.design, chosen)
    for number in range(1, _MOST_FILLERS + 1):
        tell(f"gap {number} of {_MOST_FILLERS} at most")
        filler = _filler(model, _front(pool.values()))
        if filler is None or filler.design in pool:
            break
        pool[filler.design] = filler
    return _front(pool.values())


def _at_price(model: Model, design: Design, price: float) -> Iterator[Chosen]:
    """The best designs that repeats and changes of single layers find at a price."""
    best: Chosen | None = None
    gap = 0.0
    for _ in range(_MOST_REPEATS):
        found = best_offered(model.options.layers(model.damages(design)), price, design)
        if found is None:
            return
        candidate = _chosen(model, found[0], price, found[1])
        if best is not None and _worth(best, price) - _worth(candidate, price) < _LEAST_GAIN:
            break
        best, design, gap = candidate, candidate.design, found[1]
        yield candidate
    yield _chosen(model, _descended(model, design, price, budget=np.inf), price, gap)


def _filler(model: Model, front: Sequence[Chosen]) -> Chosen | None:
    """A design in the widest gap of a front: the cheaper neighbour changed until it keeps a budget between both."""
    gaps = [
        (cheaper.expected / max(dearer.expected, 1e-4), dearer, cheaper)
        for dearer, cheaper in pairwise(front)
        if cheaper.expected > _LEAST_FILLED
    ]
    width, dearer, cheaper = max(gaps, key=lambda gap: gap[0], default=(0.0, None, None))
    if dearer is None or cheaper is None or width < _WIDEST_GAP:
        return None
    budget = float(np.sqrt(max(dearer.expected, 1e-4) * cheaper.expected))
    price = min(dearer.price, cheaper.price)
    return _chosen(model, _descended(model, cheaper.design, 0.1 * price, budget), price, None)


def _descended(model: Model, design: Design, price: float, budget: float) -> Design:
    """A design that no change of a single layer betters by log(EDAP) + price x divergence.

    Args:
        model: What is known of the network.
        design: Where to begin.
        price: Price of a nat.
        budget: Divergence [nats] beyond which a nat costs far more.
    """
    for _ in range(_MOST_SWEEPS):
        before = design
        for layer in range(len(design.layers)):
            design = _with_best_layer(model, design, layer, price, budget)
        if design == before:
            break
    return design


def _with_best_layer(model: Model, design: Design, layer: int, price: float, budget: float) -> Design:
    """A design with the best choice of one layer, all others as they are."""
    own = model.options.precisions(design)
    allowed = [{bits: 0.0} for bits in own]
    base, damages = model.layer_damages(design, layer)
    allowed[layer] = damages
    offered = model.options.layers(allowed)
    start = offered.choices(design)
    if start is None:
        return design
    totals, log_edaps = offered.changed(start, layer)
    divergences = base + totals[:, 3]
    beyond = np.maximum(divergences - budget, 0.0) if np.isfinite(budget) else 0.0
    worth = log_edaps + price * divergences + _BEYOND_BUDGET * beyond
    worth[~offered.layers.feasible(totals)] = np.inf
    best = int(np.argmin(worth))
    is_better = worth[best] < worth[start[layer]] - _LEAST_GAIN
    if not is_better:
        return design
    start[layer] = best
    return offered.design(start)


def _front(found: Iterable[Chosen]) -> list[Chosen]:
    front: list[Chosen] = []
    for one in sorted(found, key=lambda one: (one.edap, one.expected)):
        if not front or one.expected < front[-1].expected:
            front.append(one)
    return front[::-1]


def _worth(chosen: Chosen, price: float) -> float:
    return float(np.log(chosen.edap)) + price * chosen.expected


def _chosen(model: Model, design: Design, price: float, gap: float | None) -> Chosen:
    choices = model.choices(design)
    return Chosen(
        design=design,
        price=price,
        edap=model.options.costs(design)["edap"],
        added=model.movements.added(choices),
        expected=model.expected(choices),
        gap=gap,
    )
