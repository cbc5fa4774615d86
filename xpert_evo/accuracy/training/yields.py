"""Yield: the share of drawn chips that reach an accuracy, with a confidence interval, and quantiles over chips."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

CONFIDENCE = 0.95
"""Confidence of the interval of a yield."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """Share of chips that reach an accuracy.

    The interval is exact (C. J. Clopper, E. S. Pearson, Biometrika 26, 404, 1934). It describes the finite number of
    chips; the accuracy of each chip has an error of its own, from the finite number of images.

    Attributes:
        least_accuracy: Accuracy to reach (fraction).
        n_good: Number of chips that reach it.
        n_chips: Number of chips drawn.
        low: Lower end of the confidence interval.
        high: Upper end of the confidence interval.
    """

    least_accuracy: float
    n_good: int
    n_chips: int
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """The share itself."""
        return self.n_good / self.n_chips


def yield_of(accuracies: Sequence[float], least_accuracy: float) -> Yield:
    """Returns the yield of drawn chips.

    Args:
        accuracies: Accuracy of each chip; at least one.
        least_accuracy: Accuracy to reach.
    """
    n_good, n_chips = sum(accuracy >= least_accuracy for accuracy in accuracies), len(accuracies)
    interval = binomtest(n_good, n_chips).proportion_ci(CONFIDENCE, method="exact")
    return Yield(
        least_accuracy=least_accuracy,
        n_good=n_good,
        n_chips=n_chips,
        low=float(interval.low),
        high=float(interval.high),
    )


def quantiles_of(accuracies: Sequence[float]) -> dict[str, float]:
    """Returns quantiles of the chips' accuracies by name, interpolated linearly: `{"0.05": ..., "0.5": ...}`."""
    return {f"{share:g}": float(np.quantile(accuracies, share)) for share in QUANTILES}
