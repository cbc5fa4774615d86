"""What is left of a planned refinement after some of its steps."""

import pytest

from xpert_evo.orchestration.refining.plan import Pace, Plan, Step
from xpert_evo.orchestration.refining.steps import (
    ADOPTED,
    CHOSEN,
    COMBINED,
    CONFIRMED,
    CONFIRMED_UNSEEN,
    OWN,
    PAIRS,
    SINGLE,
    TRAINED,
    At,
    Taken,
)


def _step(name: str, n_jobs: int) -> Step:
    return Step(name=name, n_jobs=n_jobs, n_images=10, effort=100.0 * n_jobs)


ROUND = (_step(OWN, 5), _step(SINGLE, 12), _step(COMBINED, 8), _step(PAIRS, 4), _step(ADOPTED, 3), _step(CHOSEN, 3))
PLAN = Plan(
    before=(_step(TRAINED, 1),),
    first=ROUND,
    later=ROUND[1:],
    last=(_step(CONFIRMED, 6), _step(CONFIRMED_UNSEEN, 6)),
    most_rounds=3,
)
PACE = Pace(conversion_s=0.01)


def _taken(*steps: tuple[int, str, int, int]) -> list[Taken]:
    return [Taken(at=At(round=r, step=name), n_known=known, n_missing=missing) for r, name, known, missing in steps]


BEGUN = ((0, TRAINED, 1, 0), (1, OWN, 5, 0))


@pytest.mark.parametrize(
    ("taken", "now"),
    [
        ([(0, TRAINED, 0, 1)], {TRAINED: 1, OWN: 5, SINGLE: 12, COMBINED: 8, PAIRS: 4, ADOPTED: 3, CHOSEN: 3}),
        (
            [*BEGUN, (1, SINGLE, 6, 0), (1, SINGLE, 1, 2)],
            {SINGLE: 5, COMBINED: 8, PAIRS: 4, ADOPTED: 3, CHOSEN: 3},
        ),
        ([*BEGUN, (1, SINGLE, 12, 0), (1, SINGLE, 1, 3)], {SINGLE: 3, COMBINED: 8, PAIRS: 4, ADOPTED: 3, CHOSEN: 3}),
        ([*BEGUN, (1, SINGLE, 9, 0), (1, PAIRS, 3, 1)], {PAIRS: 1, ADOPTED: 3, CHOSEN: 3}),
        (
            [*BEGUN, (1, SINGLE, 9, 0), (1, COMBINED, 5, 0), (1, PAIRS, 3, 0), (1, COMBINED, 1, 1)],
            {COMBINED: 2, ADOPTED: 3, CHOSEN: 3},
        ),
        ([*BEGUN, (1, SINGLE, 9, 0), (1, ADOPTED, 3, 0), (1, CHOSEN, 1, 1)], {CHOSEN: 1}),
    ],
)
def test_steps_behind_take_no_more_time(taken: list[tuple[int, str, int, int]], now: dict[str, int]) -> None:
    left = PLAN.after(_taken(*taken))
    assert {step.name: step.n_jobs for step in left.now} == now
    assert (left.round, left.most_later, left.last) == (1, 2, PLAN.last)
    assert left.seconds(0, PACE, 1) == pytest.approx(sum(now.values()) + 12)
    assert left.seconds(9, PACE, 1) == left.seconds(2, PACE, 1) == pytest.approx(sum(now.values()) + 2 * 30 + 12)


def test_what_comes_before_a_round_may_be_missing_alone() -> None:
    left = PLAN.after(_taken((0, TRAINED, 0, 2), (1, OWN, 5, 0), (1, SINGLE, 12, 0), (1, CHOSEN, 1, 2)))
    assert {step.name: step.n_jobs for step in left.now} == {TRAINED: 2, CHOSEN: 2}
    assert (left.round, left.most_later, left.last) == (1, 2, PLAN.last)
    all_known = PLAN.after(_taken((0, TRAINED, 0, 2), (1, OWN, 5, 0), (1, CHOSEN, 3, 0)))
    assert {step.name: step.n_jobs for step in all_known.now} == {TRAINED: 2}
    assert (all_known.last, all_known.is_nothing) == (PLAN.last, False)


def test_rounds_end_and_so_does_the_refinement() -> None:
    assert PLAN.after([]) == PLAN.whole
    second = PLAN.after(_taken(*BEGUN, (2, OWN, 5, 0), (2, SINGLE, 0, 4)))
    assert (second.round, second.most_later) == (2, 1)
    assert second.now[0].n_jobs == 12
    last = PLAN.after(_taken(*BEGUN, (0, CONFIRMED, 5, 0), (0, CONFIRMED_UNSEEN, 2, 3)))
    assert (last.now, last.most_later, [step.n_jobs for step in last.last]) == ((), 0, [3])
    assert not last.is_nothing
    assert PLAN.after(_taken(*BEGUN, (0, CONFIRMED, 5, 0))).is_nothing
