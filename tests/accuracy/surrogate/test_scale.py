"""The scale of the surrogate: there and back, bounded at chance and above the best label."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from xpert_evo.accuracy.surrogate.scale import CEILING_MARGIN, FLOOR_MARGIN, AccuracyScale
from xpert_evo.objectives import FloatArray

FRACTIONS = st.lists(st.floats(0.02, 0.98), min_size=1, max_size=20).map(np.array)


@given(FRACTIONS, st.integers(2, 1000))
def test_accuracies_above_chance_come_back_as_they_went(accuracies: FloatArray, n_classes: int) -> None:
    scale = AccuracyScale.of(accuracies, n_classes)
    above = accuracies[accuracies > scale.chance]
    median, std = scale.accuracies(scale.log_odds(above), np.zeros(len(above)))
    assert_allclose(median, above)
    assert_allclose(std, 0, atol=1e-12)


@given(FRACTIONS, st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_no_prediction_leaves_the_scale(accuracies: FloatArray, mean: float, std: float) -> None:
    scale = AccuracyScale.of(accuracies, 10)
    median, deviation = scale.accuracies(np.array([mean]), np.array([std]))
    assert scale.chance <= median[0] <= min(1, scale.ceiling)
    assert 0 <= deviation[0] <= (scale.ceiling - scale.floor) / 2 + 1e-9


def test_higher_log_odds_are_higher_accuracies() -> None:
    scale = AccuracyScale.of(np.array([0.2, 0.87]), 10)
    median, _ = scale.accuracies(np.linspace(-1, 4, 50), np.full(50, 0.3))
    assert (np.diff(median) > 0).all()


@pytest.mark.parametrize(("best", "ceiling"), [(0.5, 0.55), (0.87, 0.92), (0.96, 0.98), (0.995, 1.0), (1.0, 1.005)])
def test_the_ceiling_lies_a_little_above_the_best_label(best: float, ceiling: float) -> None:
    scale = AccuracyScale.of(np.array([0.1, best]), 10)
    assert scale.ceiling == pytest.approx(ceiling)
    assert scale.ceiling - best <= CEILING_MARGIN + 1e-12
    assert scale.floor == pytest.approx(0.1 - FLOOR_MARGIN)


def test_labels_below_chance_are_no_surprise_and_no_prediction_is() -> None:
    scale = AccuracyScale.of(np.array([0.05, 0.08]), 10)
    assert np.isfinite(scale.log_odds(np.array([0.0, 0.05, 0.08]))).all()
    median, _ = scale.accuracies(np.array([-50.0]), np.array([1.0]))
    assert median[0] == pytest.approx(0.1)
