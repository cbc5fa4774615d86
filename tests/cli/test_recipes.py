"""`xpert-evo train --recipe` on the command line: stages, an interruption, a budget, and a dry run."""

import json
import re
from pathlib import Path

import pytest

from hw_models import AdcType
from tests.command_line import call
from xpert_evo.backbones import load_backbone
from xpert_evo.cli import training
from xpert_evo.errors import ConfigError, InterruptedRunError, UsageError
from xpert_evo.orchestration import stage_times
from xpert_evo.orchestration.stage_times import StageTimes
from xpert_evo.space import SearchSpace

TINY = """\
stages = [
  { protocol = "smoke", changes = { width_divisor = 32, n_train = 256, n_validation = 64, epochs = 2 } },
  { protocol = "exact-tune", changes = { width_divisor = 32, image_size = 16, n_train = 256, n_validation = 64 } },
]
"""


@pytest.fixture
def design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A design in the working directory, beside a tiny recipe."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(TINY)
    space = SearchSpace(load_backbone("vgg8"))
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=5, input_precision=2)
    Path("design.json").write_text(space.decode(genome)[0].to_json())
    return "design.json"


def test_a_recipe_ends_alike_however_often_it_is_interrupted(
    design: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("train", design, "--recipe", "tiny.toml", "--chips", "0", "--no-judge", "--out")
    epoch, told = training.TrainingDisplay.epoch, []

    def interrupted(self: training.TrainingDisplay, ended: object) -> None:
        told.append(ended)
        raise KeyboardInterrupt

    monkeypatch.setattr(training.TrainingDisplay, "epoch", interrupted)
    for _ in range(3):
        with pytest.raises(InterruptedRunError, match=r"kept in stopped\. The same command will continue"):
            call(*command, "stopped")
    assert [ended.number for ended in told] == [1, 2, 1]
    monkeypatch.setattr(training.TrainingDisplay, "epoch", epoch)
    capsys.readouterr()
    call(*command, "stopped")
    said = capsys.readouterr().out
    assert re.search(r"smoke-2-epochs-256-images-\w{6} already finished: \d+\.\d\d %", said)
    assert "stage 2 of 2: exact-tune-256-images" in said
    assert "epoch 1/1: loss" not in said, "its only epoch was kept"
    call(*command, "whole")
    results = [json.loads(Path(folder, "result.json").read_text()) for folder in ("stopped", "whole")]
    for result in results:
        assert result["recipe"]["name"] == "tiny"
        assert [stage["epochs"] for stage in result["recipe"]["stages"]] == [2, 1]
        assert result["protocol"]["exact"]
        assert result["started_from"]["protocol"] == result["recipe"]["stages"][0]["protocol"]
        assert result["test"] is None
    weights = [Path(folder, "weights.safetensors").read_bytes() for folder in ("stopped", "whole")]
    assert weights[0] == weights[1]
    assert results[0]["validation_accuracy"] == results[1]["validation_accuracy"]
    with pytest.raises(UsageError, match="contains a finished training"):
        call(*command, "whole")
    call("judge", "whole", "--images", "50", "--chips", "0")
    assert "of 50 images" in capsys.readouterr().out


def test_a_dry_run_tells_the_time_of_each_stage_and_writes_nothing(
    design: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stage_times, "BUDGET_S", 0.5)
    before = sorted(Path().rglob("*"))
    call("train", design, "--recipe", "tiny.toml", "--dry-run", "--chips", "1")
    said = capsys.readouterr().out
    for words in (
        "recipe tiny: 2 stages",
        "2 epochs of 256 training images of 16 x 16",
        "exact emulation in every step",
        "2 judgements of 2,000 test images",
    ):
        assert words in said
    assert len(re.findall(r"^stage \d, \S+: about \d+ s \(", said, re.MULTILINE)) == 2
    assert re.search(r"^time: about \d+ s$", said, re.MULTILINE)
    assert sorted(Path().rglob("*")) == before


def test_hours_scale_the_stages_once_and_a_second_call_keeps_them(
    design: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(*_: object, **__: object) -> StageTimes:
        return StageTimes(training_s=(3600.0, 1800.0), measuring_s=(60.0, 60.0), judging_s=240.0)

    def never(*_: object, **__: object) -> StageTimes:
        raise AssertionError("a begun training is not measured again")

    options = ("--recipe", "tiny.toml", "--chips", "0", "--no-judge", "--out", "scaled")
    with monkeypatch.context() as patched:
        patched.setattr(stage_times, "measured_times", slow)
        with pytest.raises(UsageError, match=r"--hours 0\.1 is too short: measuring and judging take about 6 min"):
            call("train", design, "--hours", "0.1", *options)
        with pytest.raises(UsageError, match="--hours must be above 0"):
            call("train", design, "--hours", "0", *options)
        patched.setattr(training.TrainingDisplay, "epoch", interrupt)
        with pytest.raises(InterruptedRunError):
            call("train", design, "--hours", "0.85", *options)
    stages = json.loads(Path("scaled/recipe.json").read_text())["recipe"]["stages"]
    assert [stage["protocol"]["epochs"] for stage in stages] == [1, 1]
    assert [stage["protocol"]["n_train"] for stage in stages] == [256, 128], "half of the training"
    monkeypatch.setattr(stage_times, "measured_times", never)
    call("train", design, "--hours", "0.85", *options)
    result = json.loads(Path("scaled/result.json").read_text())
    assert result["recipe"]["hours"] == 0.85
    assert [stage["n_train"] for stage in result["recipe"]["stages"]] == [256, 128]
    assert "scaled to 0.85 h" in capsys.readouterr().out


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_folder_keeps_the_training_that_it_was_begun_for(design: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.TrainingDisplay, "epoch", interrupt)
    options = ("--chips", "0", "--no-judge", "--out", "begun")
    with pytest.raises(InterruptedRunError):
        call("train", design, "--recipe", "tiny.toml", *options)
    with pytest.raises(UsageError, match="another training with a different seed; choose another --out"):
        call("train", design, "--recipe", "tiny.toml", "--seed", "1", *options)
    Path("tiny.toml").write_text(TINY.replace("epochs = 2", "epochs = 3"))
    with pytest.raises(UsageError, match="a different definition of the recipe's stages"):
        call("train", design, "--recipe", "tiny.toml", *options)
    Path("begun/recipe.json").write_text("{}")
    with pytest.raises(UsageError, match=r"recipe\.json cannot be read"):
        call("train", design, "--recipe", "tiny.toml", *options)


def test_a_protocol_excludes_a_recipe_and_stages_need_their_weights(design: str) -> None:
    with pytest.raises(UsageError, match="--protocol smoke is a single stage and cannot be combined with --recipe"):
        call("train", design, "--protocol", "smoke", "--recipe", "quick")
    with pytest.raises(UsageError, match="cannot be combined with --hours"):
        call("train", design, "--protocol", "smoke", "--hours", "2")
    with pytest.raises(UsageError, match="--protocol exact-tune continues from trained weights"):
        call("train", design, "--protocol", "exact-tune")
    with pytest.raises(UsageError, match=r"^--recipe chip continues from trained weights; .* with --start-from"):
        call("train", design, "--recipe", "chip", "--noise-aware", "--dry-run")
    with pytest.raises(ConfigError, match="no recipe is called 'hours'; did you mean 'hour'"):
        call("train", design, "--recipe", "hours")
