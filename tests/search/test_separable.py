"""The best choice of separable costs against all designs of small cases."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from xpert_evo.search.efficient import efficient
from xpert_evo.search.separable import Layers, Limits, best_choice, objective_of

SHAPES = [(4, 6), (3, 10), (6, 3)]


def _layers(seed: int, *, leaking: bool, pipelined: bool) -> Layers:
    random = np.random.default_rng(seed)
    n_layers, n_choices = SHAPES[seed % len(SHAPES)]
    scale = np.array([1.0, 10.0, 2.0, 3e4 if leaking else 0.0])
    return Layers(
        costs=[np.exp(random.normal(size=(n_choices, 4))) * scale for _ in range(n_layers)],
        damages=[random.exponential(size=n_choices) - 0.1 for _ in range(n_layers)],
        pipelined=pipelined,
    )


def _all_designs(layers: Layers) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.array(list(product(*(range(len(damages)) for damages in layers.damages))))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("leaking", "pipelined"), [(False, False), (True, False), (True, True)])
def test_no_design_is_better_by_more_than_the_gap(seed: int, leaking: bool, pipelined: bool) -> None:
    layers = _layers(seed, leaking=leaking, pipelined=pipelined)
    totals = layers.totals(_all_designs(layers))
    for price in (0.0, 0.3, 3.0):
        best = best_choice(layers, price)
        assert best is not None
        least = float(objective_of(totals, price).min())
        assert best.objective - best.gap <= least + 1e-9
        assert best.objective == pytest.approx(least, abs=2e-3)
        assert best.gap < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_limits_hold_and_the_bound_stays_true(seed: int) -> None:
    layers = _layers(seed, leaking=False, pipelined=False)
    designs = _all_designs(layers)
    area, latency, energy = (float(np.quantile(layers.totals(designs)[:, i], 0.3)) for i in (0, 4, 2))
    limited = replace(layers, limits=Limits(area=area, latency=latency, energy=energy))
    totals = limited.totals(designs)
    possible = limited.feasible(totals)
    assert possible.any()
    best = best_choice(limited, 0.5)
    assert best is not None
    reached = limited.totals(best.choices[None])
    assert limited.feasible(reached)[0]
    least = float(objective_of(totals, 0.5)[possible].min())
    assert best.objective - best.gap <= least + 1e-9
    assert best.objective <= least + 0.1


def test_a_higher_price_never_buys_more_damage() -> None:
    layers = _layers(1, leaking=True, pipelined=False)
    found = [best_choice(layers, price, tolerance=1e-4) for price in (0.0, 0.1, 1.0, 10.0)]
    damages = [one.damage for one in found if one is not None]
    assert len(damages) == 4
    assert damages == sorted(damages, reverse=True)
    assert damages[0] > damages[-1]


def test_a_known_design_is_never_lost_and_impossible_limits_give_nothing() -> None:
    layers = _layers(2, leaking=False, pipelined=False)
    known = np.zeros(len(layers.costs), dtype=np.int64)
    best = best_choice(layers, 1.0, start=known)
    assert best is not None
    assert best.objective <= float(objective_of(layers.totals(known[None]), 1.0)[0])
    assert best_choice(replace(layers, limits=Limits(area=1e-9)), 1.0) is None


def test_efficient_rows_are_those_that_no_other_row_beats_the_first_of_equals() -> None:
    random = np.random.default_rng(5)
    for n_rows, n_values in ((0, 3), (1, 3), (300, 2), (300, 6), (500, 40)):
        rows = random.integers(n_values, size=(n_rows, 3)).astype(float)
        no_worse = (rows[:, None] <= rows).all(axis=2)
        better = no_worse & (rows[:, None] < rows).any(axis=2)
        earlier = no_worse & (np.arange(n_rows)[:, None] < np.arange(n_rows))
        assert efficient(rows).tolist() == np.flatnonzero(~(better | earlier).any(axis=0)).tolist()


@pytest.mark.parametrize("pipelined", [False, True])
def test_totals_with_one_layer_changed_are_those_of_the_changed_designs(pipelined: bool) -> None:
    layers = _layers(2, leaking=True, pipelined=pipelined)
    choices = np.array([1, 0, 2, 1, 0, 2])
    for layer in range(len(choices)):
        changed = np.repeat(choices[None], 3, axis=0)
        changed[:, layer] = np.arange(3)
        assert layers.changed_totals(choices, layer) == pytest.approx(layers.totals(changed), rel=1e-12)
