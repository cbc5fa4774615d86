"""Yield and quantiles of drawn chips."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from xpert_evo.accuracy.training.yields import interval, interval_words, quantiles_of, yield_of

ACCURACIES = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(accuracies=ACCURACIES, least=st.floats(0.01, 1))
def test_the_interval_contains_the_share_and_excludes_what_chance_would_not_explain(
    accuracies: list[float], least: float
) -> None:
    found = yield_of(accuracies, least)
    assert found.n_good == sum(a >= least for a in accuracies)
    assert 0 <= found.low <= found.ratio <= found.high <= 1
    if found.n_good:
        assert binom.sf(found.n_good - 1, found.n_chips, found.low) == pytest.approx(0.025, rel=1e-6)
    if found.n_good < found.n_chips:
        assert binom.cdf(found.n_good, found.n_chips, found.high) == pytest.approx(0.025, rel=1e-6)


def test_more_chips_narrow_the_interval() -> None:
    few, many = (yield_of([0.9, 0.9, 0.9, 0.8] * n, 0.85) for n in (1, 25))
    assert few.ratio == many.ratio == 0.75
    assert many.high - many.low < 0.3 * (few.high - few.low)


@given(accuracies=ACCURACIES)
def test_quantiles_are_in_order_and_within_the_chips(accuracies: list[float]) -> None:
    found = list(quantiles_of(accuracies).values())
    assert found == sorted(found)
    assert min(accuracies) <= found[0] + 1e-12
    assert found[-1] <= max(accuracies) + 1e-12


def test_few_right_or_wrong_answers_have_an_exact_interval() -> None:
    assert interval(1.0, 12) == (pytest.approx(0.025 ** (1 / 12)), 1.0)
    assert interval(0.0, 12) == (0.0, pytest.approx(1 - 0.025 ** (1 / 12)))
    low, high = interval(0.75, 12)  # three wrong answers
    assert binom.sf(8, 12, low) == pytest.approx(0.025, rel=1e-6)
    assert binom.cdf(9, 12, high) == pytest.approx(0.025, rel=1e-6)
    assert interval(0.9, 2000)[1] - 0.9 == pytest.approx(1.96 * (0.9 * (1 - 0.9) / 2000) ** 0.5)
    assert interval(1.0, 12, n_chips=4) == pytest.approx(interval(1.0, 12))  # chips that agree add nothing
    assert interval(0.5, 100, n_chips=4, spread=0.5) == (0.0, 1.0)


def test_exact_intervals_are_told_by_their_ends() -> None:
    assert interval_words(1 / 6, 6, unit=" %") == "16.67 % (0 to 64 %)"
    assert interval_words(1.0, 12) == "100.00 (74 to 100)"
    assert interval_words(0.999, 2000) == "99.90 (99.64 to 99.99)"
    assert interval_words(0.9, 2000, unit=" %") == "90.00 ± 1.31 %"
    assert interval_words(0.9, 2000, decimals=1) == "90.00 ± 1.3"
