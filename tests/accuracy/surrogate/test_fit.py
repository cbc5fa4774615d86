"""The surrogate: it learns, knows its doubt, is remade exactly, and says when it is no good."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from hw_models import CrossbarSpec
from xpert_evo.accuracy.surrogate.features import FeatureMap, macs
from xpert_evo.accuracy.surrogate.fit import TAU_TIE, FittedSurrogate, SurrogateKind, fit_surrogate, honesty
from xpert_evo.accuracy.surrogate.models import MODELS
from xpert_evo.accuracy.surrogate.quality import (
    LARGEST_TAU_ERROR,
    Quality,
    kendall_tau,
    line_predictions,
    tau_error,
)
from xpert_evo.accuracy.surrogate.scale import CEILING_MARGIN
from xpert_evo.backbones import load_backbone
from xpert_evo.errors import ConfigError
from xpert_evo.objectives import FloatArray
from xpert_evo.search.seeding import varied_designs
from xpert_evo.space import Genomes, SearchSpace

SPACE = SearchSpace(load_backbone("vgg8"))
CROSSBAR = CrossbarSpec()
SEED_STD = 0.01


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def labels(genomes: Genomes, rng: np.random.Generator) -> FloatArray:
    """Saturating in size, falling with the noise of the weakest layers, and a seed's luck."""
    feature_map = FeatureMap(SPACE, crossbar=CROSSBAR)
    table = dict(zip(feature_map.names, feature_map(genomes).T, strict=True))
    loss = 0.1 * np.exp2(-(table["log2_macs"] - 26) / 2) + 0.5 / (1 + np.exp(table["through_snr"]))
    return np.asarray(np.clip(0.9 - loss + SEED_STD * rng.standard_normal(len(genomes)), 0.05, 1))


def designs(n: int, seed: int) -> tuple[Genomes, FloatArray]:
    rng = np.random.default_rng(seed)
    genomes = varied_designs(SPACE, n, rng)
    return genomes, labels(genomes, rng)


@pytest.fixture(scope="module")
def fitted() -> FittedSurrogate:
    genomes, accuracies = designs(40, 0)
    return fit_surrogate(SPACE, genomes, accuracies, crossbar=CROSSBAR, seed=0, seed_std=SEED_STD)


def test_it_ranks_unseen_designs_better_than_their_size_does(fitted: FittedSurrogate) -> None:
    genomes, accuracies = designs(120, 1)
    report = honesty(*fitted.predict(genomes), accuracies, macs(SPACE, genomes))
    assert report.surrogate.tau > max(0.6, report.baseline.tau)
    assert report.surrogate.rmse < accuracies.std()
    assert report.warning is None


@pytest.mark.parametrize("kind", MODELS)
def test_intervals_hold_on_average_over_label_sets_and_for_promising_designs_too(
    kind: SurrogateKind,
) -> None:
    everywhere: list[float] = []
    promising: list[float] = []
    for seed in range(6):
        genomes, accuracies = designs(20, 100 + seed)
        surrogate = fit_surrogate(SPACE, genomes, accuracies, crossbar=CROSSBAR, seed=seed, kind=kind)
        unseen, measured = designs(200, 200 + seed)
        mean, std = surrogate.predict(unseen)
        best = np.argsort(-mean)[:50]
        everywhere.append(Quality.of(mean, std, measured).coverage)
        promising.append(Quality.of(mean[best], std[best], measured[best]).coverage)
    assert 0.85 <= np.mean(everywhere) <= 0.99
    assert np.mean(promising) >= 0.8


@pytest.mark.parametrize("kind", MODELS)
def test_designs_beyond_the_trained_ones_are_not_predicted_far_above_the_best_label(kind: SurrogateKind) -> None:
    genomes, accuracies = designs(120, 10)
    small = np.argsort(macs(SPACE, genomes))[:30]
    surrogate = fit_surrogate(SPACE, genomes[small], accuracies[small], crossbar=CROSSBAR, seed=0, kind=kind)
    largest = SPACE.n_choices[None] - 1
    mean, std = surrogate.predict(largest)
    known = surrogate.predict(genomes[small])[1]
    assert mean.max() <= accuracies[small].max() + CEILING_MARGIN
    assert std.max() <= 0.5
    assert std.max() > known.min()


def test_the_winner_ranks_as_well_as_the_best_competitor_with_the_least_error(fitted: FittedSurrogate) -> None:
    report = fitted.report
    assert set(report.models) == set(SurrogateKind)
    assert report.n_labels == report.baseline.n == 40
    as_good = [q for q in report.models.values() if q.tau >= max(m.tau for m in report.models.values()) - TAU_TIE]
    assert report.models[report.chosen].rmse == min(q.rmse for q in as_good)
    assert report.models[report.chosen].tau > report.baseline.tau


@pytest.mark.parametrize("kind", MODELS)
def test_a_fit_is_remade_exactly_from_its_labels(kind: SurrogateKind) -> None:
    genomes, accuracies = designs(16, 2)
    fits = [fit_surrogate(SPACE, genomes, accuracies, crossbar=CROSSBAR, seed=7, kind=kind) for _ in range(2)]
    unseen, _ = designs(20, 3)
    for a, b in zip(fits[0].predict(unseen), fits[1].predict(unseen), strict=True):
        assert_array_equal(a, b)
    assert fits[0].report == fits[1].report
    assert fits[0].report.chosen == kind


@pytest.mark.parametrize("kind", MODELS)
def test_predictions_are_fractions_with_positive_doubt(kind: SurrogateKind) -> None:
    genomes, accuracies = designs(12, 4)
    surrogate = fit_surrogate(SPACE, genomes, accuracies, crossbar=CROSSBAR, seed=0, kind=kind)
    mean, std = surrogate.predict(SPACE.random(np.random.default_rng(0), 200))
    assert ((mean >= 0) & (mean <= 1)).all()
    assert (std > 0).all()
    assert [len(part) for part in surrogate.predict(SPACE.random(np.random.default_rng(0), 0))] == [0, 0]


@pytest.mark.parametrize("kind", [SurrogateKind.RIDGE, SurrogateKind.GAUSSIAN_PROCESS, SurrogateKind.RELEVANCE])
def test_doubt_grows_away_from_what_is_known(kind: SurrogateKind) -> None:
    rng = np.random.default_rng(5)
    features = rng.standard_normal((30, 6))
    model = MODELS[kind](
        features, features @ rng.standard_normal(6), noise_std=0.1, seed=0, groups=np.zeros(6, dtype=int)
    )
    assert (model.predict(5 * features)[1] > model.predict(features)[1]).all()


def test_several_seeds_of_one_design_are_never_split_between_folds() -> None:
    genomes, _ = designs(6, 8)
    rng = np.random.default_rng(0)
    repeated, chance = np.repeat(genomes, 4, axis=0), np.repeat(rng.random(6), 4)
    report = fit_surrogate(SPACE, repeated, chance, crossbar=CROSSBAR, seed=0, kind="ridge").report
    assert report.models[SurrogateKind.RIDGE].tau < 0.7


def test_equal_labels_are_survived() -> None:
    genomes, _ = designs(8, 9)
    mean, _ = fit_surrogate(SPACE, genomes, np.full(8, 0.5), crossbar=CROSSBAR, seed=0).predict(genomes)
    assert mean == pytest.approx(0.5, abs=1e-3)


def test_the_spread_of_repeated_seeds_is_the_least_doubt() -> None:
    genomes, _ = designs(10, 11)
    repeated = np.repeat(genomes, 3, axis=0)
    doubts = []
    for spread in (0.001, 0.1):
        accuracies = np.clip(0.5 + spread * np.tile([-1, 0, 1], 10), 0, 1)
        surrogate = fit_surrogate(SPACE, repeated, accuracies, crossbar=CROSSBAR, seed=0, kind="networks")
        doubts.append(surrogate.predict(genomes)[1].min())
    assert doubts[0] < 0.01
    assert doubts[1] > 0.08


def test_too_few_labels_unknown_models_and_wrong_labels_are_refused() -> None:
    genomes, accuracies = designs(5, 0)
    with pytest.raises(ConfigError, match="at least 4 trained designs, got 3"):
        fit_surrogate(SPACE, genomes[:3], accuracies[:3], crossbar=CROSSBAR, seed=0)
    with pytest.raises(ConfigError, match="did you mean 'ridge'"):
        fit_surrogate(SPACE, genomes, accuracies, crossbar=CROSSBAR, seed=0, kind="rigde")
    with pytest.raises(ValueError, match="5 fractions"):
        fit_surrogate(SPACE, genomes, 100 * accuracies, crossbar=CROSSBAR, seed=0)


def test_honesty_warns_when_size_ranks_better() -> None:
    work = np.array([1e6, 2e6, 4e6, 8e6])
    measured = np.array([0.4, 0.5, 0.6, 0.7])
    report = honesty(measured[::-1], np.full(4, 0.1), measured, work)
    assert report.baseline.tau == 1
    assert report.surrogate.tau == -1
    assert report.warning is not None
    assert "tau -1.00 against 1.00 on 4 held-out" in report.warning


def test_honesty_does_not_warn_when_the_surrogate_ranks_better() -> None:
    measured = np.array([0.4, 0.5, 0.6, 0.7])
    assert honesty(measured, np.full(4, 0.1), measured, [8e6, 1e6, 4e6, 2e6]).warning is None


def test_honesty_warns_of_few_predictions_with_a_large_error() -> None:
    work = np.array([8e6, 4e6, 2e6, 1e6])
    measured = np.array([0.13, 0.12, 0.15, 0.14])
    few = honesty(measured + np.array([0.1, 0.12, 0.1, 0.08]), np.full(4, 0.1), measured, work)
    assert few.surrogate.tau > few.baseline.tau
    assert few.warning is not None
    assert "Only 4 predictions were checked" in few.warning
    assert f"({100 * few.surrogate.rmse:.1f} points) is larger" in few.warning
    many = [np.tile(a, 8) + np.linspace(0, 1e-3, 32) for a in (measured, work)]
    assert honesty(many[0] + 0.1, np.full(32, 0.1), *many).warning is None


@pytest.mark.parametrize("wrong", [[0.5], [0.5, np.nan], [0.5, 0.6, 0.7]])
def test_honesty_refuses_what_it_cannot_judge(wrong: list[float]) -> None:
    other = [0.5] if len(wrong) == 1 else [0.5, 0.6]
    with pytest.raises(ValueError, match=r"honesty needs|at least two"):
        honesty(wrong, other, other, other)


def test_quality_counts_what_lies_within_the_ninety_percent_interval() -> None:
    quality = Quality.of([0.5, 0.5], [0.1, 0.1], [0.66, 0.67])
    assert quality.coverage == 0.5
    assert quality.rmse == pytest.approx(np.sqrt((0.16**2 + 0.17**2) / 2))


def test_rank_correlation_of_a_constant_is_zero() -> None:
    assert kendall_tau([1, 1, 1], [1, 2, 3]) == 0


def test_a_line_goes_through_points_on_a_line() -> None:
    mean, std = line_predictions(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]), np.array([4.0]))
    assert mean == pytest.approx([9.0])
    assert std == pytest.approx([0.0])


@pytest.mark.parametrize(
    ("n", "n_reversed", "words"),
    [
        (7, 0, "too early to say"),
        (7, 3, "too early to say"),
        (7, 7, "does not rank designs better"),
        (60, 0, "does not rank designs better"),
    ],
)
def test_few_trainings_do_not_tell_whether_a_ranking_is_better(n: int, n_reversed: int, words: str) -> None:
    measured = np.linspace(0.2, 0.9, n)
    predicted = np.concatenate([measured[:n_reversed][::-1], measured[n_reversed:]])
    warning = honesty(predicted, np.full(n, 0.1), measured, 2.0 ** np.arange(n)).warning
    assert warning is not None
    assert words in warning
    assert f"against 1.00 on {n} held-out trainings" in warning


def test_the_error_of_tau_is_that_of_random_rankings() -> None:
    rng = np.random.default_rng(0)
    for n in (7, 48):
        taus = [kendall_tau(rng.random(n), rng.random(n)) for _ in range(3000)]
        assert tau_error(n) == pytest.approx(np.std(taus), rel=0.05)
    assert tau_error(47) > LARGEST_TAU_ERROR > tau_error(48)
