"""A Gaussian process that learns which features matter, those of single layers among them.

Its kernel is linear plus Gaussian, with a relevance for every feature (automatic relevance determination; Neal, 1996).
A few dozen labels cannot determine so many relevances, so they have priors that scale with the number of features
(C. Hvarfner, E. Hellsten, L. Nardi, "Vanilla Bayesian optimization performs great in high dimensions", ICML 2024), and
features of one kind share a common level from which single ones depart. Where labels cannot distinguish two features,
their relevances stay equal and the doubt about either stays in the predictions.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

from xpert_evo.accuracy.surrogate.kernels import Draws, LinearPlusGaussian, squared_distances
from xpert_evo.accuracy.surrogate.noise import least_noise_variance
from xpert_evo.objectives import FloatArray
from xpert_evo.space import IntArray

LEVEL_STD = 2.0
"""Standard deviation of the prior of a group's level, of the logarithm of relevances."""

DEPARTURE_STD = 1.2
"""Standard deviation of the prior of a feature's departure from its group's level."""

MOST_STEPS = 60
"""Largest number of steps of the optimiser."""

FARTHEST = 5.0
"""Parameters farther from their prior's mean than this many of its standard deviations act as if they were there: the
optimiser tries steps of any length, and the exponentials of the longest overflow."""


class RelevanceProcess:
    """The fitted process; maximises the posterior of relevances and noise.

    Args:
        features: Standardised features, (labels, features).
        labels: Standardised labels, (labels,).
        noise_std: Known spread of the labels of one design.
        seed: Not used; the fit has no randomness.
        groups: Group of each feature, from 0, (features,).
    """

    def __init__(
        self, features: FloatArray, labels: FloatArray, *, noise_std: float, seed: int, groups: IntArray
    ) -> None:
        del seed
        self._features, self._mean = features, float(labels.mean())
        self._targets = labels - self._mean
        fit = _Posterior(features, self._targets, groups, least_noise_variance(noise_std))
        best = minimize(fit, fit.start, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS}).x
        self.kernel, self.noise_variance = fit.kernel(best), fit.noise_variance(best)
        covariance = self.kernel(features, features)
        covariance[np.diag_indices_from(covariance)] += self.noise_variance
        self._factor = cho_factor(covariance, lower=True)
        self._weights = cho_solve(self._factor, self._targets)

    def predict(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `Model.predict`."""
        across = self.kernel(features, self._features)
        explained = (across * cho_solve(self._factor, across.T).T).sum(axis=1)
        variance = np.maximum(self.kernel.own(features) - explained, 0.0) + self.noise_variance
        return across @ self._weights + self._mean, np.sqrt(variance)

    def draws(self, n_draws: int, rng: np.random.Generator) -> Draws:
        """See `Model.draws`."""
        return Draws(
            self.kernel,
            self._features,
            self._targets,
            noise_variance=self.noise_variance,
            n_draws=n_draws,
            rng=rng,
            mean=self._mean,
        )


class _Posterior:
    """Minus the logarithm of the posterior density, with its gradient.

    Parameters, all logarithms: departures of the features, levels of the groups in the linear and in the Gaussian part,
    the Gaussian part's variance, and the variance of the noise above its lower bound.
    """

    def __init__(self, features: FloatArray, targets: FloatArray, groups: IntArray, least_noise: float) -> None:
        self._x, self._y, self._groups, self._least_noise = features, targets, groups, least_noise
        n_features, self._n_groups = features.shape[1], int(groups.max()) + 1
        self._of_group = np.eye(self._n_groups)[groups]
        # The features' relevances together are of order 1, whatever their number.
        sizes = np.bincount(groups) * self._n_groups
        self._levels = np.log(np.concatenate([1.0 / sizes, 1.0 / sizes]))
        self._squares = features**2
        self._mean = np.concatenate([np.zeros(n_features), self._levels, [np.log(0.5), np.log(0.1)]])
        self._std = np.concatenate(
            [np.full(n_features, DEPARTURE_STD), np.full(2 * self._n_groups, LEVEL_STD), [1.5, 1.5]]
        )
        self.start = self._mean.copy()

    def kernel(self, theta: FloatArray) -> LinearPlusGaussian:
        """The kernel of parameters."""
        n, g, theta = self._x.shape[1], self._n_groups, self._held(theta)
        departures, linear, gaussian = theta[:n], theta[n : n + g], theta[n + g : n + 2 * g]
        return LinearPlusGaussian(
            slopes=np.exp(departures + linear[self._groups]),
            curvatures=np.exp(departures + gaussian[self._groups]),
            variance=float(np.exp(theta[-2])),
        )

    def noise_variance(self, theta: FloatArray) -> float:
        """The noise of parameters."""
        return float(self._least_noise + np.exp(self._held(theta)[-1]))

    def _held(self, theta: FloatArray) -> FloatArray:
        """Parameters within reach of the prior."""
        return np.clip(theta, self._mean - FARTHEST * self._std, self._mean + FARTHEST * self._std)

    def __call__(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Value and gradient."""
        x, kernel, noise = self._x, self.kernel(theta), self.noise_variance(theta)
        scaled = x * np.sqrt(kernel.curvatures)
        bell = np.exp(-0.5 * squared_distances(scaled, scaled))
        covariance = (x * kernel.slopes) @ x.T + kernel.variance * bell
        covariance[np.diag_indices_from(covariance)] += noise
        factor = cho_factor(covariance, lower=True)
        solved = cho_solve(factor, self._y)
        inverse, _ = dpotri(factor[0], lower=True)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        slope = 0.5 * (inverse - np.outer(solved, solved))
        value = 0.5 * float(self._y @ solved) + float(np.log(np.diag(factor[0])).sum())
        of_slopes = kernel.slopes * (x * (slope @ x)).sum(axis=0)
        local = slope * bell
        of_curvatures = (
            -kernel.variance * kernel.curvatures * (local.sum(axis=1) @ self._squares - (x * (local @ x)).sum(axis=0))
        )
        gradient = np.concatenate(
            [
                of_slopes + of_curvatures,
                of_slopes @ self._of_group,
                of_curvatures @ self._of_group,
                [kernel.variance * float(local.sum()), float(np.trace(slope)) * float(np.exp(self._held(theta)[-1]))],
            ]
        )
        away = (theta - self._mean) / self._std
        gradient[np.abs(away) > FARTHEST] = 0.0
        return value + 0.5 * float(away @ away), gradient + away / self._std
