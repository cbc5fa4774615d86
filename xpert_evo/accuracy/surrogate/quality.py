"""Quality of a surrogate: rank correlation, error, coverage, and a baseline that it must beat."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from xpert_evo.objectives import FloatArray

Z90 = 1.6448536269514722
"""Half the width of a Gaussian's 90 % interval, in standard deviations."""

LARGEST_TAU_ERROR = 0.1
"""Standard error of Kendall's tau, here for 48 labels, up to which no improvement in ranking is a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Comparison of predictions with measurements.

    Attributes:
        n: Number of designs compared.
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
        """Computes the quality of predicted means and standard deviations, (designs,) each."""
        mean, std, measured = (np.asarray(a, dtype=np.float64) for a in (mean, std, measured))
        return cls(
            n=len(measured),
            tau=kendall_tau(mean, measured),
            rmse=float(np.sqrt(np.mean((mean - measured) ** 2))),
            coverage=float(np.mean(np.abs(measured - mean) <= Z90 * std)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HonestyReport:
    """Quality of the surrogate on unseen designs, compared with the baseline 'rank by multiply-accumulates'.

    Attributes:
        surrogate: Quality of the surrogate.
        baseline: Quality of a straight line through accuracy over the logarithm of the multiply-accumulates; each
            design is predicted from the others.
        warning: A sentence if the surrogate does not beat the baseline or cannot be judged; otherwise None.
    """

    surrogate: Quality
    baseline: Quality
    warning: str | None


def honesty(predicted_mean: ArrayLike, predicted_std: ArrayLike, measured: ArrayLike, macs: ArrayLike) -> HonestyReport:
    """Checks predictions against measurements made later.

    Args:
        predicted_mean: Predicted accuracies, fractions, (designs,).
        predicted_std: Standard deviations of the predictions.
        measured: Measured accuracies of the held-out designs.
        macs: Multiply-accumulates of the designs.

    Raises:
        ValueError: If the arrays differ in length, are not finite, or contain fewer than two designs.
    """
    arrays = [np.asarray(a, dtype=np.float64) for a in (predicted_mean, predicted_std, measured, macs)]
    if len({a.shape for a in arrays}) > 1 or arrays[0].ndim != 1 or not np.isfinite(arrays).all():
        raise ValueError(f"honesty needs four finite arrays of one length, got shapes {[a.shape for a in arrays]}.")
    mean, std, truth, work = arrays
    if len(truth) < 2:
        raise ValueError(f"a rank correlation needs at least two held-out trainings, got {len(truth)}.")
    surrogate = Quality.of(mean, std, truth)
    baseline = _with_rank(Quality.of(*_line_left_out(np.log2(work), truth), truth), work, truth)
    return HonestyReport(surrogate=surrogate, baseline=baseline, warning=_warning(surrogate, baseline))


def kendall_tau(a: ArrayLike, b: ArrayLike) -> float:
    """Kendall's tau-b; 0 where one side is constant."""
    from scipy.stats import kendalltau  # noqa: PLC0415 - half a second, for commands that only show a run

    tau = float(kendalltau(np.asarray(a), np.asarray(b)).statistic)
    return tau if np.isfinite(tau) else 0.0


def tau_error(n: int) -> float:
    """Standard error of Kendall's tau for n designs with two unrelated rankings.

    M. G. Kendall, "A new measure of rank correlation", Biometrika 30, 1938; it is an upper bound of the error.
    """
    return float(np.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1))))


def _warning(surrogate: Quality, baseline: Quality) -> str | None:
    """Returns a warning if the ranking is no better than the baseline's, or than chance with a larger error.

    Few labels allow no conclusion: a gap below two standard errors is not significant while the error is above
    `LARGEST_TAU_ERROR`.
    """
    error = tau_error(surrogate.n)
    if surrogate.tau > baseline.tau:
        if surrogate.rmse <= baseline.rmse or surrogate.tau > 2 * error:
            return None
        return (
            f"Only {surrogate.n} predictions were checked, too few to tell their ranking (Kendall's tau "
            f"{surrogate.tau:.2f}) from chance, and their error ({100 * surrogate.rmse:.1f} points) is larger than "
            f"that of multiply-accumulates alone ({100 * baseline.rmse:.1f}). Trust only measured accuracies."
        )
    taus = f"Kendall's tau {surrogate.tau:.2f} against {baseline.tau:.2f} on {surrogate.n} held-out trainings"
    if error > LARGEST_TAU_ERROR and baseline.tau - surrogate.tau < 2 * error:
        return (
            "It is too early to say whether the surrogate ranks designs better than their multiply-accumulates do "
            f"({taus}; the standard error of a tau is up to {error:.2f}). Trust only measured accuracies, and train "
            "more designs to find out."
        )
    return (
        f"The surrogate does not rank designs better than their multiply-accumulates do ({taus}). "
        "Trust only measured accuracies, and train more designs or train them longer."
    )


def _with_rank(quality: Quality, work: FloatArray, truth: FloatArray) -> Quality:
    # A line fitted anew for each design reorders nearly equal ones; the rank itself needs no fit.
    return Quality(n=quality.n, tau=kendall_tau(work, truth), rmse=quality.rmse, coverage=quality.coverage)


def _line_left_out(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Predicts each y by a least-squares line through the others, with that line's residual deviation."""
    mean, std = np.empty_like(y), np.empty_like(y)
    for i in range(len(y)):
        others = np.arange(len(y)) != i
        mean[i : i + 1], std[i : i + 1] = line_predictions(x[others], y[others], x[i : i + 1])
    return mean, std


def line_predictions(x: FloatArray, y: FloatArray, new_x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Evaluates a least-squares line through (x, y) at new_x, with its residual standard deviation, (new,) each."""
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y) / spread if spread > 0 else 0.0
    residual = y - y.mean() - slope * centred
    std = np.sqrt(residual @ residual / max(1, len(y) - 2))
    return y.mean() + slope * (new_x - x.mean()), np.full(len(new_x), std)
