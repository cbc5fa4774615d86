"""Fits the surrogate: predicts the accuracy of any design, with its uncertainty, from the designs trained so far.

Several models compete in cross-validation, on rank correlation first and on error in case of a tie. They learn the
log-odds of accuracy (`scale`), so none predicts more than slightly above the best label. The winner is fitted to all
labels, and its uncertainty is stretched until the 90 % intervals of the cross-validation contain 90 % of the labels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hw_models import CrossbarSpec
from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.accuracy.surrogate.features import FeatureMap, Losses, macs
from xpert_evo.accuracy.surrogate.kinds import AUTO, SurrogateKind, check_kind
from xpert_evo.accuracy.surrogate.models import MODELS, Model
from xpert_evo.accuracy.surrogate.quality import Z90, HonestyReport, Quality, honesty, line_predictions
from xpert_evo.accuracy.surrogate.scale import AccuracyScale
from xpert_evo.errors import ConfigError
from xpert_evo.genes import PERIPHERALS
from xpert_evo.objectives import FloatArray
from xpert_evo.space import Genomes, IntArray, SearchSpace

__all__ = ["AUTO", "FittedSurrogate", "HonestyReport", "SurrogateKind", "SurrogateReport", "fit_surrogate", "honesty"]

LEAST_LABELS = 4
"""Smallest number of labels that can be cross-validated."""
LEAST_MIXED = 8
"""Smallest number of designs with different layers from which a model may learn single layers' genes."""
TAU_TIE = 0.05
"""Rank correlations that differ by less count as equal: with few labels the difference is not significant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurrogateReport:
    """Results of the models in cross-validation.

    Attributes:
        n_labels: Number of labels used.
        chosen: The winning model, or the requested one.
        models: Cross-validated quality of each competing model.
        baseline: Quality of a straight line over the logarithm of the multiply-accumulates.
        std_scale: Factor applied to the chosen model's standard deviations of the log-odds, from the cross-validation.
    """

    n_labels: int
    chosen: SurrogateKind
    models: Mapping[SurrogateKind, Quality]
    baseline: Quality
    std_scale: float


class FittedSurrogate:
    """Predicts accuracy; created by `fit_surrogate`.

    Attributes:
        report: How the model was chosen, and its quality.
    """

    def __init__(self, features: "_Standardised", model: Model, report: SurrogateReport) -> None:
        self._features = features
        self._model = model
        self.report = report

    @own_numerics()
    def predict(self, genomes: Genomes) -> tuple[FloatArray, FloatArray]:
        """Median and standard deviation of the accuracy that training would measure, fractions, (designs,) each."""
        mean, std = self._model.predict(self._features.of(genomes, self.report.chosen))
        return self._features.accuracies(mean, std * self.report.std_scale)

    def draws(self, n_draws: int, rng: np.random.Generator) -> Callable[[Genomes], FloatArray]:
        """Draws functions that could be the designs' true accuracy, without the luck of a training.

        Their spread is stretched like the deviations of `predict`.

        Args:
            n_draws: Number of functions.
            rng: Random generator.

        Returns:
            A function of genomes, (draws, designs); the same genomes have the same accuracies in every call.
        """
        drawn = self._model.draws(n_draws, rng)

        @own_numerics()
        def accuracies(genomes: Genomes) -> FloatArray:
            table = self._features.of(genomes, self.report.chosen)
            mean = self._model.predict(table)[0]
            return self._features.medians(mean + self.report.std_scale * (drawn(table) - mean))

        return accuracies


@own_numerics()
def fit_surrogate(
    space: SearchSpace,
    genomes: Genomes,
    accuracies: ArrayLike,
    *,
    crossbar: CrossbarSpec,
    seed: int,
    losses: Losses | None = None,
    seed_std: float | None = None,
    kind: str = AUTO,
) -> FittedSurrogate:
    """Fits a surrogate to all labels; the same labels and seed give the same surrogate.

    Args:
        space: Search space of the genomes.
        genomes: Trained designs, (labels, genes); a design may occur several times, with different seeds.
        accuracies: Measured accuracies, fractions, (labels,).
        crossbar: Crossbar whose conversions limit the signal-to-noise ratio.
        seed: Random seed of the folds and the networks.
        losses: Losses in the wires of the chips that labels are measured on; see `FeatureMap`.
        seed_std: Known spread of the accuracy between seeds of one design; None derives it from designs that occur
            several times, or leaves it to the models if there are none.
        kind: A `SurrogateKind`, or `auto` to let them compete.

    Raises:
        ConfigError: If `kind` is unknown, or there are too few labels.
        ValueError: If labels are not fractions, one for each genome.
    """
    genomes, labels = space.check(genomes), np.asarray(accuracies, dtype=np.float64)
    if labels.shape != (len(genomes),) or not ((labels >= 0) & (labels <= 1)).all():
        raise ValueError(f"accuracies must be {len(genomes)} fractions from 0 to 1, got shape {labels.shape}.")
    if len(labels) < LEAST_LABELS:
        raise ConfigError(f"a surrogate needs at least {LEAST_LABELS} trained designs, got {len(labels)}; train more.")
    mixed = _mixed(space, genomes)
    kinds = _kinds(kind, int(mixed.sum()))
    features = _Standardised(FeatureMap(space, crossbar=crossbar, losses=losses), genomes, labels)
    targets = features.targets(labels)
    noise_std = _seed_std(genomes, labels, seed_std) / max(float(labels.std()), _NO_SPREAD)
    folds = _folds(genomes, np.random.default_rng(seed))

    def fitted(one: SurrogateKind, rows: NDArray[np.bool_]) -> Model:
        table = features.of(genomes[rows], one)
        return MODELS[one](table, targets[rows], noise_std=noise_std, seed=seed, groups=features.groups)

    def crossed(one: SurrogateKind) -> tuple[FloatArray, FloatArray]:
        mean, std = np.empty(len(labels)), np.empty(len(labels))
        for fold in np.unique(folds):
            out = folds == fold
            mean[out], std[out] = fitted(one, ~out).predict(features.of(genomes[out], one))
        return mean, std

    predictions = {one: crossed(one) for one in kinds}
    scales = {one: _std_scale(features, *predictions[one], labels) for one in kinds}
    estimates = {one: features.accuracies(mean, std * scales[one]) for one, (mean, std) in predictions.items()}
    qualities = {one: Quality.of(mean, std, labels) for one, (mean, std) in estimates.items()}
    chosen = _best(qualities)
    if len(kinds) > 1 and any(one.reads_layers for one in kinds):  # homogeneous designs say nothing about single layers
        chosen = _best({one: Quality.of(m[mixed], s[mixed], labels[mixed]) for one, (m, s) in estimates.items()})
    report = SurrogateReport(
        n_labels=len(labels),
        chosen=chosen,
        models=qualities,
        baseline=_baseline(np.log2(macs(space, genomes)), labels, folds),
        std_scale=scales[chosen],
    )
    return FittedSurrogate(features, fitted(chosen, np.ones(len(labels), dtype=bool)), report)


class _Standardised:
    """Weighted features and log-odds of labels, with mean 0 and deviation 1 over the trained designs."""

    def __init__(self, feature_map: FeatureMap, genomes: Genomes, labels: FloatArray) -> None:
        self._map = feature_map
        self._accuracy = AccuracyScale.of(labels, feature_map.space.backbone.n_classes)
        table, log_odds = self._wide(genomes), self._accuracy.log_odds(labels)
        self._n_summarised = len(feature_map.names)
        self._weights = np.concatenate([feature_map.weights, np.ones(table.shape[1] - self._n_summarised)])
        self._mean, self._scale = table.mean(axis=0), table.std(axis=0)
        self._scale[self._scale < _NO_SPREAD] = 1.0
        self._label_mean = float(log_odds.mean())
        self._label_scale = max(float(log_odds.std()), _NO_SPREAD)

    @property
    def groups(self) -> IntArray:
        """See `FeatureMap.groups`."""
        return self._map.groups

    def of(self, genomes: Genomes, kind: SurrogateKind) -> FloatArray:
        """Returns the standardised features that a model reads, each times its weight, (designs, features)."""
        if kind.reads_layers:
            return np.asarray((self._wide(genomes) - self._mean) / self._scale * self._weights)
        n = self._n_summarised
        return np.asarray((self._map(genomes) - self._mean[:n]) / self._scale[:n] * self._weights[:n])

    def _wide(self, genomes: Genomes) -> FloatArray:
        return np.concatenate([self._map(genomes), self._map.layer_genes(genomes)], axis=1)

    def targets(self, labels: FloatArray) -> FloatArray:
        """Returns standardised log-odds of labels."""
        return (self._accuracy.log_odds(labels) - self._label_mean) / self._label_scale

    def medians(self, mean: FloatArray) -> FloatArray:
        """Converts predictions to fractions of accuracy, without deviations, of any shape."""
        return self._accuracy.restored(mean * self._label_scale + self._label_mean)

    def accuracies(self, mean: FloatArray, std: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Converts predictions to fractions of accuracy."""
        return self._accuracy.accuracies(mean * self._label_scale + self._label_mean, std * self._label_scale)


_NO_SPREAD = 1e-6
_N_FOLDS = 6
_FACTORS = np.geomspace(1.0, 16.0, 81)


def _mixed(space: SearchSpace, genomes: Genomes) -> NDArray[np.bool_]:
    """Returns which designs have layers that differ in a peripheral that changes the accuracy, (designs,)."""
    kinds = [kind for kind in PERIPHERALS if kind in space.kinds and kind.record.changes_accuracy]
    tables = [space.values(genomes, kind) for kind in kinds]
    mixed = np.zeros(len(genomes), dtype=bool)
    for table in tables:
        mixed |= (table != table[:, :1]).any(axis=1)
    return mixed


def _kinds(kind: str, n_mixed: int) -> list[SurrogateKind]:
    """The models that compete: those that read single layers only where enough designs tell layers apart."""
    check_kind(kind)
    if kind != AUTO:
        return [SurrogateKind(kind)]
    return [one for one in MODELS if n_mixed >= LEAST_MIXED or not one.reads_layers]


def _folds(genomes: Genomes, rng: np.random.Generator) -> np.ndarray:
    """Assigns a fold to each label; all labels of a design share one, otherwise they would leak the answer."""
    _, design = np.unique(genomes, axis=0, return_inverse=True)
    n_designs = int(design.max()) + 1
    return (rng.permutation(n_designs) % min(_N_FOLDS, n_designs))[design.ravel()]


def _std_scale(features: _Standardised, mean: FloatArray, std: FloatArray, labels: FloatArray) -> float:
    """Returns the smallest factor on the deviations at which 90 % of labels lie within their 90 % intervals.

    Deviations are stretched in log-odds, where designs far from the trained ones are stretched most. The quantile takes
    the finite number of labels into account (split conformal prediction; Vovk et al., 2005). Deviations are never
    shrunk, because designs of the front differ more from the trained ones than folds do from each other. The condition
    must also hold for the third of the labels with the highest predictions, since a search selects such designs.
    """
    level = min(1.0, 0.9 * (len(labels) + 1) / len(labels))
    promising = np.argsort(-mean, kind="stable")[: max(1, len(mean) // 3)]
    for factor in _FACTORS:
        median, deviation = features.accuracies(mean, std * factor)
        ratios = np.abs(labels - median) / (Z90 * deviation)
        if np.quantile(ratios, level, method="higher") <= 1 and np.quantile(ratios[promising], 0.9) <= 1:
            break
    return float(factor)


def _best(qualities: Mapping[SurrogateKind, Quality]) -> SurrogateKind:
    """Returns the model with the smallest error among those whose rank correlation is as good as the best."""
    highest = max(quality.tau for quality in qualities.values())
    return min(
        (kind for kind in qualities if qualities[kind].tau >= highest - TAU_TIE), key=lambda k: qualities[k].rmse
    )


def _seed_std(genomes: Genomes, labels: FloatArray, known: float | None) -> float:
    """Spread of accuracy between seeds of one design: the known value, an estimate from repeated designs, or 0."""
    if known is not None:
        return known
    _, design, counts = np.unique(genomes, axis=0, return_inverse=True, return_counts=True)
    n_repeats = len(labels) - len(counts)
    if not n_repeats:
        return 0.0
    means = np.bincount(design.ravel(), labels) / counts
    return float(np.sqrt(((labels - means[design.ravel()]) ** 2).sum() / n_repeats))


def _baseline(work: FloatArray, labels: FloatArray, folds: np.ndarray) -> Quality:
    mean, std = np.empty_like(labels), np.empty_like(labels)
    for fold in np.unique(folds):
        out = folds == fold
        mean[out], std[out] = line_predictions(work[~out], labels[~out], work[out])
    return Quality.of(mean, std, labels)
