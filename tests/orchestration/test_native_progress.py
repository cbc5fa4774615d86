"""What a run tells while networks at native size are trained."""

import json
import threading
from pathlib import Path

import pytest
import torch

from xpert_evo.accuracy.training.checkpoints import write_tensors
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.accuracy.training.recipes import load_recipe
from xpert_evo.accuracy.training.stage_progress import StageProgress, progress_of
from xpert_evo.events import Event, Stage
from xpert_evo.orchestration.effort import work_of
from xpert_evo.orchestration.native_progress import progress_told, training_states, work_left
from xpert_evo.progress import Silent

DIGESTS = ["446c0e9ee65ac279", "d27adb7d33790000"]


class Waiting(Silent):
    """A listener that wakes whoever waits for an event."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.told = threading.Event()

    def tell(self, event: Event) -> None:
        assert isinstance(event, Stage)
        self.heard.append(event.text)
        self.told.set()


def finish_stage(run: Path, digest: str, name: str) -> None:
    folder = run / "native" / digest / "stages"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({}))


def test_trainings_that_have_not_begun_have_no_state(tmp_path: Path) -> None:
    recipe = load_recipe("hour")
    assert training_states(tmp_path, DIGESTS, recipe) == []
    finish_stage(tmp_path, DIGESTS[0], "1-one-night")
    assert training_states(tmp_path, DIGESTS, recipe) == ["446c0e9e: 1 of 2 stages finished"]
    (tmp_path / "native" / DIGESTS[0] / "weights.safetensors").touch()
    assert training_states(tmp_path, DIGESTS, recipe) == ["446c0e9e: trained, not judged"]


def test_finished_stages_and_epochs_are_no_longer_ahead(tmp_path: Path) -> None:
    recipe, n_train = load_recipe("hour"), 45_000
    first, second = (work_of(stage.protocol, n_train, 0) for stage in recipe.stages)
    assert work_left(tmp_path, DIGESTS[0], recipe, n_train) == 1
    finish_stage(tmp_path, DIGESTS[0], "1-one-night")
    assert work_left(tmp_path, DIGESTS[0], recipe, n_train) == pytest.approx(second / (first + second))
    checkpoint = tmp_path / "native" / DIGESTS[1] / "stages" / "1-one-night.checkpoint"
    checkpoint.parent.mkdir(parents=True)
    epochs = recipe.stages[0].protocol.epochs
    write_tensors(checkpoint, {"a": torch.zeros(1)}, {"history": [0.0] * (epochs // 2)})
    assert training_states(tmp_path, DIGESTS[1:], recipe) == [
        f"d27adb7d: stage 1 of 2, epoch {epochs // 2} of {epochs} finished"
    ]
    half = work_left(tmp_path, DIGESTS[1], recipe, n_train)
    assert 0.6 < half < 0.8, "later epochs have larger images"
    (tmp_path / "native" / DIGESTS[1] / "weights.safetensors").touch()
    assert work_left(tmp_path, DIGESTS[1], recipe, n_train) == 0


@pytest.mark.parametrize(("n_passes", "place"), [(0, 0), (1, 1), (3, 3)])
def test_a_recipe_may_train_by_one_protocol_twice(tmp_path: Path, n_passes: int, place: int) -> None:
    first, tune = load_recipe("hour").stages
    stages = (first, tune, first.model_copy(update={"protocol": load_protocol("second-night")}), tune)
    for number, stage in enumerate(stages[:n_passes], start=1):
        (tmp_path / f"{number}-{stage.protocol.name}.json").touch()
    checkpoint = tmp_path / f"{n_passes + 1}-{stages[place].protocol.name}.checkpoint"
    write_tensors(checkpoint, {"a": torch.zeros(1)}, {"history": [0.0]})
    assert progress_of(tmp_path, stages) == StageProgress(n_passes=n_passes, stage=place, n_epochs=1)


def test_what_changes_is_told_once(tmp_path: Path) -> None:
    listener = Waiting()
    finish_stage(tmp_path, DIGESTS[0], "1-one-night")
    with progress_told(tmp_path, DIGESTS, load_recipe("hour"), listener, look_every_s=0.01):
        finish_stage(tmp_path, DIGESTS[1], "1-one-night")
        assert listener.told.wait(10)
    finish_stage(tmp_path, DIGESTS[1], "2-exact-tune")
    assert listener.heard[0].endswith("d27adb7d: 1 of 2 stages finished")
    assert len(listener.heard) == 1


def test_a_training_that_fails_ends_the_telling(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="diverged"), progress_told(tmp_path, DIGESTS, load_recipe("hour"), Silent()):
        raise RuntimeError("diverged")
    assert threading.active_count() == before
