"""Screening: only the children that look promising are requested.

A kernel ridge regression learns the scores of the designs known so far, in less than a millisecond, and ranks the
children before they are scored. It is independent of networks and chips: genes go in, scores come out.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from xpert_evo.objectives import FloatArray
from xpert_evo.space import Genomes, IntArray

Float32Array: TypeAlias = NDArray[np.float32]


def predict_scores(known: Genomes, scores: FloatArray, candidates: Genomes, n_choices: IntArray) -> FloatArray:
    """Predicted scores of candidates, (candidates, scores).

    The kernel is the sum of a Gaussian and a linear kernel of the genes, each scaled by its number of choices and
    centred on the known designs; distances are measured in units of the known designs' own spread.

    Args:
        known: Scored designs, (designs, genes).
        scores: Scores of any kind, (designs, scores).
        candidates: Designs to predict, (candidates, genes).
        n_choices: Number of choices of each gene, (genes,).
    """
    scale = (1 / np.maximum(n_choices - 1, 1)).astype(np.float32)
    x, new = known.astype(np.float32) * scale, candidates.astype(np.float32) * scale
    centre = x.mean(axis=0)
    x -= centre
    new -= centre
    spread = np.sqrt(max(float((x * x).sum()) / len(x), _NO_SPREAD))
    x /= spread
    new /= spread
    mean, deviation = scores.mean(axis=0), scores.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    kernel = _kernel(x, x)
    kernel[np.diag_indices_from(kernel)] += NOISE_RATIO
    targets = ((scores - mean) / deviation).astype(np.float32)
    weights = cho_solve(cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False), targets)
    return np.asarray(_kernel(new, x) @ weights * deviation + mean, dtype=np.float64)


NOISE_RATIO = 0.01
"""Noise assumed by the regression, as a share of the scores' variance."""

_NO_SPREAD = 1e-12


def _kernel(a: Float32Array, b: Float32Array) -> Float32Array:
    """exp(-d^2 / 2) + a.b + 1 between the rows of a and b; cheap because it is in place and single precision."""
    product = a @ b.T
    kernel = product - 0.5 * (a * a).sum(axis=1)[:, None]
    kernel -= 0.5 * (b * b).sum(axis=1)
    np.exp(kernel, out=kernel)
    kernel += product
    kernel += 1
    return np.asarray(kernel)
