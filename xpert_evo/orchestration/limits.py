"""Checks before any training whether some design satisfies the chip limits, alone and together.

Area, latency and energy are sums over the layers, so the least of each, and of every weighted sum of them, is exact.
Where the cost model counts leakage, what tiles leak while other layers work is no such sum: the least energy is a lower
bound then, and designs near it are looked for with that part as a share of area and latency.
With w >= 0 and sum(w) = 1 a design within all limits has sum(w cost / limit) <= 1, so weights under which the least sum
is above 1 prove that there is none (Lagrangian duality). Cutting planes find such weights, and among the designs met on
the way there is usually one that keeps all limits; where neither comes about, a descent from these designs decides.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from hw_models import CostTable
from xpert_evo.errors import InfeasibleError
from xpert_evo.objectives import Constraints, FloatArray
from xpert_evo.space import Genomes, IntArray

_MOST_CUTS = 60
_MOST_DESCENTS = 8
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A cost that can be limited, in the order of the cost table's columns."""

    limit_name: str
    cost: str
    unit: str
    remedy: str

    def told(self, value: float) -> str:
        """A value with its unit, rounded up, so that a limit of just this value can be kept."""
        return f"{self.rounded_up(value)} {self.unit}"

    def rounded_up(self, value: float) -> str:
        """A value with two decimals for areas, else with five digits."""
        decimals = 2 if self.cost == "area" else 4 - int(np.floor(np.log10(value)))
        up = np.ceil(value * 10.0**decimals - _ROUNDING) / 10.0**decimals
        return f"{up:.2f}" if self.cost == "area" else f"{up:.5g}"


_KINDS = (
    _Kind(
        limit_name="area_limit_mm2",
        cost="area",
        unit="mm²",
        remedy="smaller channel depths or more column sharing",
    ),
    _Kind(
        limit_name="latency_limit_us",
        cost="latency",
        unit="µs",
        remedy="smaller channel depths, less column sharing or fewer input bits",
    ),
    _Kind(
        limit_name="energy_limit_uj",
        cost="energy",
        unit="µJ",
        remedy="smaller channel depths or fewer ADC and input bits",
    ),
)


def check_limits(
    table: CostTable,
    constraints: Constraints,
    *,
    of_run: Constraints | None = None,
    fixed: Mapping[int, int] | None = None,
    where: str = "of this space",
) -> Genomes:
    """A design that keeps all limits on the chip, (1, genes).

    Args:
        table: Costs of the space.
        constraints: The limits; what accuracies ask for is left open.
        of_run: The run's own limits, where `constraints` has the tightest of several on area.
        fixed: Genes that keep a choice.
        where: Which designs there are, for messages.

    Raises:
        InfeasibleError: No design keeps a limit, or all of them together.
    """
    limits = {kind: limit for kind in _KINDS if (limit := getattr(constraints, kind.limit_name)) is not None}
    if table.chip_columns and not fixed:
        # Exact bounds need the tables of every chip; most spaces have a design that keeps the limits on the first one.
        smallest = np.zeros((1, len(table.n_choices)), dtype=np.int64)
        if all(_cost(table, kind, smallest[0]) <= limit for kind, limit in limits.items()):
            return smallest
    names = {kind: _setting(kind, limits[kind], of_run) for kind in limits}
    cheapest = {kind: _cheapest(table, kind, fixed) for kind in limits}
    broken = [kind for kind, (least, _) in cheapest.items() if least > limits[kind] * (1 + _ROUNDING)]
    if broken:
        raise InfeasibleError(f"no design {where} keeps {_alone(table, names, limits, cheapest, broken)}")
    if not limits:
        return np.zeros((1, len(table.n_choices)), dtype=np.int64)
    reached = {kind: _cost(table, kind, genome) for kind, (_, genome) in cheapest.items()}
    joint = _Joint(table=table, limits=limits, fixed=fixed or {})
    genome, proven = joint.closest([genome for _, genome in cheapest.values()])
    if joint.excess(genome[None])[0] <= 1 + _ROUNDING:
        return genome[None]
    verb = "keeps" if proven else "was found that keeps"
    together = " and ".join(f"{names[kind]} = {limit:g}" for kind, limit in limits.items())
    together += " together" if len(limits) > 1 else ""
    costs = zip(limits, joint.costs(genome[None])[0], strict=True)
    raise InfeasibleError(
        f"no design {where} {verb} {together}: the one that comes closest takes "
        f"{', '.join(kind.told(cost) for kind, cost in costs)} (the smallest reachable alone: "
        f"{', '.join(f'{kind.cost} {kind.told(least)}' for kind, least in reached.items())}). Raise one of these "
        "limits, or offer smaller channel depths in [space]."
    )


def _alone(
    table: CostTable,
    names: Mapping[_Kind, str],
    limits: Mapping[_Kind, float],
    cheapest: Mapping[_Kind, tuple[float, IntArray]],
    broken: Sequence[_Kind],
) -> str:
    """The limits that no design keeps, each with what is reachable, and what to do."""
    told = [
        f"{names[kind]} = {limits[kind]:g}: the smallest reachable {kind.cost} is "
        f"{kind.told(_cost(table, kind, cheapest[kind][1]))} (most "
        f"of it in {_holders(table, cheapest[kind][1], kind)})"
        for kind in broken
    ]
    remedy = broken[0].remedy if len(broken) == 1 else "smaller channel depths"
    raised = " and ".join(names[kind] for kind in broken)
    return f"{', nor '.join(told)}. Raise {raised}, or offer {remedy} in [space]."


def reach(table: CostTable) -> dict[str, tuple[str, str]]:
    """By the cost's name the smallest and the largest that a design of the space can have, in words."""
    return {
        kind.cost: (
            kind.rounded_up(_cost(table, kind, _cheapest(table, kind)[1])),
            f"{_cost(table, kind, table.extreme(_only(kind), largest=True)[1]):,.0f}",
        )
        for kind in _KINDS
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joint:
    """Several limits at once; a design's `excess` is its largest ratio of a cost to its limit."""

    table: CostTable
    limits: Mapping[_Kind, float]
    fixed: Mapping[int, int]

    def costs(self, genomes: Genomes) -> FloatArray:
        """Returns the limited costs, (designs, limits)."""
        scored = self.table.score(genomes)
        columns = dict(zip(_KINDS, (scored.area_mm2, scored.latency_us, scored.energy_uj), strict=True))
        return np.stack([columns[kind] for kind in self.limits], axis=1)

    def ratios(self, genomes: Genomes) -> FloatArray:
        """Costs over their limits, (designs, limits)."""
        return np.asarray(self.costs(genomes) / np.array(list(self.limits.values())))

    def excess(self, genomes: Genomes) -> FloatArray:
        """The largest ratio of each design, (designs,)."""
        return np.asarray(self.ratios(genomes).max(axis=1))

    def closest(self, genomes: list[IntArray]) -> tuple[IntArray, bool]:
        """A design within all limits, else the closest one found, and whether it is proven that none is within.

        Args:
            genomes: The designs that are cheapest in one cost each.
        """
        met = np.stack(genomes)
        for _ in range(_MOST_CUTS):
            ratios = self.ratios(met)
            if ratios.max(axis=1).min() <= 1:
                break
            weights = _hardest_weights(ratios)
            least, genome = self.table.extreme(self._scaled(weights), fixed=self.fixed)
            met = np.concatenate([met, genome[None], *self._with_idle_share(genome, weights)])
            if least > 1 + _ROUNDING:
                return self._descended(met), True
            if float(ratios.min(axis=0) @ weights) > 1 or (met[: len(ratios)] == genome).all(axis=1).any():
                break
        return self._descended(met), False

    def _with_idle_share(self, genome: IntArray, weights: FloatArray) -> list[Genomes]:
        """The design that is cheapest by these weights near another one, (1, genes), where tiles leak; else none."""
        if not self.table.leaky:
            return []
        area, latency, energy = self._scaled(weights)
        idle = _idle_share(self.table, genome)
        return [
            self.table.extreme((area + energy * idle[0], latency + energy * idle[1], energy), fixed=self.fixed)[1][None]
        ]

    def _scaled(self, weights: FloatArray) -> list[float]:
        """Weights of ratios as weights of the cost table's three costs."""
        by_kind = dict(zip(self.limits, weights, strict=True))
        return [by_kind[kind] / self.limits[kind] if kind in by_kind else 0.0 for kind in _KINDS]

    def _descended(self, genomes: Genomes) -> IntArray:
        """The closest of the designs, taken on by changes of single genes as long as they bring it closer."""
        starts = np.unique(genomes, axis=0)
        order = self.excess(starts).argsort(kind="stable")[:_MOST_DESCENTS]
        ends = []
        for start in starts[order]:
            ends.append(_descended(self.table, start, self.excess, enough=1.0, fixed=self.fixed))
            if self.excess(ends[-1][None])[0] <= 1:
                break
        return ends[int(self.excess(np.stack(ends)).argmin())]


def _cheapest(table: CostTable, kind: _Kind, fixed: Mapping[int, int] | None = None) -> tuple[float, IntArray]:
    """A lower bound of a cost, exact unless tiles leak, and the cheapest design that was found, (genes,)."""
    least, genome = table.extreme(_only(kind), fixed=fixed)
    if not (table.leaky and kind.cost == "energy"):
        return least, genome
    for _ in range(_MOST_CUTS):
        tried = table.extreme((*_idle_share(table, genome), 1.0), fixed=fixed)[1]
        if _cost(table, kind, tried) >= _cost(table, kind, genome):
            break
        genome = tried

    def energy_uj(genomes: Genomes) -> FloatArray:
        return np.asarray(table.score(genomes).energy_uj, dtype=np.float64)

    return least, _descended(table, genome, energy_uj, enough=least, fixed=fixed or {})


def _idle_share(table: CostTable, genome: IntArray) -> tuple[float, float]:
    """How much energy a design's tiles leak while other layers work, a mm2 of its area and a us of its latency."""
    scored = table.score(genome[None])
    idle = float(scored.energy_uj[0]) - sum(float(costs[2]) for costs in table.by_layer(genome).values())
    return idle / float(scored.area_mm2[0]), idle / float(scored.latency_us[0])


def _descended(
    table: CostTable,
    genome: IntArray,
    cost: Callable[[Genomes], FloatArray],
    *,
    enough: float,
    fixed: Mapping[int, int],
) -> IntArray:
    """A design taken on by changes of single genes as long as these lower a cost that is not low enough, (genes,)."""
    free = [i for i, n in enumerate(table.n_choices) if n > 1 and i not in fixed]
    columns = np.repeat(free, table.n_choices[free]).astype(np.int64)
    choices = np.concatenate([np.arange(n) for n in [0, *table.n_choices[free]]])
    best, reached = genome, float(cost(genome[None])[0])
    while len(columns) and reached > enough:
        nearby = np.tile(best, (len(columns), 1))
        nearby[np.arange(len(columns)), columns] = choices
        costs = cost(nearby)
        if costs.min() >= reached:
            break
        best, reached = nearby[int(costs.argmin())], float(costs.min())
    return np.asarray(best)


def _hardest_weights(ratios: FloatArray) -> FloatArray:
    """Weights of the limits, at least 0 with sum 1, under which the cheapest known design is dearest, (limits,)."""
    n_limits = ratios.shape[1]
    found = linprog(
        np.append(np.zeros(n_limits), -1.0),
        A_ub=np.column_stack([-ratios, np.ones(len(ratios))]),
        b_ub=np.zeros(len(ratios)),
        A_eq=np.append(np.ones(n_limits), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * n_limits + [(None, None)],
    )
    return np.asarray(found.x[:n_limits])


def _cost(table: CostTable, kind: _Kind, genome: IntArray) -> float:
    """Returns the cost of a design, including leakage of idle tiles."""
    scored = table.score(genome[None])
    return float((scored.area_mm2, scored.latency_us, scored.energy_uj)[_KINDS.index(kind)][0])


def _only(kind: _Kind) -> tuple[float, ...]:
    return tuple(float(one is kind) for one in _KINDS)


def _holders(table: CostTable, genome: IntArray, kind: _Kind, n: int = 3) -> str:
    """The layers that have most of a design's cost."""
    shares = {name: float(costs[_KINDS.index(kind)]) for name, costs in table.by_layer(genome).items()}
    most = sorted(shares.items(), key=lambda item: -item[1])[:n]
    return f"{', '.join(f'{name} {share:.3g}' for name, share in most)} {kind.unit}"


def _setting(kind: _Kind, limit: float, of_run: Constraints | None) -> str:
    """The setting that a limit comes from."""
    is_further = of_run is not None and getattr(of_run, kind.limit_name) != limit
    return "hardware.further_area_limits_mm2" if is_further else f"hardware.{kind.limit_name}"
