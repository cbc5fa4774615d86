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


def test_independent_movements_add_up_and_those_that_agree_quadruple() -> None:
    movements = _movements(0.01)
    alone = movements.alone[FIRST]
    agreeing = Movements(
        reference=movements.reference,
        unchanged=movements.unchanged,
        singles={FIRST: movements.singles[FIRST], SECOND: movements.singles[FIRST]},
    )
    assert agreeing.joined([FIRST, SECOND]) == pytest.approx(4 * alone, rel=0.02)
    assert agreeing.added([FIRST, SECOND]) == pytest.approx(2 * alone, rel=1e-9)
    assert movements.joined([FIRST, SECOND]) == pytest.approx(movements.added([FIRST, SECOND]), rel=0.3)


def test_a_measured_pair_counts_where_both_are_chosen() -> None:
    movements = _movements(0.3)
    known = Movements(
        reference=movements.reference,
        unchanged=movements.unchanged,
        singles=movements.singles,
        pairs={(FIRST, SECOND): 0.02},
    )
    assert known.expected([FIRST, SECOND]) == pytest.approx(movements.added([FIRST, SECOND]) + 0.02)
    assert known.expected([FIRST]) == movements.expected([FIRST]) == movements.alone[FIRST]
    assert movements.expected([]) == 0.0
