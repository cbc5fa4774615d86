"""Accuracy at native size as a second fidelity: a few native trainings correct what a search learned from proxies.

The log-odds of native accuracy are modelled as a shift plus a slope times the log-odds that the proxies' surrogate
expects, plus a slope for the signal-to-noise ratio of each third of the layers: proxies with fewer rows per column
misjudge how many bits early and late layers need. The layers' slopes are shrunk by ridge regression, whose strength is
chosen by leaving out one design at a time, and dropped altogether unless they predict better than the proxies alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hw_models import CrossbarSpec
from xpert_evo.accuracy.surrogate.features import FeatureMap
from xpert_evo.accuracy.surrogate.quality import kendall_tau
from xpert_evo.objectives import FloatArray
from xpert_evo.space import Genomes, SearchSpace

N_GROUPS = 3
"""Number of groups of layers: first, middle and last third."""

LEAST_NATIVE = 6
"""Smallest number of native trainings that are cross-validated (assumed: two for each of shift, slope and layers)."""

_STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Strengths of the shrinkage of standardised features, in observations."""

_MARGIN = 1e-3
_BITS_DB = 6.02


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityReport:
    """How well native accuracies are predicted, each from the other designs' native accuracies.

    Attributes:
        n: Number of native trainings.
        tau_proxy: Kendall's tau of what the proxies' surrogate expects.
        tau_corrected: Kendall's tau of the corrected predictions.
        rmse_proxy: Error of the shift and slope alone, in points of accuracy as a fraction.
        rmse_corrected: Error of the corrected predictions.
        helps: Whether the correction by layers has the smaller error and no worse ranking.
    """

    n: int
    tau_proxy: float
    tau_corrected: float
    rmse_proxy: float
    rmse_corrected: float
    helps: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFidelity:
    """Predicts accuracy at native size; made by `fit_second_fidelity`.

    Attributes:
        report: Its cross-validation.
        weights: Shift, slope, and the slope of each group of layers, of standardised features.
        means: Means of slope and layer features over the native trainings.
        deviations: Their standard deviations.
        features: Features of the search space.
    """

    report: FidelityReport
    weights: FloatArray
    means: FloatArray
    deviations: FloatArray
    features: FeatureMap

    def predict(self, genomes: Genomes, expected: FloatArray) -> FloatArray:
        """Returns expected native accuracies, fractions (designs,).

        Args:
            genomes: Designs, (designs, genes).
            expected: Accuracies of their proxies as the surrogate expects them, fractions (designs,).
        """
        table = (_table(self.features, genomes, expected) - self.means) / self.deviations
        return _accuracies(self.weights[0] + table @ self.weights[1:])


def fit_second_fidelity(
    space: SearchSpace, genomes: Genomes, expected: FloatArray, native: FloatArray, *, crossbar: CrossbarSpec
) -> SecondFidelity:
    """Fits the correction to native trainings.

    Args:
        space: Search space of the genomes.
        genomes: Designs trained at native size, (designs, genes), at least `LEAST_NATIVE`.
        expected: Accuracies of their proxies as the surrogate expects them, fractions (designs,).
        native: Measured native accuracies, fractions (designs,).
        crossbar: Crossbar whose conversions limit the signal-to-noise ratio.

    Raises:
        ValueError: There are too few designs.
    """
    if len(native) < LEAST_NATIVE:
        raise ValueError(f"a second fidelity needs at least {LEAST_NATIVE} native trainings, got {len(native)}.")
    features = FeatureMap(space, crossbar=crossbar)
    table, targets = _table(features, genomes, expected), _log_odds(native)
    corrected = np.array([_left_out(table, targets, row) for row in range(len(native))])
    simple = np.array([_one_left_out(table[:, :1], targets, row, np.inf) for row in range(len(native))])
    errors = [float(np.sqrt(np.mean((_accuracies(odds) - native) ** 2))) for odds in (simple, corrected)]
    tau_proxy, tau_corrected = kendall_tau(expected, native), kendall_tau(corrected, native)
    report = FidelityReport(
        n=len(native),
        tau_proxy=tau_proxy,
        tau_corrected=tau_corrected,
        rmse_proxy=errors[0],
        rmse_corrected=errors[1],
        helps=errors[1] < errors[0] and tau_corrected >= tau_proxy,
    )
    means, deviations = table.mean(axis=0), np.maximum(table.std(axis=0), _MARGIN)
    strength = _strength(table, targets) if report.helps else np.inf
    weights = _weights((table - means) / deviations, targets, strength)
    return SecondFidelity(report=report, weights=weights, means=means, deviations=deviations, features=features)


def _table(features: FeatureMap, genomes: Genomes, expected: FloatArray) -> FloatArray:
    """Log-odds expected of the proxies, then the mean ratio of each group of layers in bits, (designs, 1 + groups)."""
    bits = features.snr_db(genomes) / _BITS_DB
    groups = [bits[:, part].mean(axis=1) for part in _groups(bits.shape[1])]
    return np.stack([_log_odds(expected), *groups], axis=1)


def _groups(n_layers: int) -> Sequence[np.ndarray]:
    return [part for part in np.array_split(np.arange(n_layers), N_GROUPS) if len(part)]


def _left_out(table: FloatArray, targets: FloatArray, row: int) -> float:
    """The prediction of one design by the others, which also choose the strength of the shrinkage."""
    kept = np.arange(len(targets)) != row
    return _one_left_out(table, targets, row, _strength(table[kept], targets[kept]))


def _strength(table: FloatArray, targets: FloatArray) -> float:
    """The strength with the smallest error of designs left out one at a time; infinite drops the layers' slopes."""

    def error(strength: float) -> float:
        found = [_one_left_out(table, targets, row, strength) for row in range(len(targets))]
        return float(np.mean((np.array(found) - targets) ** 2))

    return min((np.inf, *reversed(_STRENGTHS)), key=error)


def _one_left_out(table: FloatArray, targets: FloatArray, row: int, strength: float) -> float:
    kept = np.arange(len(targets)) != row
    means, deviations = table[kept].mean(axis=0), np.maximum(table[kept].std(axis=0), _MARGIN)
    weights = _weights((table[kept] - means) / deviations, targets[kept], strength)
    return float(weights[0] + (table[row] - means) / deviations @ weights[1:])


def _weights(table: FloatArray, targets: FloatArray, strength: float) -> FloatArray:
    """Ridge regression with a free shift and slope; the other columns are shrunk, or dropped at infinite strength."""
    n, n_columns = table.shape
    used = 1 if np.isinf(strength) else n_columns
    design = np.column_stack([np.ones(n), table[:, :used]])
    penalties = np.array([0.0, 0.0, *[strength] * (used - 1)])
    found = np.zeros(1 + n_columns)
    found[: 1 + used] = np.linalg.solve(design.T @ design + np.diag(penalties + 1e-9), design.T @ targets)
    return found


def _log_odds(accuracies: FloatArray) -> FloatArray:
    inside = np.clip(accuracies, _MARGIN, 1 - _MARGIN)
    return np.asarray(np.log(inside / (1 - inside)))


def _accuracies(log_odds: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-log_odds)))
