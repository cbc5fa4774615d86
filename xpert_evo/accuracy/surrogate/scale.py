"""The scale on which surrogates learn: log-odds of accuracy between a floor and a ceiling.

Accuracy saturates at both ends. A model that is linear in accuracy exceeds 100 % where designs grow beyond the trained
ones; one that is linear in log-odds approaches a ceiling, where its uncertainty shrinks with the room for error.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from xpert_evo.objectives import FloatArray

FLOOR_MARGIN = 0.1
"""Distance of the floor below chance. At chance itself the log-odds of a label would be pure luck."""

CEILING_MARGIN = 0.05
"""Largest distance of the ceiling above the best label; near 100 % it is half of the remainder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyScale:
    """A bounded scale of accuracy.

    No prediction exceeds the best label by more than the margin: training such a design raises the ceiling.

    Attributes:
        chance: Accuracy of random guessing, a lower bound of all predictions, a fraction.
        floor: Accuracy with log-odds of minus infinity.
        ceiling: Accuracy with log-odds of plus infinity.
    """

    chance: float
    floor: float
    ceiling: float

    @classmethod
    def of(cls, accuracies: FloatArray, n_classes: int) -> "AccuracyScale":
        """Returns the scale for labels, fractions (labels,), of a task with `n_classes` classes."""
        chance, best = 1 / n_classes, float(accuracies.max())
        margin = max(min(CEILING_MARGIN, (1 - best) / 2), _LEAST_MARGIN)
        return cls(chance=chance, floor=chance - FLOOR_MARGIN, ceiling=max(best, chance) + margin)

    def log_odds(self, accuracies: FloatArray) -> FloatArray:
        """Log-odds of accuracies, of any shape."""
        share = (accuracies - self.floor) / (self.ceiling - self.floor)
        share = np.clip(share, _LEAST_SHARE, 1 - _LEAST_SHARE)
        return np.asarray(np.log(share / (1 - share)))

    def accuracies(self, mean: FloatArray, std: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Median and standard deviation of an accuracy whose log-odds are Gaussian, (designs,) each.

        The deviation is that of the whole distribution, by Gauss-Hermite quadrature: at most half of the scale.
        """
        at_nodes = self._restored(mean[:, None] + std[:, None] * _NODES)
        deviation = np.sqrt((at_nodes - (at_nodes @ _WEIGHTS)[:, None]) ** 2 @ _WEIGHTS)
        return self.restored(mean), deviation

    def restored(self, log_odds: FloatArray) -> FloatArray:
        """Accuracies of log-odds, at least chance, of any shape."""
        return np.clip(self._restored(log_odds), self.chance, 1.0)

    def _restored(self, log_odds: FloatArray) -> FloatArray:
        return np.asarray(self.floor + (self.ceiling - self.floor) * expit(log_odds))


_LEAST_MARGIN = 0.005
_LEAST_SHARE = 0.005
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
