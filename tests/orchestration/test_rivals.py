"""Half of the probes are homogeneous designs: the opponents that count are measured, not only predicted."""

from typing import Any

import pytest

from xpert_evo.config.method import TrainingConfig
from xpert_evo.orchestration.choosing import Chooser, n_rivals
from xpert_evo.orchestration.goals import Goal
from xpert_evo.space import Genomes

TRAINING = {"designs_per_round": 6, "probes_per_round": 2}


@pytest.mark.parametrize("schedule", ["rounds", "steady-state"])
def test_every_round_trains_a_homogeneous_design_that_keeps_the_limits(runs: Any, schedule: str) -> None:
    config = runs.settings(
        training=TRAINING | {"schedule": schedule, "first_designs": 12}, hardware={"area_limit_mm2": 18.0}
    )
    runs.go("run", config)
    measured = runs.result("run").measured
    for round_ in range(config.training.rounds):
        batch = measured[12 + 6 * round_ : 18 + 6 * round_]
        assert len(batch) == 6
        # In a round's worth the rival stands behind the front's four and before the probe.
        assert batch[4].design.has_same_peripherals
        assert batch[4].hardware["area_mm2"] <= 18.0
        assert batch[4].predicted is not None, "rivals test the surrogate, too"
    assert len({candidate.digest for candidate in measured}) == len(measured)


def test_a_single_probe_stays_a_probe() -> None:
    assert [n_rivals(TrainingConfig(probes_per_round=n)) for n in range(5)] == [0, 0, 1, 1, 2]


def test_a_search_of_two_phases_has_no_rivals(runs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rivals: list[int] = []
    choose_rivals = Chooser.rivals

    def watched(chooser: Chooser, goal: Goal, n_designs: int) -> Genomes:
        chosen = choose_rivals(chooser, goal, n_designs)
        rivals.append(len(chosen))
        return chosen

    config = runs.settings(training=TRAINING, search={"mode": "two-phase"})
    monkeypatch.setattr("xpert_evo.orchestration.choosing.Chooser.rivals", watched)
    runs.go("run", config)
    assert len(runs.result("run").measured) == config.training.n_labels
    assert rivals == [0] * config.training.rounds


def test_a_run_with_rivals_that_is_stopped_is_the_same_run(runs: Any, same_content: Any) -> None:
    config = runs.settings(training=TRAINING)
    assert same_content(runs.go("whole", config), runs.killed_and_resumed("stopped", config, every=3))
