"""Plans of trainings at native size: those of earlier versions keep their labels on ideal devices."""

from pathlib import Path
from typing import Any, cast

from xpert_evo.accuracy.training.recipes import load_recipe
from xpert_evo.config import RunConfig, load_config
from xpert_evo.orchestration.chips import Chips
from xpert_evo.orchestration.native import limit_warning
from xpert_evo.orchestration.native_plan import NativePlan, judged_images, native_context, native_note
from xpert_evo.store import Store


class _Notes:
    """A store that holds one note."""

    folder = Path()

    def __init__(self, note: dict[str, Any]) -> None:
        self._note = note

    def note(self, *_: object) -> dict[str, Any]:
        return self._note


def test_a_plan_of_an_earlier_version_is_judged_on_ideal_devices() -> None:
    plan = NativePlan(recipe=load_recipe("hour"), roles={"a": "searched"}, expected={"a": 0.5}, seconds=1, judging_s=1)
    plain = plan.to_plain()
    earlier = {name: value for name, value in plain.items() if name != "on_chips"}
    for note, on_chips in ((plain, True), (earlier, False)):
        read = native_note(cast("Store", _Notes(note)))
        assert read is not None
        assert read.on_chips == on_chips
        assert read.roles == plan.roles


def test_labels_on_ideal_devices_keep_their_context() -> None:
    config, recipe = RunConfig(), load_recipe("hour")

    def context(chips: Chips | None) -> str:
        return native_context(config, recipe, "0" * 16, refined=False, chips=chips)

    assert context(None) == "f91aae291b26136a"
    assert context(Chips.of(config)) != context(None)
    ideal = load_config(None, {"training.devices": "ideal", "training.judge_chips": 0})
    assert context(Chips.of(ideal)) == context(None)


def test_each_chip_is_judged_and_calibrated() -> None:
    few = {"training.judge_chips": 2, "training.label_chips": 1, "training.norm_images": 64}
    config, recipe = load_config(None, {"hardware.device": "rram-wan2022", **few}), load_recipe("hour")
    n_labelled = min(recipe.stages[-1].protocol.n_validation or 5_000, 5_000)
    assert judged_images(config, recipe, 1_000, 5_000) == [1_000, 1_064, 1_064, n_labelled + 64]
    ideal = load_config(None, {"training.devices": "ideal", "training.judge_chips": 0})
    assert judged_images(ideal, recipe, 1_000, 5_000) == [1_000]


def test_a_time_limit_that_stops_trainings_at_native_size_is_told() -> None:
    plan = NativePlan(recipe=load_recipe("hour"), roles={}, expected={}, seconds=3_000, judging_s=1)
    assert [limit_warning(limit_s, plan) for limit_s in (None, 3_000.0)] == [None, None]
    said = limit_warning(600.0, plan)
    assert said is not None
    assert "takes about 50 min, but training.time_limit_s = 600 stops it" in said
    assert "--set training.time_limit_s=6000" in said
