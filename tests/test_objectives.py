"""Objectives and constraints: what is minimised, and back; what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from xpert_evo.errors import ConfigError
from xpert_evo.objectives import OBJECTIVES, Constraints, Objectives

FRACTIONS = st.lists(st.floats(0, 1), min_size=1, max_size=5)
VALUES = {"accuracy": np.array([0.9, 0.5]), "edap": np.array([100.0, 1e-3]), "area": np.array([40.0, 60.0])}


@given(FRACTIONS, st.floats(1e-9, 1e9))
def test_restored_inverts_minimised(fractions, cost):
    names = ("accuracy", "edap", "throughput_fps", "robustness")
    values = {n: np.array(fractions) if OBJECTIVES[n].is_accuracy else np.full(len(fractions), cost) for n in names}
    objectives = Objectives(names)
    restored = objectives.restored(objectives.minimised(values))
    for name in names:
        assert_allclose(restored[name], values[name], rtol=1e-9, atol=1e-15)


def test_better_designs_have_smaller_minimised_values():
    table = Objectives(("accuracy", "edap")).minimised(VALUES)
    assert_allclose(table, [[0.1, 2.0], [0.5, -3.0]])


def test_of_a_rate_more_is_better():
    rates = {"throughput_fps": np.array([1000.0, 10.0])}
    assert_allclose(Objectives(("throughput_fps",)).minimised(rates), [[-3.0], [-1.0]])


def test_values_are_shown_as_people_say_them():
    assert OBJECTIVES["accuracy"].shown(0.92464) == "92.46 %"
    assert OBJECTIVES["area"].shown(49.95123) == "49.95 mm2"
    assert OBJECTIVES["throughput_fps"].shown(1234.5) == "1234 images/s"


@pytest.mark.parametrize(
    ("name", "bad"), [("accuracy", np.nan), ("accuracy", 1.01), ("edap", np.inf), ("edap", 0.0), ("area", -1.0)]
)
def test_values_that_cannot_be_are_refused_by_objectives_and_constraints(name, bad):
    values = {**VALUES, name: np.array([VALUES[name][0], bad])}
    with pytest.raises(ValueError, match=f"{name} must be .* got .* for design 1"):
        Objectives(("accuracy", "edap") if name != "area" else ("accuracy", "area")).minimised(values)
    if name in {"accuracy", "area"}:
        with pytest.raises(ValueError, match=f"{name} must be"):
            Constraints(area_limit_mm2=50, least_accuracy=0.1).violations(values)


@pytest.mark.parametrize("names", [(), ("edap", "edap"), ("accuracy", "edap", "area", "latency", "energy")])
def test_one_to_four_different_objectives_are_needed(names):
    with pytest.raises(ConfigError, match="one to four different names"):
        Objectives(names)


def test_a_misspelt_objective_gets_a_hint():
    with pytest.raises(ConfigError, match="did you mean 'energy'"):
        Objectives(("accuracy", "enery"))


def test_violations_are_positive_exactly_where_a_limit_is_broken():
    constraints = Constraints(area_limit_mm2=50.0, least_accuracy=0.6)
    assert constraints.active == ("area_limit_mm2", "least_accuracy")
    assert_allclose(constraints.violations(VALUES), [[-0.2, -0.3], [0.2, 0.1]])


def test_a_design_at_its_limit_is_feasible():
    values = {"area": np.array([50.0])}
    assert (Constraints(area_limit_mm2=50.0).violations(values) <= 0).all()


def test_no_limits_give_no_columns():
    assert_array_equal(Constraints().violations(VALUES), np.zeros((2, 0)))


@pytest.mark.parametrize("limit", [{"area_limit_mm2": 0.0}, {"latency_limit_us": np.inf}, {"least_accuracy": 1.5}])
def test_impossible_limits_are_refused(limit):
    with pytest.raises(ConfigError, match=next(iter(limit))):
        Constraints(**limit)
