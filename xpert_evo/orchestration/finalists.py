"""Which members of a measured front are trained to the end."""

import numpy as np

from xpert_evo.objectives import FloatArray
from xpert_evo.search import knee, normalised
from xpert_evo.space import IntArray


def choose_finalists(objectives: FloatArray, n_designs: int) -> IntArray:
    """Positions of at most `n_designs` members: the best in each objective, the knee, then whoever is farthest away.

    Args:
        objectives: Of a front, minimised, (designs, objectives).
        n_designs: How many to choose at most.
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
