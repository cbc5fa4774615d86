"""Dominance, hypervolume and knee against hand-made fronts and brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xpert_evo.search import hypervolume, knee, non_dominated, normalised

TABLES = arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(2, 3)), elements=st.integers(0, 5).map(float))


@given(TABLES)
def test_non_dominated_agrees_with_the_definition(table):
    expected = [not any((o <= row).all() and (o < row).any() for o in table) for row in table]
    assert non_dominated(table).tolist() == expected


@given(TABLES)
def test_hypervolume_agrees_with_counting_cells(table):
    corners = np.stack(np.meshgrid(*[np.arange(6)] * table.shape[1], indexing="ij"), axis=-1).reshape(
        -1, table.shape[1]
    )
    covered = (table[None] <= corners[:, None]).all(axis=2).any(axis=1)
    assert hypervolume(table, np.full(table.shape[1], 6.0)) == pytest.approx(covered.sum())


@given(TABLES)
def test_dominated_designs_add_no_hypervolume(table):
    point = np.full(table.shape[1], 7.0)
    assert hypervolume(table, point) == pytest.approx(hypervolume(table[non_dominated(table)], point))


def test_designs_beyond_the_reference_point_add_nothing():
    assert hypervolume([[0.5, 3.0], [3.0, 0.5]], [1.0, 1.0]) == 0.0
    assert hypervolume(np.empty((0, 2)), [1.0, 1.0]) == 0.0


def test_the_knee_is_where_the_front_bends():
    front = [[0.0, 1.0], [0.05, 0.5], [0.1, 0.1], [0.5, 0.05], [1.0, 0.0]]
    assert knee(front) == 2
    assert knee([*front, [0.4, 0.4]]) == 2
    assert knee(np.array(front) * [1.0, 1000.0]) == 2


def test_the_knee_of_one_design_is_that_design():
    assert knee([[3.0, 4.0]]) == 0
    with pytest.raises(ValueError, match="at least one design"):
        knee(np.empty((0, 2)))


def test_normalised_objectives_of_a_front_span_zero_to_one():
    scaled = normalised([[2.0, 30.0], [4.0, 10.0], [5.0, 40.0]])
    assert scaled[:2].tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert normalised([[1.0, 1.0], [1.0, 1.0]]).tolist() == [[0.0, 0.0]] * 2


@pytest.mark.parametrize("function", [non_dominated, knee, normalised])
def test_what_is_not_finite_or_no_table_is_refused(function):
    with pytest.raises(ValueError, match="finite"):
        function([[0.0, np.nan]])
    with pytest.raises(ValueError, match="shape"):
        function([0.0, 1.0])


def test_a_reference_point_of_another_length_is_refused():
    with pytest.raises(ValueError, match="one value per objective"):
        hypervolume([[0.0, 0.0]], [1.0])
