"""A run stops before its last round when its seconds are spent or its measured front stalls, and says why."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from xpert_evo.orchestration.batches import plan_batch
from xpert_evo.orchestration.knowledge import Knowledge
from xpert_evo.orchestration.names import FIRST, REUSED
from xpert_evo.orchestration.stopping import spent_s
from xpert_evo.store import Label, Topic


def test_a_budget_of_seconds_ends_the_rounds_and_the_finalists_are_trained(runs: Any) -> None:
    config = runs.settings(training={"rounds": 6, "budget_s": 3.0 * 13})
    runs.go("run", config)
    assert set(runs.batches("run")) == {"first", "round-1", "finalists"}, "8 and 5 trainings of 3 s spend it"
    note = runs.notes("run", Topic.STOPPED)["rounds"]
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
    note = runs.notes("run", Topic.STOPPED)["rounds"]
    assert "has not grown for 2 rounds" in note["reason"]
    assert 3 <= note["before_round"] < 12
    runs.go("free", runs.settings(space=tiny, training={"rounds": 4}))
    assert runs.notes("free", Topic.STOPPED) == {}


@pytest.mark.parametrize("surrogate", ["gaussian-process", "relevance"])
def test_rounds_of_a_space_without_untried_designs_are_empty(runs: Any, surrogate: str) -> None:
    one = {"channel_depth": [64], "column_sharing": [8], "adc_type": ["sar"], "adc_precision": [6]}
    tiny = {"backbone": "vgg8", **one, "input_precision": [5, 6, 7, 8]}
    layers = {name: {"input_precision": [8]} for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "conv6")}
    runs.go("run", runs.settings(space=tiny | {"layers": layers}, search={"surrogate": surrogate}))
    assert len(runs.batches("run")["first"]) == len(runs.result("run").measured) == 4
    assert runs.result("run").final


def test_the_first_of_two_phases_ends_with_half_of_the_seconds(runs: Any) -> None:
    config = runs.settings(search={"mode": "two-phase"}, training={"rounds": 8, "budget_s": 80.0})
    runs.go("run", config)
    assert runs.notes("run", "two-phase")["network"]["after_round"] == 2, "4, 5 and 5 trainings of 3 s are 42 s"
    assert "second-phase" in runs.batches("run")


def test_the_second_of_two_phases_stalls_by_its_own_rounds(runs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def flat(_: object, known: Knowledge) -> float:
        compared.append(len(known))
        return 1.0

    monkeypatch.setattr("xpert_evo.orchestration.stopping._volume", flat)
    runs.go("run", runs.settings(search={"mode": "two-phase", "stall_rounds": 2}, training={"rounds": 9}))
    assert runs.notes("run", "two-phase")["network"]["after_round"] == 2
    assert runs.notes("run", Topic.STOPPED)["rounds"]["before_round"] == 5
    assert set(runs.batches("run")) == {"first", *(f"round-{n}" for n in range(1, 5)), "second-phase", "finalists"}
    assert compared == [4, 4 + 10, 18, 18 + 10], "the second begins with its four designs known"


def test_labels_of_other_runs_cost_nothing(runs: Any) -> None:
    with runs.context("run", runs.settings()) as run:
        designs = run.task.space.decode(run.task.space.random(np.random.default_rng(0), 2))
        plan_batch(run, FIRST, designs)
        reused, own = run.store.plans(FIRST)
        with run.store.transaction() as store:
            store.add_plans([replace(reused, batch=REUSED)])
            for plan, seconds in ((reused, 1000.0), (own, 7.0)):
                label = {"digest": plan.digest, "context": plan.context, "protocol": "laptop", "seed": 1}
                store.add_label(Label(**label, accuracy=0.5, seconds=seconds, details={}))
        assert spent_s(run) == 7.0
