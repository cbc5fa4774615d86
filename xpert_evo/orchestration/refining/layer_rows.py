"""The combinations of a layer's peripherals that are worth choosing, with their costs under every cost model."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from xpert_evo.genes import PERIPHERALS, GeneKind
from xpert_evo.hardware import Hardware
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.task import Task
from xpert_evo.search.efficient import efficient
from xpert_evo.space import Genomes, IntArray, SearchSpace

Precisions = tuple[int, ...]
"""Values of a layer's genes that change the network's computation, in the order of `Options.kinds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRows:
    """Combinations of a layer's peripherals that no other one with the same precisions beats in all costs.

    Attributes:
        columns: Columns of the genome.
        genes: Their values, (combinations, columns).
        costs: Area [mm2], latency [us], dynamic energy [uJ] and leakage power [uW], (models, combinations, 4); the
            run's own model first, then the others of a worst case.
        precisions: Precisions of each combination.
    """

    columns: tuple[int, ...]
    genes: IntArray
    costs: FloatArray
    precisions: list[Precisions]


def layer_rows(task: Task, kinds: Sequence[GeneKind]) -> list[LayerRows]:
    """The combinations of each layer that are worth choosing.

    Args:
        task: Task with the space and the cost models.
        kinds: Genes that change the network's computation.
    """
    space = task.space
    columns = [_columns(space, layer) for layer in range(space.n_layers)]
    combinations = [
        np.array(list(product(*(range(len(space.genes[column].choices)) for column in own)))) for own in columns
    ]
    genomes = np.zeros((max(map(len, combinations)), space.n_genes), dtype=np.int64)
    for own, rows in zip(columns, combinations, strict=True):  # costs of a layer follow from its own genes
        genomes[: len(rows), own] = rows
    chips = [(task.hardware, task.table)]
    if task.worst_case is not None:
        chips += zip(task.worst_case.chips, task.worst_case.tables, strict=True)
    costs = np.stack([_costs(chip, task, genomes, leaking=table.leaky) for chip, table in chips])
    precisions = np.stack([space.values(genomes, kind) for kind in kinds], axis=2)
    return [
        _worth_choosing(own, rows, costs[:, : len(rows), layer], precisions[: len(rows), layer])
        for layer, (own, rows) in enumerate(zip(columns, combinations, strict=True))
    ]


def _columns(space: SearchSpace, layer: int) -> tuple[int, ...]:
    return tuple(column for kind in PERIPHERALS if (column := space.column(layer, kind)) is not None)


def _worth_choosing(columns: tuple[int, ...], genes: IntArray, costs: FloatArray, precisions: IntArray) -> LayerRows:
    """The rows of a layer that no other one with the same precisions beats under all models."""
    together = np.concatenate(list(costs), axis=1)
    alike = [np.flatnonzero((precisions == own).all(axis=1)) for own in np.unique(precisions, axis=0)]
    kept = np.concatenate([rows[efficient(together[rows])] for rows in alike])
    return LayerRows(
        columns=columns,
        genes=genes[kept],
        costs=costs[:, kept],
        precisions=[tuple(map(int, precisions[row])) for row in kept],
    )


def _costs(chip: Hardware, task: Task, genomes: Genomes, *, leaking: bool) -> FloatArray:
    """Costs of all layers under a chip's cost model, (designs, layers, 4)."""
    report = chip.report_of(task.space, genomes)
    return np.stack(
        [
            1e-6 * report.area_um2,
            1e-3 * report.latency_ns,
            1e-6 * report.dynamic_pj,
            report.leakage_uw * leaking,
        ],
        axis=2,
    )
