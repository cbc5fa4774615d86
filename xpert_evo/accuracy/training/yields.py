"""Yields of drawn chips, confidence intervals of yields and of mean accuracies, and quantiles over chips."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, stdtrit

CONFIDENCE = 0.95
"""Confidence of the interval of a yield."""

_Z95 = 1.96

_FEW = 5
"""Right or wrong answers below which the normal approximation of a binomial distribution is too narrow."""

_WIDE = 0.1
"""Width of an interval (fraction) from which on decimal places of its ends mean nothing."""

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
    low, high = _exact_interval(n_good, n_chips)
    return Yield(least_accuracy=least_accuracy, n_good=n_good, n_chips=n_chips, low=low, high=high)


def _exact_interval(n_good: float, n_all: int) -> tuple[float, float]:
    """Returns the ends of the Clopper-Pearson interval of a share; `n_good` may be a mean over chips."""
    tail = (1 - CONFIDENCE) / 2
    low = float(betaincinv(n_good, n_all - n_good + 1, tail)) if n_good > 0 else 0.0
    high = float(betaincinv(n_good + 1, n_all - n_good, 1 - tail)) if n_good < n_all else 1.0
    return low, high


def interval(accuracy: float, n_images: int, *, n_chips: int = 1, spread: float = 0.0) -> tuple[float, float]:
    """Returns the ends of the 95 % interval of a mean accuracy over drawn chips, within 0 and 1.

    It covers the finite number of images (binomial) and, for several chips, their finite number (Student's t), whose
    errors are independent. With fewer than five right or wrong answers, the binomial part is the exact interval, since
    the usual approximation is zero where all answers are right.

    Args:
        accuracy: The mean (fraction).
        n_images: Number of images judged.
        n_chips: Number of chips.
        spread: Standard deviation over the chips (fraction).
    """
    if _few(accuracy, n_images):
        low, high = _exact_interval(accuracy * n_images, n_images)
    else:
        half = _Z95 * float(np.sqrt(accuracy * (1 - accuracy) / n_images))
        low, high = accuracy - half, accuracy + half
    chips = 0.0 if n_chips < 2 else float(stdtrit(n_chips - 1, 0.975)) * spread / float(np.sqrt(n_chips))
    down, up = float(np.hypot(accuracy - low, chips)), float(np.hypot(high - accuracy, chips))
    return max(0.0, accuracy - down), min(1.0, accuracy + up)


def interval_words(
    accuracy: float, n_images: int, *, n_chips: int = 1, spread: float = 0.0, decimals: int = 2, unit: str = ""
) -> str:
    """Returns a mean accuracy in percent with its 95 % interval: `81.20 ± 0.77 %`, or both ends of an exact one.

    The ends of exact intervals differ much in their distances: `16.67 % (0 to 64 %)`.

    Args:
        accuracy: The mean (fraction).
        n_images: Number of images judged.
        n_chips: Number of chips.
        spread: Standard deviation over the chips (fraction).
        decimals: Decimal places of the interval.
        unit: Follows the figures: ` %`, or nothing where a head gives it.
    """
    low, high = interval(accuracy, n_images, n_chips=n_chips, spread=spread)
    if _few(accuracy, n_images):
        places = 0 if high - low >= _WIDE else decimals
        return f"{100 * accuracy:.2f}{unit} ({100 * low:.{places}f} to {100 * high:.{places}f}{unit})"
    return f"{100 * accuracy:.2f} ± {100 * max(accuracy - low, high - accuracy):.{decimals}f}{unit}"


def _few(accuracy: float, n_images: int) -> bool:
    return min(accuracy, 1 - accuracy) * n_images < _FEW


def quantiles_of(accuracies: Sequence[float]) -> dict[str, float]:
    """Returns quantiles of the chips' accuracies by name, interpolated linearly: `{"0.05": ..., "0.5": ...}`."""
    return {f"{share:g}": float(np.quantile(accuracies, share)) for share in QUANTILES}
