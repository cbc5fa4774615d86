"""Predicted class scores and divergences of several changed layers."""

import numpy as np
import pytest

from xpert_evo.accuracy.sensitivity.prediction import Movements, divergence, log_probabilities

FIRST, SECOND = (0, (4, 3)), (2, (5, 5))


def _movements(scale: float) -> Movements:
    random = np.random.default_rng(0)
    unchanged = random.normal(size=(50, 10))
    return Movements(
        reference=log_probabilities(unchanged),
        unchanged=unchanged,
        singles={FIRST: scale * random.normal(size=(50, 10)), SECOND: scale * random.normal(size=(50, 10))},
    )


def test_divergence_is_that_of_the_definition() -> None:
    scores = np.array([[[0.0, np.log(3.0)]]])
    half = np.log(np.array([[0.5, 0.5]]))
    assert divergence(half, scores)[0] == pytest.approx(0.5 * np.log(2.0) + 0.5 * np.log(2 / 3))
    assert divergence(log_probabilities(scores[0]), scores)[0] == pytest.approx(0.0, abs=1e-15)


def test_small_movements_that_agree_quadruple_what_one_of_them_does() -> None:
    movements = _movements(0.01)
    movements = Movements(
        reference=movements.reference,
        unchanged=movements.unchanged,
        singles={FIRST: movements.singles[FIRST], SECOND: movements.singles[FIRST]},
    )
    alone = movements.expected([FIRST])
    assert movements.expected([FIRST, SECOND]) == pytest.approx(4 * alone, rel=0.02)
    assert movements.added([FIRST, SECOND]) == pytest.approx(2 * alone, rel=1e-9)
    assert movements.interaction(FIRST, SECOND) == pytest.approx(2 * alone, rel=0.05)


def test_a_measured_pair_replaces_the_sum_where_both_are_chosen() -> None:
    movements = _movements(0.3)
    together = movements.scores([FIRST, SECOND]) + 0.1
    beyond = together - movements.scores([FIRST, SECOND])
    known = Movements(
        reference=movements.reference,
        unchanged=movements.unchanged,
        singles=movements.singles,
        pairs={(FIRST, SECOND): beyond},
    )
    assert np.allclose(known.scores([FIRST, SECOND]), together)
    assert np.array_equal(known.scores([FIRST]), movements.scores([FIRST]))
    assert movements.expected([]) == pytest.approx(0.0, abs=1e-12)
