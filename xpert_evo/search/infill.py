"""Selects the designs to train next: those expected to improve the front most."""

import numpy as np
from numpy.typing import ArrayLike

from xpert_evo.objectives import FloatArray
from xpert_evo.search.gains import gains
from xpert_evo.space import Genomes, IntArray

N_DRAWS = 16
"""Number of draws of a candidate's uncertain objectives over which its gain is averaged."""


def select_infill(
    n_designs: int,
    *,
    genomes: Genomes,
    mean: ArrayLike,
    std: ArrayLike,
    trained: Genomes,
    front: ArrayLike,
    reference_point: ArrayLike,
    rng: np.random.Generator,
    spread: float = 0.25,
) -> IntArray:
    """Returns positions among the candidates, best first, distinct and untrained; fewer if too few are new.

    Candidates are chosen one after another. Each is valued by its expected gain of hypervolume over the front, plus a
    share of its distance to all designs that are relevant or already chosen. A chosen design counts at its mean for the
    next choice (Kriging believer; Ginsbourger, Le Riche and Carraro, 2010), so that the batch spreads out.

    Args:
        n_designs: Largest number of designs to choose.
        genomes: Candidates, usually the search's front, (candidates, genes).
        mean: Predicted objectives of the candidates, minimised, (candidates, objectives).
        std: Standard deviations, (candidates, objectives) or broadcastable; 0 where an objective is known.
        trained: Designs that must not be chosen, (designs, genes).
        front: Objectives of the feasible designs to improve on, measured or expected, minimised, (designs, objectives).
        reference_point: Reference point of the hypervolume, (objectives,).
        rng: Random generator of the uncertain objectives.
        spread: Weight of distance relative to gain: 0 for gain alone.
    """
    mean = np.asarray(mean, dtype=np.float64)
    std = np.broadcast_to(np.asarray(std, dtype=np.float64), mean.shape)
    known = {row.tobytes() for row in np.asarray(trained, dtype=np.int64)}
    candidates: list[int] = []
    for i, row in enumerate(np.asarray(genomes, dtype=np.int64)):
        if row.tobytes() not in known:
            known.add(row.tobytes())
            candidates.append(i)
    counted = np.asarray(front, dtype=np.float64).reshape(-1, mean.shape[1])
    scale = _scale(np.concatenate([counted, mean]))
    draws = rng.standard_normal((N_DRAWS, mean.shape[1]))
    chosen: list[int] = []
    while candidates and len(chosen) < n_designs:
        drawn = mean[candidates, None] + std[candidates, None] * draws
        worth = _expected_gains(counted, drawn, reference_point)
        distances = _distances(mean[candidates] / scale, counted / scale)
        worth = worth / max(float(worth.max()), _TINY) + spread * distances / max(float(distances.max()), _TINY)
        best = candidates.pop(int(np.argmax(worth)))
        chosen.append(best)
        counted = np.concatenate([counted, mean[best : best + 1]])
    return np.array(chosen, dtype=np.int64)


_TINY = 1e-300


def select_by_draws(
    n_designs: int,
    *,
    genomes: Genomes,
    drawn: FloatArray,
    trained: Genomes,
    fronts: FloatArray,
    reference_point: ArrayLike,
) -> IntArray:
    """Returns positions among the candidates, best first, distinct and untrained; fewer if too few promise a gain.

    Every draw is a function that could be the truth, for candidates and trained designs alike. A candidate is valued by
    the hypervolume that it adds, on average over the draws, to the front of everything trained or already chosen; so a
    batch spreads out by itself (noisy expected hypervolume improvement over a set of candidates; S. Daulton, M.
    Balandat, E. Bakshy, NeurIPS 2021).

    Args:
        n_designs: Largest number of designs to choose.
        genomes: Candidates, (candidates, genes).
        drawn: Their minimised objectives under each function, (draws, candidates, objectives).
        trained: Designs that must not be chosen, (designs, genes).
        fronts: Minimised objectives of the designs to improve on under each function, (draws, designs, objectives).
        reference_point: Reference point of the hypervolume, (objectives,).
    """
    known = {row.tobytes() for row in np.asarray(trained, dtype=np.int64)}
    rows = np.asarray(genomes, dtype=np.int64)
    left = np.array([row.tobytes() not in known for row in rows], dtype=bool)
    chosen: list[int] = []
    while left.any() and len(chosen) < n_designs:
        counted = np.concatenate([fronts, drawn[:, chosen]], axis=1)
        open_ = np.flatnonzero(left)
        worth = np.mean([gains(f, d[open_], reference_point) for f, d in zip(counted, drawn, strict=True)], axis=0)
        best = int(open_[np.argmax(worth)])
        if worth.max() <= 0:
            break
        chosen.append(best)
        left[(rows == rows[best]).all(axis=1)] = False
    return np.array(chosen, dtype=np.int64)


def _expected_gains(front: FloatArray, draws: FloatArray, reference_point: ArrayLike) -> FloatArray:
    """Mean over the draws (candidates, draws, objectives) of the hypervolume that each adds to the front."""
    table = draws.reshape(-1, draws.shape[2])
    return np.asarray(gains(front, table, reference_point).reshape(draws.shape[:2]).mean(axis=1))


def _scale(objectives: FloatArray) -> FloatArray:
    spread = np.ptp(objectives, axis=0)
    return np.where(spread > 0, spread, 1.0)


def _distances(points: FloatArray, others: FloatArray) -> FloatArray:
    """Distance from each point to the nearest of the others; 1 if there are none."""
    if not len(others):
        return np.ones(len(points))
    return np.asarray(np.linalg.norm(points[:, None] - others[None], axis=2).min(axis=1))
