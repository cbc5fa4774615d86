"""Which designs go on to native size: the front of expected values without useless ends, and rivals that match."""

import numpy as np
import pytest

from tests.orchestration.conftest import Runs
from xpert_evo.orchestration.finalists import LEAST_SHARE
from xpert_evo.orchestration.knowledge import look
from xpert_evo.orchestration.names import NATIVE
from xpert_evo.orchestration.native_choice import promising, rivals
from xpert_evo.orchestration.native_plan import fitted_ratio, seconds_each
from xpert_evo.orchestration.stage_times import LEAST_RATIO, StageTimes
from xpert_evo.orchestration.surrogates import fit_round
from xpert_evo.orchestration.tally import Tally
from xpert_evo.search.seeding import DEPTH_FACTORS, homogeneous_designs


def test_designs_and_rivals_are_promising_distinct_and_comparable(runs: Runs) -> None:
    config = runs.settings()
    runs.go("ended", config)
    with runs.context("ended", config) as run:
        known = look(run)
        surrogates = fit_round(run, 9, known)
        designs = promising(run.task, known, surrogates, 3)
        opponents = rivals(run.task, surrogates, designs, 2)
    homogeneous = {row.tobytes() for row in homogeneous_designs(run.task.space, DEPTH_FACTORS)}
    labelled = {row.tobytes() for row in known.genomes}
    assert 1 <= len(designs) <= 3
    assert {row.tobytes() for row in designs} <= labelled - homogeneous
    assert {row.tobytes() for row in opponents} <= homogeneous
    assert len({row.tobytes() for row in np.concatenate([designs, opponents])}) == len(designs) + len(opponents)
    assert run.task.feasible(designs).all()
    expected = surrogates.accuracy(known.genomes)[0]
    within = (run.task.constraints.violations(known.values) <= 0).all(axis=1)
    own = [i for i, row in enumerate(known.genomes) if within[i] and row.tobytes() not in homogeneous]
    best = max(expected[i] for i in own)
    chance = 1 / run.task.backbone.n_classes
    assert (surrogates.accuracy(designs)[0] - chance >= LEAST_SHARE * (best - chance) - 1e-9).all()
    assert max(surrogates.accuracy(designs)[0]) == pytest.approx(best), "the most accurate one goes on"
    best_design = designs[[np.argmax(surrogates.accuracy(designs)[0])]]
    matching = rivals(run.task, surrogates, best_design, 1)
    pool = homogeneous_designs(run.task.space, DEPTH_FACTORS)
    pool = pool[run.task.feasible(pool)]
    good = surrogates.accuracy(pool)[0] >= surrogates.accuracy(best_design)[0]
    if good.any():
        cheapest = run.task.own_costs(pool[good])["edap"].min()
        assert run.task.own_costs(matching)["edap"][0] == pytest.approx(cheapest)
    assert len(rivals(run.task, surrogates, designs, 0)) == 0


def test_a_ratio_fills_the_time_with_all_workers() -> None:
    low = StageTimes(training_s=(60.0, 20.0), measuring_s=(5.0, 5.0), judging_s=10.0)
    high = StageTimes(training_s=(120.0, 40.0), measuring_s=(5.0, 5.0), judging_s=10.0)
    places = np.array([0.0, 0.5, 1.0, 1.0])
    assert seconds_each([low, high], places) == [100.0, 140.0, 180.0, 180.0]
    for n_workers, whole_s in ((1, 600.0), (4, 180.0)):
        assert fitted_ratio([low, high], places, n_workers, whole_s) == pytest.approx(1.0)
        fixed_s = 80.0 if n_workers == 1 else 20.0
        assert fitted_ratio([low, high], places, n_workers, fixed_s + 2 * (whole_s - fixed_s)) == pytest.approx(2.0)
        assert fitted_ratio([low, high], places, n_workers, 1.0) == LEAST_RATIO


def test_trainings_at_native_size_have_a_pace_of_their_own() -> None:
    tally = Tally(2)
    tally.expect(NATIVE, 4, work=0.0, seconds=100.0)
    assert tally.left_s() == 200.0
    tally.begin(NATIVE, [1.0, 1.0])
    tally.add(NATIVE, 300.0, 1.0)
    assert (tally.done, tally.total) == (1, 4)
    assert tally.left_s() == pytest.approx(300.0 + 300.0, abs=1.0), "by those that ended, not by what was expected"
    tally.expect("searched", 3, work=10.0)
    assert tally.left_s() is None, "nothing is known of proxies"
