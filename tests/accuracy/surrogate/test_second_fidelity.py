"""Native trainings correct the proxies' surrogate where that predicts better, and only there."""

import numpy as np
import pytest

from hw_models import CrossbarSpec
from xpert_evo.accuracy.surrogate.features import FeatureMap
from xpert_evo.accuracy.surrogate.quality import kendall_tau
from xpert_evo.accuracy.surrogate.second_fidelity import LEAST_NATIVE, fit_second_fidelity
from xpert_evo.backbones import load_backbone
from xpert_evo.objectives import FloatArray
from xpert_evo.search.seeding import varied_designs
from xpert_evo.space import Genomes, SearchSpace

SPACE = SearchSpace(load_backbone("vgg8"))
CROSSBAR = CrossbarSpec()


def log_odds(accuracy: FloatArray) -> FloatArray:
    return np.log(accuracy / (1 - accuracy))


def drawn(n_designs: int, early_slope: float, noise: float, seed: int) -> tuple[Genomes, FloatArray, FloatArray]:
    """Designs, what is expected of their proxies, and native accuracies that depend on early layers besides."""
    rng = np.random.default_rng(seed)
    genomes = varied_designs(SPACE, n_designs, rng)
    expected = rng.uniform(0.35, 0.85, n_designs)
    early = FeatureMap(SPACE, crossbar=CROSSBAR).snr_db(genomes)[:, :2].mean(axis=1)
    early = (early - early.mean()) / early.std()
    odds = 1.0 + 0.8 * log_odds(expected) + early_slope * early + noise * rng.standard_normal(n_designs)
    return genomes, expected, 1 / (1 + np.exp(-odds))


def test_layers_that_matter_more_at_native_size_are_learned() -> None:
    genomes, expected, native = drawn(60, early_slope=0.8, noise=0.1, seed=0)
    fitted = fit_second_fidelity(SPACE, genomes[:16], expected[:16], native[:16], crossbar=CROSSBAR)
    assert fitted.report.helps
    assert fitted.report.tau_corrected > fitted.report.tau_proxy + 0.1
    assert fitted.report.rmse_corrected < fitted.report.rmse_proxy
    unseen = fitted.predict(genomes[16:], expected[16:])
    assert kendall_tau(unseen, native[16:]) > kendall_tau(expected[16:], native[16:]) + 0.1
    assert ((unseen > 0) & (unseen < 1)).all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_the_proxies_know_all_their_ranking_is_kept(seed: int) -> None:
    genomes, expected, native = drawn(40, early_slope=0.0, noise=0.3, seed=seed)
    fitted = fit_second_fidelity(SPACE, genomes[:12], expected[:12], native[:12], crossbar=CROSSBAR)
    if not fitted.report.helps:
        assert kendall_tau(fitted.predict(genomes, expected), expected) == pytest.approx(1.0)
    assert fitted.report.rmse_corrected > 0.9 * fitted.report.rmse_proxy, "nothing can be gained"
    assert fitted.report.n == 12


def test_a_design_does_not_predict_itself() -> None:
    genomes, expected, native = drawn(12, early_slope=0.8, noise=0.1, seed=4)
    before = fit_second_fidelity(SPACE, genomes, expected, native, crossbar=CROSSBAR).report
    rng = np.random.default_rng(5)
    shuffled = fit_second_fidelity(SPACE, genomes, expected, rng.permutation(native), crossbar=CROSSBAR).report
    assert shuffled.rmse_corrected > 1.5 * before.rmse_corrected, "luck is not learned"
    few = slice(LEAST_NATIVE - 1)
    with pytest.raises(ValueError, match="at least 6 native trainings, got 5"):
        fit_second_fidelity(SPACE, genomes[few], expected[few], native[few], crossbar=CROSSBAR)
