"""Gains in closed form are the differences of hypervolumes, and draws decide what is chosen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpert_evo.search.gains import gains
from xpert_evo.search.infill import select_by_draws
from xpert_evo.search.pareto import hypervolume


@pytest.mark.parametrize("n_objectives", [2, 3])
@settings(max_examples=20, deadline=None)
@given(n_front=st.integers(0, 12), seed=st.integers(0, 2**32 - 1))
def test_a_gain_is_a_difference_of_hypervolumes(n_objectives, n_front, seed):
    rng = np.random.default_rng(seed)
    front, points = (np.round(1.3 * rng.random((n, n_objectives)), 1) for n in (n_front, 9))
    reference = np.ones(n_objectives)
    before = hypervolume(front, reference) if n_front else 0.0
    expected = [hypervolume(np.vstack([front, one]), reference) - before for one in points]
    assert gains(front, points, reference) == pytest.approx(expected, abs=1e-12)


def choose(n, drawn, fronts, trained=()):
    genomes = np.arange(np.shape(drawn)[1])[:, None]
    return select_by_draws(
        n,
        genomes=genomes,
        drawn=np.asarray(drawn, dtype=float),
        trained=np.array(trained, dtype=int).reshape(-1, 1),
        fronts=np.asarray(fronts, dtype=float),
        reference_point=[1.0, 1.0],
    ).tolist()


def test_the_mean_gain_over_the_draws_decides():
    front = [[[0.5, 0.5]], [[0.5, 0.5]]]
    # Design 0 gains a little under both functions, design 1 much under one, design 2 nothing.
    drawn = [[[0.45, 0.5], [0.2, 0.5], [0.6, 0.6]], [[0.45, 0.5], [0.9, 0.5], [0.6, 0.6]]]
    assert choose(3, drawn, front) == [1, 0]


def test_a_second_choice_counts_what_the_first_one_gains_under_the_same_function():
    # Designs 0 and 1 are good under the first function, design 2 under the second one, by less.
    drawn = [[[0.2, 0.5], [0.21, 0.5], [0.5, 0.5]], [[0.6, 0.5], [0.6, 0.5], [0.4, 0.5]]]
    assert choose(2, drawn, [[[0.5, 0.5]], [[0.5, 0.5]]]) == [0, 2]


def test_trained_designs_are_not_chosen():
    assert choose(2, [[[0.2, 0.2], [0.3, 0.3]]], [np.empty((0, 2))], trained=[0]) == [1]
