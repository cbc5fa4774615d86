"""The process that reads single layers learns them where labels tell them apart, and keeps its doubt where not."""

import numpy as np
import pytest

from hw_models import CrossbarSpec
from xpert_evo.accuracy.surrogate.fit import fit_surrogate
from xpert_evo.accuracy.surrogate.kinds import SurrogateKind
from xpert_evo.accuracy.surrogate.relevance import RelevanceProcess, _Posterior
from xpert_evo.backbones import load_backbone
from xpert_evo.genes import GeneKind
from xpert_evo.objectives import FloatArray
from xpert_evo.search.seeding import DEPTH_FACTORS, homogeneous_designs, varied_designs
from xpert_evo.space import Genomes, SearchSpace

SPACE = SearchSpace(load_backbone("vgg8"))
ADC = [i for i, gene in enumerate(SPACE.genes) if gene.kind is GeneKind.ADC_PRECISION]
STRONG = ADC[3]


def one_layer(genomes: Genomes, seed: int) -> FloatArray:
    """An accuracy that one layer's ADC precision decides."""
    noise = 0.01 * np.random.default_rng(seed).standard_normal(len(genomes))
    return np.asarray(np.clip(0.4 + 0.08 * genomes[:, STRONG] + noise, 0, 1))


def test_the_gradient_is_that_of_the_value() -> None:
    rng = np.random.default_rng(0)
    fit = _Posterior(rng.standard_normal((12, 5)), rng.standard_normal(12), np.array([0, 0, 1, 1, 1]), 0.01)
    theta = fit.start + 0.3 * rng.standard_normal(len(fit.start))
    steps = 1e-5 * np.eye(len(theta))
    slopes = [(fit(theta + step)[0] - fit(theta - step)[0]) / 2e-5 for step in steps]
    assert fit(theta)[1] == pytest.approx(slopes, abs=1e-6)


def test_steps_of_any_length_can_be_tried() -> None:
    rng = np.random.default_rng(0)
    fit = _Posterior(rng.standard_normal((12, 5)), rng.standard_normal(12), np.array([0, 0, 1, 1, 1]), 0.0)
    for length in (1e1, 1e3, 1e6):
        direction = rng.standard_normal(len(fit.start))
        near, far = fit(fit.start), fit(fit.start + length * direction)
        assert np.isfinite(far[0])
        assert far[0] > near[0]
        assert far[1] @ direction > 0  # the way back


def test_it_finds_the_layer_that_matters_where_summaries_cannot() -> None:
    genomes = varied_designs(SPACE, 60, np.random.default_rng(1))
    unseen = varied_designs(SPACE, 100, np.random.default_rng(2))
    fits = {
        kind: fit_surrogate(SPACE, genomes, one_layer(genomes, 0), crossbar=CrossbarSpec(), seed=0, kind=kind)
        for kind in ("gaussian-process", "auto")
    }
    errors = {kind: np.abs(fit.predict(unseen)[0] - one_layer(unseen, 1)).mean() for kind, fit in fits.items()}
    assert fits["auto"].report.chosen is SurrogateKind.RELEVANCE
    assert errors["auto"] < 0.5 * errors["gaussian-process"]


def homogeneous(n: int) -> Genomes:
    designs = homogeneous_designs(SPACE, DEPTH_FACTORS)
    return designs[np.random.default_rng(3).permutation(len(designs))[:n]]


def test_homogeneous_designs_alone_are_no_ground_to_judge_single_layers() -> None:
    genomes = homogeneous(40)
    report = fit_surrogate(SPACE, genomes, one_layer(genomes, 0), crossbar=CrossbarSpec(), seed=0).report
    assert SurrogateKind.RELEVANCE not in report.models


def test_it_does_not_guess_between_layers_that_labels_cannot_tell_apart() -> None:
    genomes = homogeneous(60)
    surrogate = fit_surrogate(SPACE, genomes, one_layer(genomes, 0), crossbar=CrossbarSpec(), seed=0, kind="relevance")
    low = np.tile(genomes[:1], (len(ADC), 1))
    low[:, ADC] = 1
    high = low.copy()
    high[np.arange(len(ADC)), ADC] = 4  # one layer each is far better
    mean, std = surrogate.predict(high)
    everywhere, known = surrogate.predict(np.where(np.isin(np.arange(SPACE.n_genes), ADC), 4, low[:1]))
    gains = mean - surrogate.predict(low[:1])[0]
    whole = float((everywhere - surrogate.predict(low[:1])[0])[0])
    assert (gains < 0.6 * whole).all(), "no layer is credited with what all of them do together"
    assert (std > known).all(), "and its doubt is larger than for a homogeneous design"


def test_draws_have_the_mean_and_the_spread_of_the_predictions() -> None:
    rng = np.random.default_rng(4)
    features, unseen = rng.standard_normal((30, 6)), rng.standard_normal((8, 6))
    targets = features[:, 0] + np.sin(2 * features[:, 1])
    process = RelevanceProcess(features, targets, noise_std=0.1, seed=0, groups=np.zeros(6, dtype=int))
    drawn = process.draws(3000, rng)(unseen)
    mean, std = process.predict(unseen)
    assert drawn.mean(axis=0) == pytest.approx(mean, abs=0.06)
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(std**2 - process.noise_variance), rel=0.25)


@pytest.mark.parametrize("kind", list(SurrogateKind))
def test_a_drawn_function_is_one_function(kind: SurrogateKind) -> None:
    genomes = varied_designs(SPACE, 30, np.random.default_rng(5))
    surrogate = fit_surrogate(SPACE, genomes, one_layer(genomes, 0), crossbar=CrossbarSpec(), seed=0, kind=kind)
    functions = surrogate.draws(400, np.random.default_rng(0))
    drawn = functions(genomes)
    assert drawn.shape == (400, 30)
    assert functions(genomes[7:9]) == pytest.approx(drawn[:, 7:9], abs=1e-6)
    assert surrogate.draws(400, np.random.default_rng(0))(genomes) == pytest.approx(drawn, abs=1e-12)
    mean, std = surrogate.predict(genomes)
    assert np.median(drawn, axis=0) == pytest.approx(mean, abs=0.02)
    assert (drawn.std(axis=0) <= 1.3 * std).all(), "a draw has no luck of a training"
