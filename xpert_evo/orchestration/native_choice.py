"""Chooses what is trained at native size: the search's most promising designs and their best homogeneous rivals."""

import numpy as np

from xpert_evo.orchestration.choosing import unknown
from xpert_evo.orchestration.finalists import are_promising, choose_finalists
from xpert_evo.orchestration.knowledge import Knowledge
from xpert_evo.orchestration.surrogates import Surrogates
from xpert_evo.orchestration.task import Task
from xpert_evo.search import non_dominated
from xpert_evo.search.seeding import DEPTH_FACTORS, homogeneous_designs
from xpert_evo.space import Genomes


def promising(task: Task, known: Knowledge, surrogates: Surrogates, n_designs: int) -> Genomes:
    """Returns at most `n_designs` labelled inhomogeneous designs, (designs, genes): the front of expected values.

    The front is one of predictions that know all labels, since a front of labels favours lucky seeds. Of its members,
    the best of each objective and the knee are taken first, then the most distant ones.
    """
    candidates = unknown(known.genomes, homogeneous_designs(task.space, DEPTH_FACTORS))
    return _chosen(task, surrogates, candidates if len(candidates) else known.genomes, n_designs)


def rivals(task: Task, surrogates: Surrogates, designs: Genomes, n_rivals: int) -> Genomes:
    """Returns at most `n_rivals` homogeneous designs, (designs, genes), none of which is among `designs`.

    First, for each design from the most accurate one, the homogeneous design of lowest EDAP that is expected to be at
    least as accurate; then members of the homogeneous designs' own front. Those within the limits come first.
    """
    everywhere = unknown(homogeneous_designs(task.space, DEPTH_FACTORS), designs)
    feasible = everywhere[task.feasible(everywhere)]
    pool = feasible if len(feasible) else everywhere
    if not n_rivals or not len(pool):
        return pool[:0]
    accuracies, edap = surrogates.accuracy(pool)[0], task.own_costs(pool)["edap"]
    chosen: list[int] = []
    for accuracy in sorted(surrogates.accuracy(designs)[0], reverse=True):
        good = np.flatnonzero(accuracies >= accuracy)
        if len(good):
            chosen.append(int(good[np.argmin(edap[good])]))
    matching = pool[list(dict.fromkeys(chosen))[:n_rivals]]
    others = unknown(_chosen(task, surrogates, pool, n_rivals), matching)
    return np.concatenate([matching, others])[:n_rivals]


def _chosen(task: Task, surrogates: Surrogates, candidates: Genomes, n_designs: int) -> Genomes:
    """At most `n_designs` promising candidates: members of their front, then of the front of the others, and so on."""
    values = surrogates.values(candidates)
    within = (task.constraints.violations(values) <= 0).all(axis=1)
    left = np.flatnonzero(within) if within.any() else np.arange(len(candidates))
    left = left[are_promising(values["accuracy"][left], task.backbone.n_classes)]
    objectives = task.objectives.minimised(values)
    picked: list[int] = []
    while len(left) and len(picked) < n_designs:
        front = left[non_dominated(objectives[left])]
        picked += front[choose_finalists(objectives[front], n_designs - len(picked))].tolist()
        left = np.setdiff1d(left, front)
    return np.asarray(candidates[picked])
