"""A run stops before its last round when its seconds are spent or its measured front stalls, and says why."""

from typing import Any

from xpert_evo.orchestration.stopping import STOPPED


def test_a_budget_of_seconds_ends_the_rounds_and_the_finalists_are_trained(runs: Any) -> None:
    config = runs.settings(training={"rounds": 6, "budget_s": 3.0 * 13})
    runs.go("run", config)
    assert set(runs.batches("run")) == {"first", "round-1", "finalists"}, "8 and 5 trainings of 3 s spend it"
    note = runs.notes("run", STOPPED)["rounds"]
    assert note["before_round"] == 2
    assert "budget_s = 39" in note["reason"]
    assert runs.result("run").final


def test_a_resumed_run_stops_where_the_uninterrupted_one_does(runs: Any, same_content: Any) -> None:
    config = runs.settings(training={"rounds": 6, "budget_s": 50.0})
    whole, stopped = runs.go("whole", config), runs.killed_and_resumed("stopped", config, every=4)
    assert set(runs.batches("stopped")) == {"first", "round-1", "round-2", "finalists"}
    assert same_content(whole, stopped)


def test_a_noted_stop_holds_whatever_the_settings_say_later(runs: Any) -> None:
    runs.go("run", runs.settings(training={"rounds": 6, "budget_s": 39.0}))
    before = runs.batches("run")
    runs.go("run", runs.settings(training={"rounds": 9}))
    assert runs.batches("run") == before


def test_a_search_that_finds_nothing_better_stops_when_told_to(runs: Any) -> None:
    tiny = {
        "backbone": "vgg8",
        "channel_depth": [64],
        "column_sharing": [8],
        "adc_type": ["sar"],
        "adc_precision": [6],
        "input_precision": [4, 5, 6, 7, 8],
    }
    config = runs.settings(space=tiny, training={"rounds": 12}, search={"stall_rounds": 2})
    runs.go("run", config)
    note = runs.notes("run", STOPPED)["rounds"]
    assert "has not grown for 2 rounds" in note["reason"]
    assert 3 <= note["before_round"] < 12
    runs.go("free", runs.settings(space=tiny, training={"rounds": 4}))
    assert runs.notes("free", STOPPED) == {}


def test_the_first_of_two_phases_ends_with_half_of_the_seconds(runs: Any) -> None:
    config = runs.settings(search={"mode": "two-phase"}, training={"rounds": 8, "budget_s": 80.0})
    runs.go("run", config)
    assert runs.notes("run", "two-phase")["network"]["after_round"] == 2, "4, 5 and 5 trainings of 3 s are 42 s"
    assert "second-phase" in runs.batches("run")
