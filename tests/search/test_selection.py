"""Survival with three and more objectives: tied extremes, duplicates, and what compiled code must not see."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymoo.functions import load_function

from xpert_evo.backbones import load_backbone
from xpert_evo.search import Nsga2, SearchSettings, hypervolume
from xpert_evo.search.crowding import pruned_crowding
from xpert_evo.search.selection import INFEASIBLE_RANK, survive
from xpert_evo.space import SearchSpace

SPACE = SearchSpace(load_backbone("vgg8", n_classes=10, image_channels=3))
TIED = arrays(np.float64, st.tuples(st.integers(3, 30), st.integers(3, 4)), elements=st.integers(0, 4).map(float))


def reference_crowding(objectives, n_remove):
    """The same by pymoo's pure Python form, which sums over the objectives where ours takes the mean."""
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        crowding = load_function("calc_pcd", _type="python")(objectives.copy(), n_remove)
    return crowding / objectives.shape[1]


def front_of_two(n_designs, rng):
    first = np.log10(rng.choice(10 * n_designs, n_designs, replace=False) + 1.0)
    return np.stack([first, -np.round(first, 3) * 0.37 - first**3], axis=1)


@pytest.mark.parametrize("n_designs", [3, 4, 17, 150])
def test_a_front_of_two_objectives_is_pruned_bit_for_bit_as_by_pymoo(n_designs):
    rng = np.random.default_rng(n_designs)
    compiled = load_function("calc_pcd")
    for n_remove in range(n_designs):
        front = front_of_two(n_designs, rng)
        expected = np.asarray(compiled(front.copy(), np.intc(n_remove)))
        if load_function("calc_pcd", _type="python") is compiled:
            np.testing.assert_allclose(pruned_crowding(front, n_remove), expected / 2)
        else:
            assert pruned_crowding(front, n_remove).tolist() == expected.tolist()


@given(TIED)
def test_tied_extremes_have_the_crowding_of_the_bounds_checked_form(table):
    front = np.unique(table, axis=0)
    if len(front) > 2 and (np.ptp(front, axis=0) > 0).all():
        np.testing.assert_allclose(pruned_crowding(front), reference_crowding(front, 0), atol=1e-12)


@pytest.mark.parametrize("n_objectives", [3, 4])
def test_pruning_with_tied_extremes_follows_the_bounds_checked_form(n_objectives):
    rng = np.random.default_rng(n_objectives)
    for n_remove in range(1, 30):
        front = rng.random((30, n_objectives))
        front[:4, 0] = 1.0
        front[3:6, 1] = 0.0
        expected = reference_crowding(front, n_remove)
        np.testing.assert_allclose(pruned_crowding(front, n_remove), expected, atol=1e-12)


def test_an_objective_in_which_all_are_equal_tells_none_apart():
    rng = np.random.default_rng(0)
    front = front_of_two(20, rng)
    flat = np.column_stack([front, np.full(20, 7.0)])
    np.testing.assert_allclose(pruned_crowding(flat, 8), pruned_crowding(front, 8) * 2 / 3)
    assert np.isinf(pruned_crowding(np.full((1, 3), 2.0))).all()


@given(TIED, st.integers(1, 30))
def test_survivors_of_tied_tables_are_the_best_fronts_and_keep_the_ends(table, n_survive):
    kept, rank, crowding = survive(table, np.zeros((len(table), 0)), n_survive)
    assert len(set(kept.tolist())) == len(kept) == min(n_survive, len(table))
    assert not np.isnan(crowding).any()
    dominates = (table[:, None] <= table[None]).all(axis=2) & (table[:, None] < table[None]).any(axis=2)
    first = ~dominates.any(axis=0)
    assert first[kept[rank == 0]].all()
    if n_survive >= 2 * table.shape[1] + 1:
        for column in table.T:
            assert column[kept].min() == column.min()


@pytest.mark.parametrize("n_objectives", [1, 3, 4])
def test_a_search_survives_objectives_that_are_often_tied(n_objectives):
    search = Nsga2(SPACE, SearchSettings(population_size=20, offspring_size=20), seed=1)
    for _ in range(15):
        genomes = search.ask()
        if not len(genomes):
            break
        parts = np.array_split(genomes, n_objectives, axis=1)
        search.tell(np.stack([np.minimum(part.sum(axis=1), 3) for part in parts], axis=1))
    assert len(search.state.genomes) == 20


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_reaches_compiled_code(bad):
    table = np.random.default_rng(0).random((12, 3))
    table[4, 2] = bad
    with pytest.raises(ValueError, match="objectives must be finite"):
        survive(table, np.zeros((12, 0)), 5)
    with pytest.raises(ValueError, match="violations must be finite"):
        survive(np.zeros((12, 3)), table, 5)
    with pytest.raises(ValueError, match="objectives must be finite"):
        hypervolume(table, np.ones(3))
    with pytest.raises(ValueError, match="reference_point must be finite"):
        hypervolume(np.zeros((1, 3)), np.array([1.0, 1.0, bad]))


def test_layout_and_emptiness_change_nothing():
    wide = np.random.default_rng(0).random((40, 8))
    table, none = wide[::2, ::2], np.zeros((20, 0))
    expected = [part.tolist() for part in survive(table.copy(), none, 7)]
    assert [part.tolist() for part in survive(np.asfortranarray(table), none, 7)] == expected
    assert [part.tolist() for part in survive(table, none, 7)] == expected
    assert hypervolume(table, np.ones(4)) == hypervolume(table.copy(), np.ones(4))
    kept, rank, _ = survive(np.zeros((2, 3)), np.array([[1.0], [0.5]]), 1)
    assert (kept.tolist(), rank.tolist()) == ([1], [INFEASIBLE_RANK])
    assert len(survive(np.zeros((0, 3)), np.zeros((0, 1)), 5)[0]) == 0
