"""A linear kernel plus a Gaussian one, each with its own weight for every feature, and draws of functions from it."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from xpert_evo.objectives import FloatArray

N_WAVES = 256
"""Number of random cosines that represent a draw from the Gaussian kernel (Rahimi and Recht, NeurIPS 2007)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearPlusGaussian:
    """k(x, y) = sum of slopes * x * y + variance * exp(-1/2 sum of curvatures * (x - y)^2).

    Attributes:
        slopes: Weight of each feature in the linear part, at least 0, (features,).
        curvatures: Inverse square of each feature's length scale in the Gaussian part, (features,).
        variance: Variance of the Gaussian part.
    """

    slopes: FloatArray
    curvatures: FloatArray
    variance: float

    def __call__(self, one: FloatArray, other: FloatArray) -> FloatArray:
        """Kernel between the rows of two tables, (rows of one, rows of other)."""
        scale = np.sqrt(self.curvatures)
        return (one * self.slopes) @ other.T + self.variance * np.exp(
            -0.5 * squared_distances(one * scale, other * scale)
        )

    def own(self, table: FloatArray) -> FloatArray:
        """Kernel of each row with itself, (rows,)."""
        return np.asarray((table**2) @ self.slopes + self.variance)


def squared_distances(one: FloatArray, other: FloatArray) -> FloatArray:
    """Squared distances between the rows of two tables, (rows of one, rows of other)."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    return np.asarray(np.maximum(squares, 0.0))


class Draws:
    """Functions drawn together from the posterior of a Gaussian process; each can be evaluated anywhere.

    A draw from the prior is corrected by what it misses of the labels (Matheron's rule; J. Wilson et al., "Efficiently
    sampling functions from Gaussian process posteriors", ICML 2020).

    Args:
        kernel: Kernel of the process, whose mean is 0.
        table: Features of the labels, (labels, features).
        targets: Labels less the mean of the process, (labels,).
        noise_variance: Variance of the labels' noise.
        n_draws: Number of functions.
        rng: Random generator.
        mean: Added to all values.
    """

    def __init__(
        self,
        kernel: LinearPlusGaussian,
        table: FloatArray,
        targets: FloatArray,
        *,
        noise_variance: float,
        n_draws: int,
        rng: np.random.Generator,
        mean: float = 0.0,
    ) -> None:
        n_features = table.shape[1]
        self._kernel, self._table, self._mean = kernel, table, mean
        self._linear = rng.standard_normal((n_features, n_draws)) * np.sqrt(kernel.slopes)[:, None]
        self._waves = rng.standard_normal((n_features, N_WAVES)) * np.sqrt(kernel.curvatures)[:, None]
        self._phases = rng.uniform(0, 2 * np.pi, N_WAVES)
        self._heights = rng.standard_normal((N_WAVES, n_draws)) * np.sqrt(2 * kernel.variance / N_WAVES)
        noise = rng.standard_normal((len(table), n_draws)) * np.sqrt(noise_variance)
        missing = targets[:, None] - self._prior(table) - noise
        covariance = kernel(table, table)
        covariance[np.diag_indices_from(covariance)] += noise_variance
        self._weights = cho_solve(cho_factor(covariance, lower=True), missing)

    def _prior(self, table: FloatArray) -> FloatArray:
        return np.asarray(table @ self._linear + np.cos(table @ self._waves + self._phases) @ self._heights)

    def __call__(self, table: FloatArray) -> FloatArray:
        """Values of all functions without noise, (draws, rows)."""
        return np.asarray((self._prior(table) + self._kernel(table, self._table) @ self._weights + self._mean).T)
