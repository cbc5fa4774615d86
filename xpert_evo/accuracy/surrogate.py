"""The surrogate: predicts the accuracy of any design, with its doubt, from the designs trained so far.

Several models compete on cross-validated rank correlation; the winner is fitted to all labels, and its standard
deviations are stretched until the 90 % intervals of the cross-validation hold 90 % of the labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hw_models import CrossbarSpec
from xpert_evo.accuracy.features import FeatureMap, macs
from xpert_evo.accuracy.surrogate_models import MODELS, Model, SurrogateKind
from xpert_evo.accuracy.surrogate_quality import Z90, HonestyReport, Quality, honesty, line_predictions
from xpert_evo.errors import ConfigError
from xpert_evo.objectives import FloatArray
from xpert_evo.space import Genomes, SearchSpace
from xpert_evo.validation import nearest

__all__ = ["FittedSurrogate", "HonestyReport", "SurrogateKind", "SurrogateReport", "fit_surrogate", "honesty"]

AUTO = "auto"
LEAST_LABELS = 4
"""Fewer labels cannot be cross-validated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurrogateReport:
    """How the models did in cross-validation.

    Attributes:
        n_labels: Trainings that they learnt from.
        chosen: The model that won, or that was asked for.
        models: Cross-validated quality of each competing model.
        baseline: Of a straight line over the logarithm of the multiply-accumulates.
        std_scale: Factor on the chosen model's standard deviations that the cross-validation asked for.
    """

    n_labels: int
    chosen: SurrogateKind
    models: Mapping[SurrogateKind, Quality]
    baseline: Quality
    std_scale: float


class FittedSurrogate:
    """Predicts accuracy; made by `fit_surrogate`.

    Attributes:
        report: How it was chosen and how good it is.
    """

    def __init__(self, features: "_Standardised", model: Model, report: SurrogateReport) -> None:
        self._features = features
        self._model = model
        self.report = report

    def predict(self, genomes: Genomes) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the accuracy that a training would measure, fractions, (designs,) each."""
        mean, std = self._model.predict(self._features.of(genomes))
        mean, std = self._features.accuracies(mean, std * self.report.std_scale)
        return np.clip(mean, 0, 1), std


def fit_surrogate(
    space: SearchSpace,
    genomes: Genomes,
    accuracies: ArrayLike,
    *,
    crossbar: CrossbarSpec,
    seed: int,
    seed_std: float | None = None,
    kind: str = AUTO,
) -> FittedSurrogate:
    """A surrogate of all labels; the same labels and seed give the same surrogate.

    Args:
        space: Of the genomes.
        genomes: Trained designs, (labels, genes); a design may stand there several times, with different seeds.
        accuracies: What the trainings measured, fractions, (labels,).
        crossbar: Whose conversions limit the signal-to-noise ratio.
        seed: For the folds and the networks.
        seed_std: Known spread of the accuracy between seeds of one design; None where it is not known.
        kind: A `SurrogateKind`, or `auto` to let them compete.

    Raises:
        ConfigError: `kind` is unknown, or there are too few labels.
        ValueError: Labels are not fractions, one for each genome.
    """
    genomes, labels = space.check(genomes), np.asarray(accuracies, dtype=np.float64)
    if labels.shape != (len(genomes),) or not ((labels >= 0) & (labels <= 1)).all():
        raise ValueError(f"accuracies must be {len(genomes)} fractions from 0 to 1, got shape {labels.shape}.")
    if len(labels) < LEAST_LABELS:
        raise ConfigError(f"a surrogate needs at least {LEAST_LABELS} trained designs, got {len(labels)}; train more.")
    kinds = _kinds(kind)
    features = _Standardised(FeatureMap(space, crossbar=crossbar), genomes, labels)
    table, targets = features.of(genomes), features.targets(labels)
    noise_std = (seed_std or 0.0) / features.label_scale
    folds = _folds(genomes, np.random.default_rng(seed))
    work = np.log2(macs(space, genomes))

    def crossed(one: SurrogateKind) -> tuple[FloatArray, FloatArray]:
        mean, std = np.empty(len(labels)), np.empty(len(labels))
        for fold in np.unique(folds):
            out = folds == fold
            model = MODELS[one](table[~out], targets[~out], noise_std=noise_std, seed=seed)
            mean[out], std[out] = model.predict(table[out])
        return features.accuracies(mean, std)

    predictions = {one: crossed(one) for one in kinds}
    scales = {one: _std_scale(*predictions[one], labels) for one in kinds}
    qualities = {one: Quality.of(mean, std * scales[one], labels) for one, (mean, std) in predictions.items()}
    chosen = max(kinds, key=lambda one: (round(qualities[one].tau, 3), -qualities[one].rmse))
    report = SurrogateReport(
        n_labels=len(labels),
        chosen=chosen,
        models=qualities,
        baseline=_baseline(work, labels, folds),
        std_scale=scales[chosen],
    )
    return FittedSurrogate(features, MODELS[chosen](table, targets, noise_std=noise_std, seed=seed), report)


class _Standardised:
    """Features and labels with mean 0 and deviation 1 over the trained designs."""

    def __init__(self, feature_map: FeatureMap, genomes: Genomes, labels: FloatArray) -> None:
        self._map = feature_map
        table = feature_map(genomes)
        self._mean, self._scale = table.mean(axis=0), table.std(axis=0)
        self._scale[self._scale < _NO_SPREAD] = 1.0
        self._label_mean = float(labels.mean())
        self.label_scale = max(float(labels.std()), _NO_SPREAD)

    def of(self, genomes: Genomes) -> FloatArray:
        """Standardised features (designs, features)."""
        return np.asarray((self._map(genomes) - self._mean) / self._scale)

    def targets(self, labels: FloatArray) -> FloatArray:
        """Standardised labels."""
        return (labels - self._label_mean) / self.label_scale

    def accuracies(self, mean: FloatArray, std: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Predictions in fractions of accuracy."""
        return mean * self.label_scale + self._label_mean, std * self.label_scale


_NO_SPREAD = 1e-6
_N_FOLDS = 6


def _kinds(kind: str) -> list[SurrogateKind]:
    if kind == AUTO:
        return list(MODELS)
    if kind not in set(MODELS):
        raise ConfigError(f"search.surrogate: no surrogate is called '{kind}'; {nearest(kind, [AUTO, *MODELS])}")
    return [SurrogateKind(kind)]


def _folds(genomes: Genomes, rng: np.random.Generator) -> np.ndarray:
    """A fold for each label; trainings of one design share theirs, or the others would give the answer away."""
    _, design = np.unique(genomes, axis=0, return_inverse=True)
    n_designs = int(design.max()) + 1
    return (rng.permutation(n_designs) % min(_N_FOLDS, n_designs))[design.ravel()]


def _std_scale(mean: FloatArray, std: FloatArray, labels: FloatArray) -> float:
    """The factor on the deviations at which nine in ten labels lie within their 90 % interval.

    The quantile takes the finite number of labels into account (split conformal prediction; Vovk et al., 2005).
    Deviations are never shrunk: designs of the front differ more from the trained ones than folds from each other.
    """
    ratios = np.abs(labels - mean) / (Z90 * std)
    level = min(1.0, 0.9 * (len(labels) + 1) / len(labels))
    return float(np.clip(np.quantile(ratios, level, method="higher"), 1.0, 10.0))


def _baseline(work: FloatArray, labels: FloatArray, folds: np.ndarray) -> Quality:
    mean, std = np.empty_like(labels), np.empty_like(labels)
    for fold in np.unique(folds):
        out = folds == fold
        mean[out], std[out] = line_predictions(work[~out], labels[~out], work[out])
    return Quality.of(mean, std, labels)
