"""Predicted divergences of joint choices corrected by measured ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpert_evo.accuracy.sensitivity.correction import Correction, left_out


def _joints(n: int, scale: float, power: float, noise: float, seed: int) -> list[tuple[float, float]]:
    rng = np.random.default_rng(seed)
    predicted = np.exp(rng.uniform(np.log(0.003), np.log(0.4), n))
    measured = 0.03 * scale * (predicted / 0.03) ** power * np.exp(noise * rng.normal(size=n))
    return list(zip(predicted.tolist(), measured.tolist(), strict=True))


def test_nothing_known_corrects_nothing() -> None:
    correction = Correction.fitted([])
    for predicted in (0.0, 0.001, 0.03, 1.0):
        assert correction.of(predicted) == pytest.approx(predicted)


def test_a_power_law_is_found_and_few_measurements_are_not_trusted() -> None:
    many = Correction.fitted(_joints(200, scale=1.2, power=1.15, noise=0.05, seed=0))
    assert many.scale == pytest.approx(1.2, rel=0.02)
    assert many.power == pytest.approx(1.15, rel=0.02)
    one = Correction.fitted([(0.03, 0.06)])
    assert one.scale == pytest.approx(2 ** (1 / 1.5)), "of one joint choice, one and a half parts weigh the draw"


def test_choices_left_out_are_predicted_better_than_uncorrected_ones() -> None:
    known = _joints(12, scale=1.2, power=1.2, noise=0.05, seed=1)
    measured = np.array([found for _, found in known])
    before = np.abs(np.log([predicted for predicted, _ in known] / measured))
    after = np.abs(np.log(left_out(known) / measured))
    assert after.max() < 0.6 * before.max()


def test_a_choice_is_not_corrected_by_itself() -> None:
    known = _joints(6, scale=1.2, power=1.0, noise=0.1, seed=2)
    other = [*known[:-1], (known[-1][0], 50 * known[-1][1])]
    assert left_out(other)[-1] == left_out(known)[-1]
    assert left_out(other)[0] != left_out(known)[0]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 5)), max_size=8),
    st.floats(1e-5, 1),
    st.floats(1.01, 10),
)
def test_more_predicted_is_more_expected_whatever_is_known(
    known: list[tuple[float, float]], predicted: float, factor: float
) -> None:
    correction = Correction.fitted(known)
    assert 0 <= correction.of(0.0) < correction.of(predicted) < correction.of(factor * predicted)
