"""How far a surrogate can be trusted: rank correlation, error, coverage, and a baseline that it must beat."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import kendalltau

from xpert_evo.objectives import FloatArray

Z90 = 1.6448536269514722
"""Half the width of a Gaussian's 90 % interval, in standard deviations."""

LARGEST_TAU_ERROR = 0.1
"""Standard error of Kendall's tau up to which equal ranking counts as a finding: that of 48 trainings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Predictions against measurements.

    Attributes:
        n: Designs compared.
        tau: Kendall's rank correlation, tau-b; 0 where it is undefined.
        rmse: Root mean square error, a fraction of accuracy.
        coverage: Share of the measurements within the predicted 90 % interval.
    """

    n: int
    tau: float
    rmse: float
    coverage: float

    @classmethod
    def of(cls, mean: ArrayLike, std: ArrayLike, measured: ArrayLike) -> "Quality":
        """The quality of predicted means and standard deviations, (designs,) each."""
        mean, std, measured = (np.asarray(a, dtype=np.float64) for a in (mean, std, measured))
        return cls(
            n=len(measured),
            tau=kendall_tau(mean, measured),
            rmse=float(np.sqrt(np.mean((mean - measured) ** 2))),
            coverage=float(np.mean(np.abs(measured - mean) <= Z90 * std)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HonestyReport:
    """The surrogate on designs that it has not seen, beside the baseline 'rank by multiply-accumulates'.

    Attributes:
        surrogate: Its quality.
        baseline: That of a straight line through accuracy over the logarithm of the multiply-accumulates, each design
            predicted from the others.
        warning: A sentence when the surrogate does not beat the baseline or cannot be judged; otherwise None.
    """

    surrogate: Quality
    baseline: Quality
    warning: str | None


def honesty(predicted_mean: ArrayLike, predicted_std: ArrayLike, measured: ArrayLike, macs: ArrayLike) -> HonestyReport:
    """Judges predictions that were made before the trainings.

    Args:
        predicted_mean: Predicted accuracies, fractions, (designs,).
        predicted_std: Their standard deviations.
        measured: Accuracies of the trainings that were held out.
        macs: Multiply-accumulates of the designs.

    Raises:
        ValueError: The arrays differ in length, are not finite, or hold fewer than two designs.
    """
    arrays = [np.asarray(a, dtype=np.float64) for a in (predicted_mean, predicted_std, measured, macs)]
    if len({a.shape for a in arrays}) > 1 or arrays[0].ndim != 1 or not np.isfinite(arrays).all():
        raise ValueError(f"honesty takes four finite arrays of one length, got shapes {[a.shape for a in arrays]}.")
    mean, std, truth, work = arrays
    if len(truth) < 2:
        raise ValueError(f"a rank correlation needs at least two held-out trainings, got {len(truth)}.")
    surrogate = Quality.of(mean, std, truth)
    baseline = Quality.of(*_line_left_out(np.log2(work), truth), truth)
    return HonestyReport(
        surrogate=surrogate, baseline=_with_rank(baseline, work, truth), warning=_warning(surrogate, work, truth)
    )


def kendall_tau(a: ArrayLike, b: ArrayLike) -> float:
    """Kendall's tau-b; 0 where one side is constant."""
    tau = float(kendalltau(np.asarray(a), np.asarray(b)).statistic)
    return tau if np.isfinite(tau) else 0.0


def tau_error(n: int) -> float:
    """Standard error of Kendall's tau of n designs whose two rankings have nothing to do with each other.

    M. G. Kendall, "A new measure of rank correlation", Biometrika 30, 1938; it bounds the error from above.
    """
    return float(np.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1))))


def _warning(surrogate: Quality, work: FloatArray, truth: FloatArray) -> str | None:
    """What is wrong with a ranking that is no better than the baseline's; None where it is better.

    Few trainings tell little: a gap of less than two standard errors says nothing where the error is above
    `LARGEST_TAU_ERROR`.
    """
    baseline_tau, error = kendall_tau(work, truth), tau_error(surrogate.n)
    if surrogate.tau > baseline_tau:
        return None
    taus = f"Kendall's tau {surrogate.tau:.2f} against {baseline_tau:.2f} on {surrogate.n} held-out trainings"
    if error > LARGEST_TAU_ERROR and baseline_tau - surrogate.tau < 2 * error:
        return (
            f"It cannot be told yet whether the surrogate ranks designs better than their multiply-accumulates do "
            f"({taus}, where one tau has a standard error of up to {error:.2f}): trust only measured accuracies, and "
            "train more designs to find out."
        )
    return (
        f"The surrogate does not rank designs better than their multiply-accumulates do ({taus}): "
        "trust only measured accuracies, and train more designs or for longer."
    )


def _with_rank(quality: Quality, work: FloatArray, truth: FloatArray) -> Quality:
    # A line that is fitted anew for each design reorders near-equal ones; the rank itself needs no fit.
    return Quality(n=quality.n, tau=kendall_tau(work, truth), rmse=quality.rmse, coverage=quality.coverage)


def _line_left_out(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Each y predicted by a least-squares line through the others, and that line's residual deviation."""
    mean, std = np.empty_like(y), np.empty_like(y)
    for i in range(len(y)):
        others = np.arange(len(y)) != i
        mean[i : i + 1], std[i : i + 1] = line_predictions(x[others], y[others], x[i : i + 1])
    return mean, std


def line_predictions(x: FloatArray, y: FloatArray, new_x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A least-squares line through (x, y) at new_x and its residual standard deviation, (new,) each."""
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y) / spread if spread > 0 else 0.0
    residual = y - y.mean() - slope * centred
    std = np.sqrt(residual @ residual / max(1, len(y) - 2))
    return y.mean() + slope * (new_x - x.mean()), np.full(len(new_x), std)
