"""Effect of single genes: on a chosen design, and averaged over designs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xpert_evo.accuracy.surrogate.fit import FittedSurrogate
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.task import Task
from xpert_evo.space import Genomes, IntArray

_MOST_DESIGNS = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """Effect of each gene alone on accuracy and EDAP, averaged over designs; NaN if a layer lacks the gene.

    Attributes:
        accuracy: Predicted accuracy of the best choice minus that of the worst one, a fraction, (kinds, layers).
        edap: Largest over smallest EDAP, in decades, (kinds, layers).
    """

    accuracy: FloatArray
    edap: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Effect of one step of one gene on a design; NaN where there is no such step.

    Attributes:
        accuracy: Change of predicted accuracy, a fraction, (kinds, layers, 2): a step down, a step up.
        edap_ratio: EDAP after the step over EDAP before it, (kinds, layers, 2).
        feasible: Whether the changed design satisfies the chip limits, (kinds, layers, 2).
    """

    accuracy: FloatArray
    edap_ratio: FloatArray
    feasible: NDArray[np.bool_]


def importance(task: Task, surrogate: FittedSurrogate, genomes: Genomes) -> Importance:
    """Returns the importance of every gene around the given designs (at most 48 of them, evenly spread)."""
    base = genomes[np.unique(np.linspace(0, len(genomes) - 1, _MOST_DESIGNS).astype(int))]
    counts = task.space.n_choices
    rows = [_varied(base, column, int(count)) for column, count in enumerate(counts)]
    everything = np.concatenate(rows)
    accuracy = surrogate.predict(everything)[0]
    log_edap = np.log10(task.own_costs(everything)["edap"])
    ends = np.cumsum([len(part) for part in rows])
    by_gene = []
    for end, part, count in zip(ends, rows, counts, strict=True):
        span = slice(end - len(part), end)
        by_gene.append([np.ptp(v[span].reshape(int(count), len(base)), axis=0).mean() for v in (accuracy, log_edap)])
    table = np.array(by_gene)
    return Importance(accuracy=_by_layer(task, table[:, 0]), edap=_by_layer(task, table[:, 1]))


def one_gene_steps(task: Task, surrogate: FittedSurrogate, own: IntArray) -> Steps:
    """Returns the effect of the next smaller and larger choice of every gene on a design, given as (genes,)."""
    space = task.space
    moves = [(column, step) for column in range(space.n_genes) for step in (-1, 1)]
    genomes = np.repeat(own[None], len(moves), axis=0)
    for row, (column, step) in enumerate(moves):
        genomes[row, column] += step
    legal = np.asarray(((genomes >= 0) & (genomes < space.n_choices)).all(axis=1))
    tried = np.concatenate([own[None], np.where(legal[:, None], genomes, own)])
    accuracy, edap = surrogate.predict(tried)[0], task.own_costs(tried)["edap"]
    feasible = np.asarray(task.feasible(tried), dtype=np.float64)
    tables = [
        np.where(legal, accuracy[1:] - accuracy[0], np.nan),
        np.where(legal, edap[1:] / edap[0], np.nan),
        np.where(legal, feasible[1:], 0.0),
    ]
    change, ratio, within = (
        np.stack([_by_layer(task, table.reshape(-1, 2)[:, side]) for side in (0, 1)], axis=-1) for table in tables
    )
    return Steps(accuracy=change, edap_ratio=ratio, feasible=within == 1)


def _varied(base: Genomes, column: int, n_choices: int) -> Genomes:
    """Returns every design with every choice of one gene, (choices * designs, genes), designs varying fastest."""
    rows = np.tile(base, (n_choices, 1))
    rows[:, column] = np.repeat(np.arange(n_choices), len(base))
    return rows


def _by_layer(task: Task, by_gene: FloatArray) -> FloatArray:
    """Arranges one value per gene as a table (kinds, layers); NaN where a layer lacks the gene."""
    kinds = task.space.kinds
    table = np.full((len(kinds), task.space.n_layers), np.nan)
    for value, gene in zip(by_gene, task.space.genes, strict=True):
        table[kinds.index(gene.kind), gene.layer] = value
    return table
