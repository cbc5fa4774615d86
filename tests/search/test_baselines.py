"""Baselines: sampled ones, and the paper's gradient method in both forms."""

import numpy as np
import pytest

from xpert_evo.backbones import load_backbone
from xpert_evo.search.baselines import BASELINES, GradientSettings, gradient_designs
from xpert_evo.search.gradient import _expected_gradient, _softmax
from xpert_evo.space import SearchSpace

SPACE = SearchSpace(load_backbone("vgg16"))


def costs(seed=0, n_layers=4):
    rng = np.random.default_rng(seed)
    return rng.uniform(1, 10, (n_layers, 3, 3, 4)), rng.uniform(1, 10, (n_layers, 3, 3, 4))


def steps(*, corrected, area_weight=0.0, n_steps=150):
    latency, area = costs()
    settings = GradientSettings(corrected=corrected, n_steps=n_steps, area_weight=area_weight)
    designs = gradient_designs(latency, area, area_target=12.0, settings=settings, rng=np.random.default_rng(1))
    found = []
    for depth, setting in designs:
        at = np.arange(4), np.concatenate([[0], depth[:-1]]), depth, setting
        found.append((latency[at].sum(), area[at].sum()))
    return np.array(found)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_give_legal_designs_within_their_budget(name):
    genomes = SPACE.check(BASELINES[name](SPACE, 30, np.random.default_rng(0)))
    assert len(genomes) == 30
    assert len(np.unique(genomes, axis=0)) == 30


def test_homogeneous_designs_run_out():
    assert len(BASELINES["homogeneous"](SPACE, 10_000, np.random.default_rng(0))) == 480


def test_the_corrected_gradient_is_the_derivative_of_the_expected_loss():
    latency, area = costs()
    settings = GradientSettings(corrected=True, area_weight=0.03)
    logits = np.random.default_rng(2).normal(size=(4, 12))

    def loss(logits):
        options = _softmax(logits).reshape(4, 3, 4)
        inputs = np.concatenate([np.eye(1, 3), options.sum(axis=2)[:-1]])
        expected = [np.einsum("li,ldo,lido->", inputs, options, table) for table in (latency, area)]
        return 0.01 * expected[0] + 0.03 * (expected[1] - 12.0) ** 2

    gradient = _expected_gradient(_softmax(logits), latency, area, 12.0, settings)
    for index in [(0, 0), (1, 5), (3, 11)]:
        nudge = np.zeros_like(logits)
        nudge[index] = 1e-5
        assert gradient[index] == pytest.approx(
            (loss(logits + nudge) - loss(logits - nudge)) / 2e-5, rel=1e-4, abs=1e-9
        )


def test_the_corrected_descent_finds_the_least_latency_where_area_does_not_count():
    latency, _ = costs()
    least = {0: 0.0}
    for layer in range(4):
        reachable = {}
        for before, so_far in least.items():
            for depth in range(3):
                total = so_far + latency[layer, before, depth].min()
                reachable[depth] = min(total, reachable.get(depth, np.inf))
        least = reachable
    found = steps(corrected=True, n_steps=2000)[:, 0]
    assert found.min() <= 1.15 * min(least.values())
    assert found[-1] < found[0]


def test_the_published_descent_goes_nowhere():
    latency = steps(corrected=False)[:, 0]
    assert len(np.unique(latency)) <= 3
    assert steps(corrected=True)[:, 0].min() < latency.min()
