"""The best choice for each layer where costs add up over layers but their product is to be small, with a proof.

The objective is log(area x interval x energy) + price x damage. Area, latency, energy, leakage power and damage of a
design are sums over its layers (the interval is the slowest layer's latency if layers are pipelined), so a weighted sum
of them is minimised layer by layer. A logarithm is concave: between two values it lies above its chord. In a box of
areas, intervals and energies the chords give such a weighted sum, whose minimum is a lower bound for all designs of the
box, and its minimiser a design. Boxes are halved until no bound is further below the best design than a tolerance:
branch and bound for separable concave minimisation (J. Falk, R. Soland, Management Science 15, 550, 1969).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from xpert_evo.objectives import FloatArray
from xpert_evo.search.efficient import efficient
from xpert_evo.space import IntArray

AREA, LATENCY, ENERGY, LEAKAGE = range(4)
"""Columns of a layer's costs: area [mm2], latency [us], dynamic energy [uJ], leakage power [uW]."""

_TO_UJ = 1e-6
"""From uW us to uJ."""

MOST_BOXES = 40_000
"""Boxes after which a search ends with the gap that is left."""

_AT_ONCE = 1_024
"""Boxes that are halved together."""

_ASCENTS = 6
"""Times that the weights of a box's bound are improved."""

_LARGE = 1e30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of area [mm2], latency [us] and energy [uJ]; infinite for none."""

    area: float = np.inf
    latency: float = np.inf
    energy: float = np.inf


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layers:
    """The choices of all layers.

    Attributes:
        costs: For each layer (choices, 4): area, latency, dynamic energy, leakage power.
        damages: For each layer (choices,): what a choice adds to the damage, which may be negative.
        limits: Limits of the sums.
        pipelined: Whether the interval is the slowest layer's latency instead of the sum.
    """

    costs: Sequence[FloatArray]
    damages: Sequence[FloatArray]
    limits: Limits = Limits()
    pipelined: bool = False

    def totals(self, choices: IntArray) -> FloatArray:
        """Area, interval, energy, damage and latency of designs (designs, layers), shape (designs, 5)."""
        rows = [cost[choices[:, i]] for i, cost in enumerate(self.costs)]
        return self._summed(rows, [own[choices[:, i]] for i, own in enumerate(self.damages)])

    def changed_totals(self, choices: IntArray, layer: int) -> FloatArray:
        """`totals` of a design (layers,) with each choice of one layer, (choices of the layer, 5)."""
        rows = [cost[[choice]] for cost, choice in zip(self.costs, choices, strict=True)]
        damages = [own[[choice]] for own, choice in zip(self.damages, choices, strict=True)]
        rows[layer], damages[layer] = self.costs[layer], self.damages[layer]
        return self._summed(rows, damages)

    def _summed(self, rows: Sequence[FloatArray], damages: Sequence[FloatArray]) -> FloatArray:
        """`totals` from each layer's costs, (designs, 4) or (1, 4), and damages, (designs,) or (1,)."""
        area, latency, dynamic, leakage = reduce(np.add, rows).T
        interval = reduce(np.maximum, (row[:, LATENCY] for row in rows)) if self.pipelined else latency
        energy = dynamic + _TO_UJ * leakage * interval
        return np.stack([area, interval, energy, reduce(np.add, damages), latency], axis=1)

    def feasible(self, totals: FloatArray) -> NDArray[np.bool_]:
        """Which designs keep the limits, (designs,), from their `totals`."""
        area, _, energy, _, latency = totals.T
        limits = self.limits
        return np.asarray((area <= limits.area) & (latency <= limits.latency) & (energy <= limits.energy))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Best:
    """The best design at a price.

    Attributes:
        price: Price of a unit of damage.
        choices: Choice of each layer, (layers,).
        objective: log(area x interval x energy) + price x damage.
        gap: By how much a better design could be below `objective` at most; a difference of logarithms.
        edap: Area x interval x energy.
        damage: Damage of the design.
    """

    price: float
    choices: IntArray
    objective: float
    gap: float
    edap: float
    damage: float


def objective_of(totals: FloatArray, price: float) -> FloatArray:
    """log(area x interval x energy) + price x damage, (designs,), from `totals`."""
    return np.asarray(np.log(totals[:, :3]).sum(axis=1) + price * totals[:, 3])


def best_choice(
    layers: Layers,
    price: float,
    *,
    tolerance: float = 2e-3,
    start: IntArray | None = None,
    most_boxes: int = MOST_BOXES,
) -> Best | None:
    """The design of the lowest objective at a price, up to a tolerance; None if no design was found within the limits.

    Args:
        layers: Choices of all layers.
        price: Price of a unit of damage, not negative.
        tolerance: Gap at which the search stops.
        start: A known design (layers,) to beat.
        most_boxes: Boxes after which the search ends with the gap that is left.
    """
    search = _Search(_pruned(layers), price, tolerance, most_boxes)
    if start is not None:
        search.offer_original(layers, start)
    return search.run()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pruned:
    """Choices of a layer that no other choice beats in everything; `kept` are their positions among all."""

    layers: Layers
    kept: Sequence[IntArray]


def _pruned(layers: Layers) -> _Pruned:
    kept = [
        efficient(np.column_stack([costs, damages]))
        for costs, damages in zip(layers.costs, layers.damages, strict=True)
    ]
    return _Pruned(
        layers=replace(
            layers,
            costs=[costs[rows] for costs, rows in zip(layers.costs, kept, strict=True)],
            damages=[damages[rows] for damages, rows in zip(layers.damages, kept, strict=True)],
        ),
        kept=kept,
    )


class _Search:
    """Branch and bound at one price.

    Args:
        pruned: Choices of the layers.
        price: Price of damage.
        tolerance: Gap to stop at.
        most_boxes: Boxes to stop at.
    """

    def __init__(self, pruned: _Pruned, price: float, tolerance: float, most_boxes: int) -> None:
        self._layers, self._kept = pruned.layers, pruned.kept
        self._price, self._tolerance, self._most_boxes = price, tolerance, most_boxes
        self._best = np.inf
        self._choices: IntArray | None = None  # among all choices
        self._totals = np.zeros(5)

    def offer_original(self, layers: Layers, choices: IntArray) -> None:
        """Takes a design of the layers before pruning."""
        totals = layers.totals(choices[None])
        if layers.feasible(totals)[0]:
            self._best = float(objective_of(totals, self._price)[0])
            self._choices, self._totals = choices, totals[0]

    def run(self) -> Best | None:
        """Halves boxes until all bounds are within the tolerance."""
        boxes, floor = self._first_box(), np.inf
        bounds = np.full(len(boxes), -np.inf)
        n_left = self._most_boxes
        while len(boxes) and n_left > 0:
            order = np.argsort(bounds, kind="stable")
            now, later = order[:_AT_ONCE], order[_AT_ONCE:]
            halves = _halved(boxes[now])
            n_left -= len(halves)
            found = self._bounds(halves)
            boxes = np.concatenate([boxes[later], halves])
            bounds = np.concatenate([bounds[later], found])
            closed = bounds >= self._best - self._tolerance
            floor = min(floor, float(bounds[closed & np.isfinite(bounds)].min(initial=np.inf)))
            boxes, bounds = boxes[~closed], bounds[~closed]
        if self._choices is None:
            return None
        floor = min(floor, float(bounds.min(initial=np.inf)))
        return Best(
            price=self._price,
            choices=self._choices,
            objective=self._best,
            gap=max(0.0, self._best - floor),
            edap=float(np.prod(self._totals[:3])),
            damage=float(self._totals[3]),
        )

    def _first_box(self) -> FloatArray:
        """Ends of area, interval and energy that contain every design, (1, 3, 2)."""
        costs, pipelined = self._layers.costs, self._layers.pipelined
        least, most = (np.stack([end(cost, axis=0) for cost in costs]) for end in (np.min, np.max))
        box = np.empty((1, 3, 2))
        for side, ends in enumerate((least, most)):
            area, latency, dynamic, leakage = ends.sum(axis=0)
            interval = ends[:, LATENCY].max() if pipelined else latency
            box[0, :, side] = area, interval, dynamic + _TO_UJ * leakage * interval
        limits = self._layers.limits
        box[0, 0, 1] = min(box[0, 0, 1], limits.area)
        box[0, 2, 1] = min(box[0, 2, 1], limits.energy)
        if not pipelined:
            box[0, 1, 1] = min(box[0, 1, 1], limits.latency)
        return box if (box[0, :, 0] <= box[0, :, 1]).all() else box[:0]

    def _bounds(self, boxes: FloatArray) -> FloatArray:
        """Lower bounds of the objective in boxes, (boxes,); the designs found on the way are offered.

        For any weights, the weighted sum's minimum over all designs plus the least that the chords differ from the
        weights within the box is a bound. Weights of sums beyond the box are raised, of those below it lowered.
        """
        low, high = boxes[:, :, 0], boxes[:, :, 1]
        logs = np.log(low)
        wide = high > low * (1 + 1e-12)
        slopes = np.where(wide, (np.log(high) - logs) / np.where(wide, high - low, 1.0), 1 / high)
        if self._layers.pipelined:  # the interval is no sum: its logarithm is at least that of the box's lower end
            slopes[:, 1] = 0.0
            low, high = low.copy(), high.copy()
            shortest, longest = boxes[:, 1, 0], boxes[:, 1, 1]
            low[:, 1], high[:, 1] = 0.0, min(self._layers.limits.latency, _LARGE)
        else:
            shortest, longest = low[:, 1], high[:, 1]
        constant = (logs - slopes * low).sum(axis=1)
        weights = slopes.copy()
        bounds = np.full(len(boxes), -np.inf)
        rows = np.arange(len(boxes))
        for _ in range(_ASCENTS):
            value, choices = self._least(weights[rows], shortest[rows], longest[rows])
            slack = slopes[rows] - weights[rows]
            least_slack = np.where(slack > 0, slack * low[rows], slack * high[rows]).sum(axis=1)
            bounds[rows] = np.maximum(bounds[rows], constant[rows] + value + least_slack)
            reached = self._offer(choices, np.isfinite(value))
            outside = reached / np.clip(reached, low[rows], high[rows])
            weights[rows] = np.where(weights[rows] > 0, weights[rows], 0.1 / high[rows]) * outside**2
            rows = rows[(bounds[rows] < self._best - self._tolerance) & (outside != 1).any(axis=1)]
            if not len(rows):
                break
        return bounds

    def _least(self, weights: FloatArray, shortest: FloatArray, longest: FloatArray) -> tuple[FloatArray, IntArray]:
        """Least weighted sums of area, latency and energy, (boxes,), infinite without a choice, and the designs."""
        total = np.zeros(len(weights))
        choices = np.empty((len(weights), len(self._layers.costs)), dtype=np.int64)
        leaking = weights[:, ENERGY] * shortest * _TO_UJ
        every = np.column_stack([weights, leaking])
        for i, (costs, damages) in enumerate(zip(self._layers.costs, self._layers.damages, strict=True)):
            values = every @ costs.T + self._price * damages
            if self._layers.pipelined:
                values[costs[:, LATENCY] > longest[:, None] * (1 + 1e-12)] = np.inf
            choices[:, i] = values.argmin(axis=1)
            total += values[np.arange(len(values)), choices[:, i]]
        return total, choices

    def _offer(self, choices: IntArray, possible: NDArray[np.bool_]) -> FloatArray:
        """Keeps the best design if it beats the best so far; returns what all reach in the boxes' sums, (boxes, 3)."""
        totals = self._layers.totals(choices)
        values = np.where(self._layers.feasible(totals) & possible, objective_of(totals, self._price), np.inf)
        place = int(np.argmin(values))
        if values[place] < self._best:
            self._best, self._totals = float(values[place]), totals[place]
            self._choices = np.array([rows[choices[place, i]] for i, rows in enumerate(self._kept)])
        return totals[:, [0, 4, 2]]


def _halved(boxes: FloatArray) -> FloatArray:
    """Both halves of each box, cut across the side whose ends differ by the largest factor."""
    side = np.argmax(boxes[:, :, 1] / boxes[:, :, 0], axis=1)
    rows = np.arange(len(boxes))
    middle = np.sqrt(boxes[rows, side, 0] * boxes[rows, side, 1])
    lower, upper = boxes.copy(), boxes.copy()
    lower[rows, side, 1] = middle
    upper[rows, side, 0] = middle
    return np.concatenate([lower, upper])
