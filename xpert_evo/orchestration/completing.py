"""Genes that change only the cost of a design are not searched: the cost table tells their best choices.

Column sharing, ADC type and copies leave the network's computation as it is (`changes_accuracy` of a gene's record), so
for every choice of the other genes their best values are known without any training. Column sharing changes what is
measured on devices with wires, so a run that measures on them searches it.
"""

import numpy as np

from hw_models.cheapest import Aim, CheapestChoices
from xpert_evo.config.method import NoiseSource
from xpert_evo.genes import Choice, GeneKind
from xpert_evo.objectives import OBJECTIVES
from xpert_evo.orchestration.goals import Goal
from xpert_evo.orchestration.task import Task
from xpert_evo.search.phases import to_frozen_space
from xpert_evo.space import Genomes, SearchSpace

_EXPONENTS = {
    "edap": {"area": 1.0, "interval": 1.0, "energy": 1.0},
    "area": {"area": 1.0},
    "latency": {"latency": 1.0},
    "energy": {"energy": 1.0},
    "throughput_fps": {"interval": 1.0},
}
"""Exponents of the costs in the product that an objective minimises."""


def changes_only_costs(kind: GeneKind, task: Task) -> bool:
    """Whether a kind of gene changes nothing that the trainings of a run measure."""
    on_devices = task.config.measures_robustness and task.config.training.noise is NoiseSource.DEVICE
    return not (task.changes_accuracy(kind) or (on_devices and kind.record.changes_robustness))


class Completion:
    """Completes the designs of a goal with the choices of least cost within its limits.

    A goal with several objectives of cost has no single best choice, and all its genes are searched.

    Attributes:
        space: Space of the genes that are left to search; other genes have a single choice.
        columns: Genes that are not searched.
    """

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        costs = [name for name in goal.traded.names if not OBJECTIVES[name].is_accuracy]
        self._cost = costs[0] if len(costs) == 1 else None
        columns = [
            i
            for i, gene in enumerate(goal.space.genes)
            if changes_only_costs(gene.kind, goal.task) and len(gene.choices) > 1
        ]
        cheapest = CheapestChoices(goal.task.table, columns) if self._cost else None
        self._cheapest = cheapest if cheapest is not None and cheapest.is_free else None
        self.space = goal.space if self._cheapest is None else _without(goal.space, self._cheapest.columns)
        self.columns = frozenset[int]() if self._cheapest is None else self._cheapest.columns
        self._known: dict[bytes, bytes] = {}

    def own(self, genomes: Genomes) -> Genomes:
        """Converts genomes of the whole space to the space that is searched."""
        return to_frozen_space(self.space, self._goal.own(genomes))

    def whole(self, genomes: Genomes) -> Genomes:
        """Converts genomes of the searched space to complete ones of the whole space; remembers what it completed."""
        rows = np.ascontiguousarray(genomes, dtype=np.int64)
        keys = [row.tobytes() for row in rows]
        new = [i for i, key in enumerate(keys) if key not in self._known]
        if new:
            for i, row in zip(new, self.completed(self._goal.whole(rows[new])), strict=True):
                self._known[keys[i]] = row.tobytes()
        joined = b"".join(self._known[key] for key in keys)
        return np.frombuffer(joined, dtype=np.int64).reshape(len(rows), self._goal.task.space.n_genes).copy()

    def completed(self, genomes: Genomes) -> Genomes:
        """Returns designs of the whole space with the cheapest choices, (designs, genes); never a costlier design."""
        genomes = np.ascontiguousarray(genomes, dtype=np.int64)
        if self._cheapest is None or not len(genomes):
            return genomes
        assert self._cost is not None
        limits = {
            name: limit
            for name in ("area_limit_mm2", "latency_limit_us", "energy_limit_uj")
            if (limit := getattr(self._goal.constraints, name)) is not None
        }
        found = self._cheapest(genomes, Aim(**_EXPONENTS[self._cost], **limits))
        return np.where(self._is_better(found, genomes)[:, None], found, genomes)

    def _is_better(self, found: Genomes, given: Genomes) -> np.ndarray:
        """Whether completed designs are no worse by the costs that count, which may be the worst of several models."""
        assert self._cost is not None
        task, limits = self._goal.task, self._goal.constraints.on_chip
        new, old = task.costs(found), task.costs(given)
        objective = OBJECTIVES[self._cost]
        cheaper = objective.minimised(new[self._cost]) <= objective.minimised(old[self._cost])
        broken = [np.maximum(limits.violations(task.own_costs(rows)), 0.0).sum(axis=1) for rows in (found, given)]
        return np.asarray((broken[0] < broken[1]) | ((broken[0] == broken[1]) & cheaper))


def _without(space: SearchSpace, columns: frozenset[int]) -> SearchSpace:
    """Returns a space in which these genes have only their first choice."""
    layer_choices: dict[str, dict[GeneKind, tuple[Choice, ...]]] = {}
    for column, gene in enumerate(space.genes):
        own = gene.choices[:1] if column in columns else gene.choices
        layer_choices.setdefault(space.backbone.layers[gene.layer].name, {})[gene.kind] = own
    return SearchSpace(space.backbone, space.choices, layer_choices, space.per_layer)
