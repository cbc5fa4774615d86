"""The time left: fitted to work and size, right for jobs that behave, never a reason to fail."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.orchestration.effort import JUDGED_IMAGE, Timed, images_trained, makespan, pace_of, work_of
from xpert_evo.orchestration.tally import Tally


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def seconds(work: float, macs: float) -> float:
    """The law that the trainings of these tests follow."""
    return work * (0.001 + 2e-12 * macs)


def test_a_pace_finds_the_law_that_trainings_follow() -> None:
    sizes = [1e8, 3e8, 2e9, 5e8]
    done = [Timed(work=1000.0, macs=m, seconds=seconds(1000.0, m)) for m in sizes]
    pace = pace_of(done)
    assert pace is not None
    assert pace.seconds(4000.0, 1e9) == pytest.approx(seconds(4000.0, 1e9))
    assert pace_of([]) is None
    few = pace_of(done[:2])
    assert few is not None
    assert few.seconds(1000.0, 0.0) == pytest.approx((done[0].seconds + done[1].seconds) / 2)


def test_work_counts_repeats_and_judged_images() -> None:
    protocol = load_protocol("laptop")
    assert images_trained(protocol, 10_000) == 3 * 8192
    assert images_trained(protocol, 100) == 300
    growing = protocol.model_copy(update={"image_size": 32, "early_sizes": (8, 16)})
    assert images_trained(growing, 1_600) == 1_600 + 400 + 100
    assert work_of(protocol, 100, 40) == 300 + 40 * JUDGED_IMAGE


@given(times=st.lists(st.floats(0.1, 100), min_size=1, max_size=12), n_workers=st.integers(1, 20))
def test_a_makespan_lies_between_its_bounds(times: list[float], n_workers: int) -> None:
    whole = makespan(times, n_workers)
    assert whole >= max(times) - 1e-9
    assert whole >= sum(times) / n_workers - 1e-9
    assert whole <= sum(times) / n_workers + max(times) + 1e-9
    assert makespan(times, 1) == pytest.approx(sum(times))


def test_the_time_left_is_exact_where_all_is_known() -> None:
    clock = Clock()
    tally = Tally(2, clock=clock)
    sizes = [1e8, 1e9, 2e8, 5e8, 3e8, 4e8]
    tally.expect("searched", 6, work=1000.0, images=900)
    assert tally.left_s() is None
    tally.begin("searched", sizes)
    ends = np.array([seconds(1000.0, m) for m in sizes])
    free, finished = [0.0, 0.0], []
    for i, taken in enumerate(ends):
        worker = int(np.argmin(free))
        free[worker] += taken
        finished.append((free[worker], i))
    for n, (at, i) in enumerate(sorted(finished), 1):
        clock.now = at
        tally.add("searched", float(ends[i]), sizes[i])
        left = tally.left_s()
        assert left is not None
        if n >= 3:  # before, nobody can know how time grows with size
            assert left == pytest.approx(max(free) - at, abs=1e-6)
    assert (tally.done, tally.total) == (6, 6)
    assert tally.images_per_s("searched") == pytest.approx(2 * 6 * 900 / ends.sum())
    tally.expect("native", 1, work=0.0, seconds=100.0)
    tally.add("native", 114.0)
    assert tally.images_per_s("native") is None, "it has a pace of its own, which the search's does not tell"


def test_pauses_between_batches_and_batches_to_come_count() -> None:
    clock = Clock()
    tally = Tally(2, clock=clock)
    tally.expect("searched", 6, work=1.0, batch_size=2)
    tally.begin("searched", [1.0, 1.0])
    clock.now = 10.0
    tally.add("searched", 10.0, 1.0)
    tally.add("searched", 10.0, 1.0)
    clock.now = 13.0
    tally.begin("searched", [1.0, 1.0])
    assert tally.left_s() == pytest.approx(10.0 + 3.0 + 10.0)
    clock.now = 17.0
    assert tally.left_s() == pytest.approx(6.0 + 3.0 + 10.0)


def test_failures_leave_the_list_and_surprises_do_no_harm() -> None:
    tally = Tally(1)
    tally.expect("searched", 2, work=1.0)
    tally.begin("searched", [5.0, 6.0])
    tally.drop("searched", 5.0)
    tally.drop("searched", 99.0)
    tally.add("searched", 2.0, 6.0)
    assert tally.done == 1
    assert tally.left_s() == pytest.approx(2.0), "the failed one will be tried again"
    for _ in range(5):
        tally.add("searched", 1.0, 6.0)
    assert tally.left_s() == 0.0
    assert tally.images_per_s("searched") is None, "nobody told how many images a training sees"
