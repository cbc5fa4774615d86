"""Which designs are trained once more after the search: the finalists, spread over the useful part of the front."""

import numpy as np

from xpert_evo.config import RunConfig
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.goals import joint_goals
from xpert_evo.orchestration.knowledge import look
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.search import knee, non_dominated, normalised
from xpert_evo.search.variation import BoolArray
from xpert_evo.space import Genomes, IntArray

LEAST_SHARE = 0.5
"""Designs that keep less than this fraction of the best one's accuracy above guessing are not promising (assumed)."""


def finalists(run: RunContext) -> Genomes:
    """Returns the baseline and promising members of each limit's measured front: ends, knee, then the most distant.

    Where fewer are promising than are asked for, the most accurate of the others follow.
    """
    task, known = run.task, look(run)
    objectives, accuracies = task.objectives.minimised(known.values), known.values["accuracy"]
    chosen: list[int] = []
    for goal in joint_goals(task):
        within = np.flatnonzero((goal.constraints.violations(known.values) <= 0).all(axis=1))
        if not len(within):
            continue
        front = within[non_dominated(objectives[within])]
        useful = are_promising(accuracies[front], task.backbone.n_classes)
        picked = front[useful][choose_finalists(objectives[front[useful]], task.config.training.finalists)]
        others = front[~useful][np.argsort(-accuracies[front[~useful]], kind="stable")]
        picked = np.concatenate([picked, others])[: task.config.training.finalists]
        chosen += [int(i) for i in picked if int(i) not in chosen]
    members = [row for row in known.genomes[chosen] if not np.array_equal(row, task.baseline[0])]
    return np.stack([*members, task.baseline[0]])


def are_promising(accuracies: FloatArray, n_classes: int) -> BoolArray:
    """Returns which designs keep `LEAST_SHARE` of the best one's accuracy above guessing, (designs,).

    All do if none is better than guessing.
    """
    gains = np.asarray(accuracies) - 1 / n_classes
    most = gains.max(initial=0.0)
    return gains >= (LEAST_SHARE * most if most > 0 else -np.inf)


def choose_finalists(objectives: FloatArray, n_designs: int) -> IntArray:
    """Returns indices of at most `n_designs` members: the best of each objective, the knee, then the most distant.

    Args:
        objectives: Minimised objectives of a front, (designs, objectives).
        n_designs: Maximum number of designs.
    """
    if not len(objectives):
        return np.empty(0, dtype=np.int64)
    places = normalised(objectives)
    chosen = list(dict.fromkeys([*(int(i) for i in objectives.argmin(axis=0)), knee(objectives)]))[:n_designs]
    while len(chosen) < min(n_designs, len(places)):
        distance = np.linalg.norm(places[:, None] - places[None, chosen], axis=2).min(axis=1)
        distance[chosen] = -1.0
        chosen.append(int(np.argmax(distance)))
    return np.array(chosen, dtype=np.int64)


def most_finalists(config: RunConfig) -> int:
    """Returns the maximum number of finalists: those of each area limit, and the baseline."""
    return config.training.finalists * len(config.hardware.area_limits_mm2) + 1
