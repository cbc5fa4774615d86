"""Infill: gain, doubt and spread decide, nothing is chosen twice."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from xpert_evo.search.infill import select_infill

FRONT = np.array([[0.2, 0.8], [0.5, 0.5], [0.8, 0.2]])


def select(n, mean, std=0.0, *, genomes=None, trained=None, spread=0.25):
    mean = np.asarray(mean, dtype=float)
    genomes = np.arange(len(mean))[:, None] if genomes is None else genomes
    return select_infill(
        n,
        genomes=genomes,
        mean=mean,
        std=std,
        trained=np.empty((0, genomes.shape[1]), dtype=int) if trained is None else trained,
        front=FRONT,
        reference_point=[1.0, 1.0],
        rng=np.random.default_rng(0),
        spread=spread,
    ).tolist()


def test_the_design_with_the_largest_gain_comes_first():
    assert select(1, [[0.6, 0.6], [0.3, 0.3], [0.45, 0.5]], spread=0.0) == [1]


def test_of_two_dominated_designs_the_doubtful_one_may_still_gain():
    assert select(1, [[0.55, 0.55], [0.55, 0.55]], np.array([[0.0, 0.0], [0.2, 0.0]]), spread=0.0) == [1]


def test_a_second_choice_avoids_the_first_one_and_its_twin():
    assert select(2, [[0.3, 0.3], [0.301, 0.301], [0.1, 0.7]]) == [0, 2]


def test_distance_decides_where_nothing_is_gained():
    assert select(1, [[0.52, 0.52], [0.9, 0.9]]) == [1]


def test_trained_designs_and_repeats_are_never_chosen():
    genomes = np.array([[1], [2], [2], [3]])
    chosen = select(9, np.full((4, 2), 0.4), genomes=genomes, trained=np.array([[3]]))
    assert sorted(chosen) == [0, 1]


def test_no_candidates_give_no_choice():
    assert select(3, np.empty((0, 2)), genomes=np.empty((0, 4), dtype=int)) == []


def test_without_a_front_the_batch_spreads():
    chosen = select_infill(
        2,
        genomes=np.arange(3)[:, None],
        mean=[[0.4, 0.4], [0.41, 0.41], [0.1, 0.8]],
        std=0.0,
        trained=np.empty((0, 1), dtype=int),
        front=np.empty((0, 2)),
        reference_point=[1.0, 1.0],
        rng=np.random.default_rng(0),
    )
    assert chosen.tolist() == [0, 2]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_choices_are_distinct_and_as_many_as_there_are(n, seed):
    mean = np.random.default_rng(seed).random((8, 2))
    chosen = select(n, mean, 0.05)
    assert len(chosen) == len(set(chosen)) == min(n, 8)
