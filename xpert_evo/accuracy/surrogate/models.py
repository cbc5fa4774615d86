"""The competing surrogate models: linear regression, a Gaussian process and an ensemble of small networks.

All take standardised features and labels and return a mean and a standard deviation. A fit depends only on its labels
and its seed, so it is recomputed from the labels and never stored.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import torch
from scipy.optimize import minimize

from xpert_evo.accuracy.surrogate.kernels import Draws, LinearPlusGaussian
from xpert_evo.accuracy.surrogate.kinds import SurrogateKind
from xpert_evo.accuracy.surrogate.noise import least_noise_variance
from xpert_evo.accuracy.surrogate.relevance import RelevanceProcess
from xpert_evo.objectives import FloatArray
from xpert_evo.space import IntArray


class Model(Protocol):
    """A fitted model."""

    def predict(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of a new measurement, (designs,) each."""

    def draws(self, n_draws: int, rng: np.random.Generator) -> Callable[[FloatArray], FloatArray]:
        """Functions that could be the truth, drawn together: features (designs, features) to (draws, designs)."""


class Ridge:
    """Bayesian linear regression; the spread of the weights and the noise maximise the evidence (MacKay, 1992).

    With fewer labels than features, the evidence alone may attribute everything to signal, so the noise has a lower
    bound.
    """

    def __init__(
        self, features: FloatArray, labels: FloatArray, *, noise_std: float, seed: int, groups: IntArray
    ) -> None:
        del seed, groups
        self._scale, self._mean = np.sqrt(features.shape[1]), float(labels.mean())
        self._features, self._targets = features / self._scale, labels - self._mean
        values, vectors = np.linalg.eigh(self._features @ self._features.T)
        values, seen = np.maximum(values, 0.0), vectors.T @ (labels - self._mean)
        spectra = values + _NOISE_RATIOS[:, None]
        signal = np.maximum((seen**2 / spectra).mean(axis=1), _TINY)  # best variance of the weights at each ratio
        evidence = -0.5 * (len(labels) * np.log(signal) + np.log(spectra).sum(axis=1))
        allowed = (signal * _NOISE_RATIOS >= least_noise_variance(noise_std)) | (_NOISE_RATIOS[-1] == _NOISE_RATIOS)
        best = int(np.argmax(np.where(allowed, evidence, -np.inf)))
        self._signal = signal[best]
        self._noise = max(signal[best] * _NOISE_RATIOS[best], least_noise_variance(noise_std))
        self._inverse = vectors / spectra[best] @ vectors.T
        self._weights = self._features.T @ (vectors @ (seen / spectra[best]))

    def predict(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `Model.predict`."""
        scaled = features / self._scale
        across = scaled @ self._features.T
        explained = np.einsum("ij,jk,ik->i", across, self._inverse, across, optimize=True)
        variance = self._signal * np.maximum((scaled**2).sum(axis=1) - explained, 0.0) + self._noise
        return scaled @ self._weights + self._mean, np.sqrt(variance)

    def draws(self, n_draws: int, rng: np.random.Generator) -> Draws:
        """See `Model.draws`."""
        n_features = self._features.shape[1]
        slopes, none = np.full(n_features, self._signal / self._scale**2), np.zeros(n_features)
        return Draws(
            LinearPlusGaussian(slopes=slopes, curvatures=none, variance=0.0),
            self._features * self._scale,
            self._targets,
            noise_variance=self._noise,
            n_draws=n_draws,
            rng=rng,
            mean=self._mean,
        )


_NOISE_RATIOS = np.geomspace(1e-3, 1e3, 61)
_TINY = 1e-12


class GaussianProcess:
    """A linear trend plus a smooth deviation from it, and noise of at least the spread between seeds.

    The kernel's four hyperparameters maximise the marginal likelihood (Rasmussen and Williams, 2006, chapter 5).
    """

    def __init__(
        self, features: FloatArray, labels: FloatArray, *, noise_std: float, seed: int, groups: IntArray
    ) -> None:
        from sklearn.gaussian_process import GaussianProcessRegressor  # noqa: PLC0415 - loads pandas, too: a second
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel  # noqa: PLC0415

        del seed, groups
        scale = np.sqrt(features.shape[1])
        least_noise = least_noise_variance(noise_std)
        kernel = (
            ConstantKernel(0.5, (1e-3, 1e2)) * RBF(2.0, (0.3, 30.0))
            + ConstantKernel(0.5, (1e-3, 1e2)) * DotProduct(0.0, "fixed")
            + WhiteKernel(max(0.1, 2 * least_noise), (least_noise, max(2.0, 4 * least_noise)))
        )
        self._scale = scale
        start = GaussianProcessRegressor(kernel, optimizer=None).fit(features / scale, labels)

        def cost(theta: FloatArray) -> tuple[float, FloatArray]:
            value, gradient = start.log_marginal_likelihood(theta, eval_gradient=True)
            return -value, -gradient

        best = minimize(cost, start.kernel_.theta, jac=True, method="L-BFGS-B", bounds=start.kernel_.bounds)
        self._model = GaussianProcessRegressor(start.kernel_.clone_with_theta(best.x), optimizer=None)
        self._model.fit(features / scale, labels)

    def predict(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `Model.predict`."""
        if not len(features):
            return np.empty(0), np.empty(0)  # scikit-learn refuses a table without rows
        mean, std = self._model.predict(features / self._scale, return_std=True)
        return mean, std

    def draws(self, n_draws: int, rng: np.random.Generator) -> Draws:
        """See `Model.draws`."""
        theta = np.exp(self._model.kernel_.theta)  # height, length scale, slope and noise, as in `kernel`
        known = self._model.X_train_
        kernel = LinearPlusGaussian(
            slopes=np.full(known.shape[1], theta[2] / self._scale**2),
            curvatures=np.full(known.shape[1], (theta[1] * self._scale) ** -2.0),
            variance=float(theta[0]),
        )
        return Draws(
            kernel,
            known * self._scale,
            self._model.y_train_,
            noise_variance=float(theta[3]),
            n_draws=n_draws,
            rng=rng,
        )


class Networks:
    """Eight small networks with different initial weights; the spread of their predictions is their uncertainty.

    B. Lakshminarayanan, A. Pritzel, C. Blundell, "Simple and scalable predictive uncertainty estimation using deep
    ensembles", NeurIPS 2017.
    """

    n_members = 8
    n_hidden = 32
    n_steps = 150

    def __init__(
        self, features: FloatArray, labels: FloatArray, *, noise_std: float, seed: int, groups: IntArray
    ) -> None:
        del groups
        generator = torch.Generator().manual_seed(seed)
        n_inputs = features.shape[1]
        shapes = ((n_inputs, self.n_hidden), (1, self.n_hidden), (self.n_hidden, 1), (n_inputs, 1))
        spreads = (n_inputs**-0.5, 0.5, 0.2 * self.n_hidden**-0.5, 0.1 * n_inputs**-0.5)
        self._weights = [
            (torch.randn(self.n_members, *shape, generator=generator) * spread).requires_grad_()
            for shape, spread in zip(shapes, spreads, strict=True)
        ]
        x = torch.as_tensor(features, dtype=torch.float32)
        y = torch.as_tensor(labels, dtype=torch.float32)
        optimiser = torch.optim.AdamW(self._weights, lr=0.02, weight_decay=0.5)
        for _ in range(self.n_steps):
            optimiser.zero_grad()
            loss = ((self._forward(x) - y) ** 2).mean(dim=1).sum()
            torch.autograd.backward(loss)
            optimiser.step()
        residual = float(((self._forward(x).mean(dim=0) - y) ** 2).mean().detach())
        self._noise_variance = max(residual, least_noise_variance(noise_std))

    def _forward(self, features: torch.Tensor) -> torch.Tensor:
        """Every member's prediction, (members, designs): a linear part and one hidden layer."""
        inner, bias, outer, linear = self._weights
        hidden = torch.tanh(features @ inner + bias)
        return torch.squeeze(hidden @ outer + features @ linear, dim=-1)

    def predict(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `Model.predict`."""
        with torch.no_grad():
            members = self._forward(torch.as_tensor(features, dtype=torch.float32)).double().numpy()
        return members.mean(axis=0), np.sqrt(members.var(axis=0) + self._noise_variance)

    def draws(self, n_draws: int, rng: np.random.Generator) -> Callable[[FloatArray], FloatArray]:
        """See `Model.draws`; random mixtures of the members, with the members' covariance."""
        shares = rng.standard_normal((n_draws, self.n_members)) / np.sqrt(self.n_members)

        def drawn(table: FloatArray) -> FloatArray:
            with torch.no_grad():
                members = self._forward(torch.as_tensor(table, dtype=torch.float32)).double().numpy()
            mean = members.mean(axis=0)
            return np.asarray(mean + shares @ (members - mean))

        return drawn


MODELS: Mapping[SurrogateKind, Callable[..., Model]] = {
    SurrogateKind.RIDGE: Ridge,
    SurrogateKind.GAUSSIAN_PROCESS: GaussianProcess,
    SurrogateKind.NETWORKS: Networks,
    SurrogateKind.RELEVANCE: RelevanceProcess,
}
