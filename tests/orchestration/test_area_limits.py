"""Several limits on area in one run: a search and a front for each, labels for all."""

from typing import Any

import pytest

from xpert_evo.config import parse_config
from xpert_evo.errors import ConfigError, InfeasibleError
from xpert_evo.orchestration.task import build_task
from xpert_evo.report.table import limits_table
from xpert_evo.report.writing import write_front
from xpert_evo.store import Store

LIMITS = {"area_limit_mm2": 18.0, "further_area_limits_mm2": [9.0, 6.0]}


def test_each_limit_gets_a_front_that_keeps_it_from_the_same_labels(runs: Any) -> None:
    config = runs.settings(hardware=LIMITS)
    folder = runs.go("run", config)
    result = runs.result("run")
    assert list(result.fronts) == [6.0, 9.0, 18.0]
    for limit, front in result.fronts.items():
        assert front
        assert all(member.hardware["area_mm2"] <= limit for member in front)
    assert result.front == result.fronts[18.0]
    assert len(result.measured) == config.training.n_labels, "labels are shared, not multiplied"
    with Store.open_readonly(folder) as store:
        searches = {(row["round"], row["area_limit_mm2"]) for row in store.summaries()}
    assert searches == {(round_, limit) for round_ in (1, 2) for limit in (6.0, 9.0, 18.0)}
    write_front(folder, result)
    assert {path.name for path in folder.glob("front*.json")} == {"front.json", "front-6mm2.json", "front-9mm2.json"}
    table = limits_table(result)
    assert table is not None
    assert table.row_count == 3


def test_no_training_goes_beyond_the_limits_on_the_chip_where_an_accuracy_seems_out_of_reach(runs: Any) -> None:
    search = {"objectives": ["accuracy", "latency", "energy"], "least_accuracy": 0.97}
    limits = {"area_limit_mm2": 8.0, "latency_limit_us": 400.0}
    runs.go("run", runs.settings(hardware=limits, search=search | {"generations": 12}))
    chosen = {digest for name, digests in runs.batches("run").items() if "round" in name for digest in digests}
    hardware = [one.hardware for one in runs.result("run").measured if one.digest in chosen]
    assert len(hardware) == 10
    assert max(one["area_mm2"] for one in hardware) <= 8
    assert max(one["latency_us"] for one in hardware) <= 400


def test_infill_is_drawn_for_every_limit(runs: Any) -> None:
    training = {"designs_per_round": 7, "probes_per_round": 1}
    runs.go("run", runs.settings(hardware=LIMITS, training=training))
    areas = {c.digest: c.hardware["area_mm2"] for c in runs.result("run").measured}
    batch = [areas[digest] for digest in runs.batches("run")["round-1"]]
    assert all(area <= 6.0 for area in batch[:2])
    assert all(area <= 9.0 for area in batch[2:4])


def test_a_run_with_limits_that_is_stopped_is_the_same_run(runs: Any, same_content: Any) -> None:
    config = runs.settings(hardware=LIMITS)
    assert same_content(runs.go("whole", config), runs.killed_and_resumed("stopped", config, every=4))


@pytest.mark.parametrize("further", [[50.0], [60.0], [30.0, 30.0]])
def test_further_limits_are_tighter_ones(further: list[float]) -> None:
    with pytest.raises(ConfigError, match="different limits below"):
        parse_config({"hardware": {"further_area_limits_mm2": further}})


def test_the_tightest_limit_must_be_reachable() -> None:
    config = parse_config({"hardware": {"further_area_limits_mm2": [0.5]}})
    with pytest.raises(InfeasibleError, match=r"further_area_limits_mm2 = 0\.5: the smallest"):
        build_task(config, n_classes=10, image_channels=1)
