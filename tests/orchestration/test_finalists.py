"""Finalists are the ends of the front first, then its knee, then what lies farthest apart."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xpert_evo.orchestration.finalists import are_promising, choose_finalists


@given(st.integers(1, 30), st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_finalists_are_distinct_and_hold_the_ends(n_members: int, n_designs: int, seed: int) -> None:
    x = np.sort(np.random.default_rng(seed).random(n_members))
    front = np.stack([x, 1 - x], axis=1)
    chosen = choose_finalists(front, n_designs)
    assert len(set(chosen.tolist())) == len(chosen) == min(n_designs, n_members)
    if n_designs >= 2:
        assert {int(front[:, 0].argmin()), int(front[:, 1].argmin())} <= set(chosen.tolist())


def test_an_empty_front_has_no_finalists() -> None:
    assert len(choose_finalists(np.empty((0, 2)), 3)) == 0


def test_the_middle_is_filled_evenly() -> None:
    x = np.linspace(0, 1, 101)
    assert sorted(choose_finalists(np.stack([x, 1 - x], axis=1), 3).tolist()) == [0, 50, 100]


def test_the_knee_follows_the_ends() -> None:
    front = np.array([[0.0, 1.0], [0.1, 0.35], [0.2, 0.15], [0.5, 0.1], [1.0, 0.0]])
    assert choose_finalists(front, 2).tolist() == [0, 4]
    assert choose_finalists(front, 3).tolist() == [0, 4, 2]


def test_designs_near_guessing_are_not_promising() -> None:
    accuracies = np.array([0.9, 0.51, 0.49, 0.1, 0.05])
    assert are_promising(accuracies, n_classes=10).tolist() == [True, True, False, False, False]


def test_where_all_guess_all_are_promising() -> None:
    assert are_promising(np.array([0.1, 0.08, 0.1]), n_classes=10).all()
