"""`xpert-evo train` from the first epoch to the judgement: progress, interruption, going on, files."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest
import torch
from filelock import FileLock

from hw_models import AdcType
from tests.command_line import call
from tests.small_runs import judge_few_images
from xpert_evo.accuracy.crossbars.fused import changeover
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.training.checkpoints import read_tensors, write_tensors
from xpert_evo.accuracy.training.judge import Judgement, judge
from xpert_evo.accuracy.training.protocols import PROTOCOLS, TrainingProtocol
from xpert_evo.accuracy.training.weights import load_network
from xpert_evo.backbones import load_backbone
from xpert_evo.cli import judging, training
from xpert_evo.cli.packing import pack_weights
from xpert_evo.config import parse_config
from xpert_evo.errors import ConfigError, InterruptedRunError, TrainingError, UsageError
from xpert_evo.space import SearchSpace
from xpert_evo.store import Store
from xpert_evo.workbench import judging as workbench_judging
from xpert_evo.workbench import measuring
from xpert_evo.workbench import training as workbench_training

pytestmark = pytest.mark.usefixtures("quick_estimates")

TINY = TrainingProtocol(
    name="tiny",
    width_divisor=64,
    image_size=16,
    epochs=2,
    n_train=256,
    n_validation=64,
    n_recalibration=64,
    n_threads=1,
)


class Trainer(Protocol):
    """Runs the command's function with a folder's name and further arguments."""

    def __call__(self, name: str, *, noise: str | None = "variation_ratio=0.05", **changes: Any) -> Path: ...


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """Trains one design by a tiny protocol with two chips with 5 % variation; returns the folder of the given name."""
    monkeypatch.setitem(PROTOCOLS, "tiny", TINY)
    judge_few_images(monkeypatch)
    space = SearchSpace(load_backbone("vgg8"))
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=5, input_precision=2)
    design = tmp_path / "design.json"
    design.write_text(space.decode(genome)[0].to_json())

    def run(name: str, *, noise: str | None = "variation_ratio=0.05", **changes: Any) -> Path:
        options: dict[str, Any] = {
            "protocol": "tiny",
            "seed": 3,
            "noise": [noise] if noise else [],
            "noise_draws": 2,
            "norm_images": 0,
            "ideal": True,
            "out": tmp_path / name,
            "assignments": None,
        } | changes
        training.train_one(design, None, options.pop("assignments"), {}, **options)
        return tmp_path / name

    return run


def test_an_interrupted_training_goes_on_from_its_last_epoch_and_ends_like_a_whole_one(
    train: Trainer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(training.TrainingProgress, "epoch", interrupt)
        with pytest.raises(InterruptedRunError, match=r"kept in .*stopped\. The same command will continue"):
            train("stopped")
    kept = sorted(path.name for path in (tmp_path / "stopped").iterdir())
    assert kept == ["checkpoint.safetensors", "train.lock"], "the checkpoint of the first epoch alone"
    capsys.readouterr()
    stopped = train("stopped")
    assert "epoch 1/2" not in capsys.readouterr().out
    whole = train("whole")
    said = capsys.readouterr().out
    assert "epoch 1/2" in said
    assert re.search(r"epoch 1/2: loss \d\.\d{4}, \d+ s, about \d+ s of training left", said)
    assert re.search(r"epoch 2/2: loss \d\.\d{4}, \d+ s, trained; measuring 64 validation images", said)
    assert "about 0 s left" not in said
    assert "assumed: fashion-mnist (10 classes, images of 32 x 32 with 1 channel), device rram-100k" in " ".join(
        said.split()
    )
    assert "2 chips" in " ".join(said.split())
    results = [json.loads((folder / "result.json").read_text()) for folder in (stopped, whole)]
    for name in ("validation_accuracy", "test", "test_with_device_noise", "device_noise", "protocol", "design"):
        assert results[0][name] == results[1][name], name
    assert results[0]["test_with_device_noise"]["n_draws"] == 2
    assert results[0]["trained_on"] == "cpu, 1 thread"
    assert results[0]["crossbar"]["rows"] == 64
    weights = [(folder / "weights.safetensors").read_bytes() for folder in (stopped, whole)]
    assert weights[0] == weights[1]
    assert sorted(path.name for path in stopped.iterdir()) == ["result.json", "weights.safetensors"]


def interrupt(*_: object) -> None:
    """Stands for Ctrl-C after the first epoch."""
    raise KeyboardInterrupt


def test_fine_tuning_tells_in_its_result_and_weights_what_it_went_on_from(
    train: Trainer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    first = train("first", noise_draws=1)
    tuned = train("tuned", start_from=first / "weights.safetensors", norm_images=None)
    begun, result = (json.loads((folder / "result.json").read_text()) for folder in (first, tuned))
    assert begun["started_from"] is None
    assert begun["test_with_device_noise"]["spread"] is None, "one draw has no spread"
    assert result["test_with_device_noise"]["spread"] is not None
    assert "fast form" in result["validation_emulation"]
    said = " ".join(capsys.readouterr().out.split())
    assert "test, variation_ratio 0.05: " in said
    assert re.search(r"test, ideal devices: \d+\.\d\d ± \d+\.\d\d % of \d+ images", said)
    assert "%, 1 chip" in said
    fewer = "(by default on 512, but protocol tiny trains on fewer; --calibrate-norms 512 takes more)"
    assert f"batch norm calibrated on 256 training images {fewer}" in said
    assert result["started_from"]["protocol"] == "tiny"
    _, metadata = read_tensors(tuned / "weights.safetensors")
    assert metadata["started_from"] == result["started_from"]
    assert len(result["started_from"]["weights_sha256"]) == 16
    with pytest.raises(TrainingError, match=r"nowhere does not exist; .* or its folder"):
        train("never", start_from=tmp_path / "nowhere")


def test_a_taught_network_tells_its_teachers_which_must_be_of_native_size(
    train: Trainer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    native = TINY.model_copy(update={"name": "native", "width_divisor": 1, "epochs": 1, "n_train": 64})
    monkeypatch.setitem(PROTOCOLS, "native", native)
    alone = {"protocol": "native", "to_judge": False}
    teacher = train("teacher", **alone)
    capsys.readouterr()
    train("taught", teachers=[teacher], dry_run=True, **alone)
    assert "learns the class probabilities of" in capsys.readouterr().out
    taught = train("taught", teachers=[teacher], **alone)
    results = [json.loads((folder / "result.json").read_text()) for folder in (teacher, taught)]
    assert "teachers" not in results[0]
    (told,) = results[1]["teachers"]
    assert (told["protocol"], len(told["weights_sha256"])) == ("native", 16)
    assert load_network(taught).header.teachers[0].design == told["design"]
    tensors = [read_tensors(folder / "weights.safetensors")[0] for folder in (teacher, taught)]
    assert not all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])
    with pytest.raises(TrainingError, match="is a proxy, narrower than its design; give a teacher of native size"):
        train("never", teachers=[train("proxy", to_judge=False)], **alone)


def judge_weights(weights: Path, *assignments: str, **changes: Any) -> None:
    """Runs the command's function: two chips with 5 % variation, unless told otherwise."""
    options: dict[str, Any] = {"split": "test", "max_images": None, "noise": ["variation_ratio=0.05"], "noise_draws": 2}
    options |= {"norm_images": 0, "ideal": True, "seed": 3, "as_json": False, **changes}
    judging.show_judgement(weights, None, assignments, {}, **options)


def test_packed_weights_are_judged_like_those_of_the_training_and_never_written_over(
    train: Trainer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = train("first", to_judge=False)
    small = tmp_path / "small.safetensors"
    pack_weights(folder, small)
    assert f"measure it with `xpert-evo judge {small}`" in capsys.readouterr().out
    found = []
    for weights in (folder, small):
        judge_weights(weights, as_json=True)
        found.append(json.loads(capsys.readouterr().out))
    assert {**found[0], "weights": ""} == {**found[1], "weights": ""}
    kept = small.read_bytes()
    with pytest.raises(UsageError, match="already exists; choose another name"):
        pack_weights(folder, small)
    assert small.read_bytes() == kept
    with pytest.raises(UsageError, match=r"cannot be written \(No such file"):
        pack_weights(folder, tmp_path / "nowhere" / "small.safetensors")
    capsys.readouterr()
    pack_weights(small, tmp_path / "again.safetensors")
    said = " ".join(capsys.readouterr().out.split())
    assert f"{small} is packed already; its copy takes" in said
    assert "instead of" not in said
    train("tuned", start_from=small, to_judge=False)


def test_kept_weights_are_judged_again_like_after_their_training_and_on_other_chips(
    train: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = train("first")
    result = json.loads((folder / "result.json").read_text())
    capsys.readouterr()

    def judged(*assignments: str, **changes: Any) -> dict[str, Any]:
        judge_weights(folder / "weights.safetensors", *assignments, **changes, as_json=True)
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    same = judged()
    for name in ("test", "test_with_device_noise", "device_noise", "design", "dataset", "protocol"):
        assert same[name] == result[name], name
    assert (same["training_seed"], same["validation_accuracy"]) == (result["seed"], result["validation_accuracy"])
    other = judged("hardware.crossbar.coding=differential", split="validation", max_images=50, norm_images=64)
    assert other["crossbar"]["coding"] == "differential"
    assert other["validation"]["n_images"] == 50
    assert other["validation_with_device_noise"]["norm_images"] == 64
    assert judged(noise_draws=0)["test_with_device_noise"] is None


def test_a_judgement_changes_what_its_settings_say_of_the_crossbars_and_keeps_the_rest(
    train: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = train("narrow", assignments=["hardware.crossbar.rows=32"], to_judge=False)
    capsys.readouterr()
    judge_weights(folder, "hardware.crossbar.coding=offset-digital", max_images=20, noise_draws=0, as_json=True)
    crossbar = json.loads(capsys.readouterr().out)["crossbar"]
    assert (crossbar["rows"], crossbar["coding"]) == (32, "offset-digital")
    with pytest.raises(
        ConfigError, match=r"crossbars of .*narrow cannot be changed like this: crossbar.tile_side must be"
    ):
        judge_weights(folder, "hardware.crossbar.tile_side=6")


class Judge:
    """The judge, pressed Ctrl-C after so many draws; remembers the accuracies that it measured."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after, self.measured = stop_after, list[float]()

    def __call__(self, *arguments: Any, on_draw: Callable[[float], None], **options: Any) -> Judgement:
        def counted(accuracy: float) -> None:
            on_draw(accuracy)
            self.measured.append(accuracy)
            if len(self.measured) == self.stop_after:
                raise KeyboardInterrupt

        return judge(*arguments, on_draw=counted, **options)


def test_a_stopped_judgement_goes_on_with_the_next_draw_under_the_same_conditions(
    train: Trainer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = train("first", to_judge=False)
    capsys.readouterr()
    judge_weights(folder, noise_draws=3, as_json=True)
    whole = json.loads(capsys.readouterr().out)

    monkeypatch.setattr(measuring, "judge", first := Judge(stop_after=2))
    with pytest.raises(InterruptedRunError, match=r"kept in .*judging-\w+\.json\. The same command will continue"):
        judge_weights(folder, noise_draws=3, as_json=True)
    assert [whole["test"]["mean"], whole["test_with_device_noise"]["accuracies"][0]] == first.measured
    assert len(list(folder.glob("judging-*.json"))) == 1

    monkeypatch.setattr(measuring, "judge", others := Judge())
    judge_weights(folder, noise_draws=1, seed=4)
    assert len(others.measured) == 2, "another seed draws other chips"

    monkeypatch.setattr(measuring, "judge", rest := Judge())
    capsys.readouterr()
    judge_weights(folder, noise_draws=3, as_json=True)
    said = capsys.readouterr()
    assert rest.measured == whole["test_with_device_noise"]["accuracies"][1:]
    assert json.loads(said.out) == whole
    assert [f"chip {number} of 3" in said.err for number in (1, 2, 3)] == [True] * 3
    assert not list(folder.glob("judging-*.json"))


def test_a_judgement_that_stops_early_or_has_a_damaged_file_begins_anew(
    train: Trainer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measuring, "judge", Judge(stop_after=1))
    with pytest.raises(InterruptedRunError, match="kept in"):
        train("first")
    (kept,) = (tmp_path / "first").glob("judging-*.json")
    kept.write_text("{")
    monkeypatch.setattr(measuring, "judge", again := Judge())
    train("first")
    assert len(again.measured) == 3
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == ["result.json", "weights.safetensors"]


def test_two_trainings_do_not_share_a_folder(train: Trainer, tmp_path: Path) -> None:
    folder = tmp_path / "first"
    folder.mkdir()
    with FileLock(folder / "train.lock"), pytest.raises(UsageError, match=r"another process is training in .*first;"):
        train("first", to_judge=False)
    assert [path.name for path in folder.iterdir()] == ["train.lock"]
    assert (train("first", to_judge=False) / "result.json").exists(), "the lock went with its owner"


def test_a_training_that_is_not_judged_leaves_the_test_set_alone(train: Trainer) -> None:
    result = json.loads((train("first", to_judge=False) / "result.json").read_text())
    assert result["test"] is result["test_with_device_noise"] is None
    assert 0 < result["validation_accuracy"] < 1


def test_a_training_that_has_ended_is_not_trained_over(train: Trainer, capsys: pytest.CaptureFixture[str]) -> None:
    folder = train("first", to_judge=False)
    assert f"judge the network with `xpert-evo judge {folder}`" in capsys.readouterr().out.replace("\n", "")
    before = (folder / "weights.safetensors").read_bytes()
    for changes in ({}, {"seed": 4}, {"noise_aware": True}):
        with pytest.raises(UsageError, match="contains a finished training; judge it with"):
            train("first", **changes)
    assert (folder / "weights.safetensors").read_bytes() == before


def test_a_judgement_says_on_which_chip_and_with_which_calibration(
    train: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = train("first", noise_draws=0) / "weights.safetensors"
    capsys.readouterr()
    judge_weights(weights.parent, max_images=20, noise_draws=1, norm_images=64)
    said = " ".join(capsys.readouterr().out.split())
    assert "fashion-mnist, crossbars of 64 x 64, weights coded offset-analog" in said
    assert "trained by protocol tiny, seed 3" in said
    assert "chip 1" not in said
    assert "test, variation_ratio 0.05, batch norm calibrated on 64 training images: " in said


def test_a_judgement_tells_each_draw_and_what_the_weights_went_through(
    train: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    first = train("first", to_judge=False)
    second = train("second", start_from=first, noise_aware=True, to_judge=False)
    capsys.readouterr()
    judge_weights(second, max_images=20)
    said = " ".join(capsys.readouterr().out.split())
    assert "by tiny, noise-aware (variation_ratio 0.05)" in said
    assert "chip 1 of 2: " in said
    assert "chip 2 of 2: " in said
    judge_weights(second, max_images=20, as_json=True)
    result = json.loads(capsys.readouterr().out)
    assert result["started_from"]["protocol"] == "tiny"
    assert result["noise_aware"]["variation_ratio"] == 0.05
    draws = result["test_with_device_noise"]["accuracies"]
    assert sum(draws) / 2 == pytest.approx(result["test_with_device_noise"]["mean"])


def test_ideal_devices_are_calibrated_on_request_which_is_suggested_for_other_crossbars(
    train: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, fewer = train("first", to_judge=False), "hardware.crossbar.weight_bits=4"
    capsys.readouterr()
    for norm_images in (None, 64):
        judge_weights(weights, fewer, max_images=20, noise_draws=0, norm_images=norm_images)
        said = " ".join(capsys.readouterr().out.split())
        assert ("--calibrate-norms 512 calibrates the batch norm of ideal devices" in said) is (norm_images is None)
        assert ("test, ideal devices, batch norm calibrated on 64 training images: " in said) is (norm_images == 64)


def test_chips_of_the_device_of_the_settings_are_judged_over_time_with_their_yield(
    train: Trainer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pcm = "hardware.device=pcm-joshi2020"
    folder = train("first", noise=None, ideal=False, noise_draws=1, norm_images=None, assignments=[pcm])
    trained = json.loads((folder / "result.json").read_text())
    assert trained["devices"] == "device pcm-joshi2020, wires of cmos-32nm-lstp, 1 s after programming"
    assert trained["test_with_device_noise"]["norm_images"] == TINY.n_train, "512 by default, unless there are fewer"
    assert trained["chip"]["device"] == "pcm-joshi2020"
    capsys.readouterr()

    options = {"noise": [], "ideal": False, "norm_images": None, "max_images": 40, "at": ["1s,1d"]}
    options |= {"least_accuracy": 0.02, "picture": tmp_path / "time.png", "as_json": True}
    judge_weights(folder, **options)
    found = capsys.readouterr()
    result, said = json.loads(found.out), " ".join(found.err.split())
    assert [aged["time_s"] for aged in result["over_time"]] == [1.0, 86_400.0]
    young, old = (aged["judgement"]["accuracies"] for aged in result["over_time"])
    assert young != old, "cells drift"
    assert result["test_with_device_noise"]["accuracies"] == young
    assert result["devices"].startswith("device pcm-joshi2020, "), "that of the training, which the call does not name"
    assert "device pcm-joshi2020, wires of cmos-32nm-lstp, 1 d after programming" in said
    assert "yield: 2 of 2 chips (100 %) reach 2 %; 95 % confidence interval 16 to 100 %" in said
    assert (tmp_path / "time.png").read_bytes().startswith(b"\x89PNG")


def test_devices_that_are_all_alike_are_judged_on_one_chip_once(
    train: Trainer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    weights = train("first", to_judge=False)
    capsys.readouterr()
    plain = {"noise": [], "ideal": False, "noise_draws": None, "max_images": 20, "as_json": True}
    asked = {"noise_draws": 3, "at": ["1s,1h,1d"], "least_accuracy": 0.02, "picture": tmp_path / "time.png"}
    judge_weights(weights, "hardware.device=rram-100k", **plain | asked)
    found = capsys.readouterr()
    result, said = json.loads(found.out), " ".join(found.err.split())
    assert result["test_with_device_noise"]["n_draws"] == 1
    assert not {"yield", "over_time"} & set(result)
    assert "rram-100k has no variation, noise or drift: all chips and all times give the same result, so" in said
    assert "yield:" not in said
    assert "no picture" in said
    assert not (tmp_path / "time.png").exists()
    judge_weights(weights, "hardware.device=rram-100k", **plain | {"noise": ["stuck_on_ratio=0.001"]})
    result = json.loads(capsys.readouterr().out)
    assert result["test_with_device_noise"]["n_draws"] == 5
    assert result["devices"] == "device rram-100k, wires of cmos-32nm-lstp, stuck_on_ratio 0.001"
    assert (result["device_noise"]["on_off_ratio"], result["device_noise"]["stuck_on_ratio"]) == (10, 0.001)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"at": ["1h,soon"]}, "--at takes times in s, min, h, d and y, such as 1s,1h,1d, got 'soon'"),
        ({"at": ["1week"]}, "--at takes times in s, min, h, d and y, such as 1s,1h,1d, got '1week'"),
        ({"at": ["1d,1h"]}, "--at takes increasing times"),
        ({"at": ["1h"], "noise": []}, "--at has no effect on ideal devices, which do not drift; leave out --ideal"),
        ({"at": ["1h"], "noise_draws": 0}, "--at needs drawn chips, but only ideal devices are judged"),
        ({"least_accuracy": 0.9, "noise_draws": 0}, "--least-accuracy needs drawn chips"),
        ({"least_accuracy": 90.0}, "--least-accuracy must be a fraction from above 0 to 1, got 90"),
        ({"at": ["1h"], "noise": ["drift_exponent=0.1", "drift_time_s=5"]}, "--at and --noise drift_time_s both give"),
        ({"picture": Path("x.png")}, "--picture draws accuracy over time; give the times"),
    ],
)
def test_options_of_chips_that_make_no_sense_are_refused(tmp_path: Path, options: dict[str, Any], why: str) -> None:
    (tmp_path / "weights.safetensors").touch()
    with pytest.raises(UsageError, match=why):
        judge_weights(tmp_path, **options)


def test_noise_that_changes_nothing_or_is_no_assignment_is_refused(train: Trainer, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"drift_time_s=1000 has no effect without a drift_exponent above 0"):
        train("never", noise="drift_time_s=1000")
    with pytest.raises(ConfigError, match="--noise takes NAME=VALUE, such as variation_ratio"):
        train("never", noise="variation_ratio")
    assert not (tmp_path / "never").exists()


def test_a_protocol_that_goes_on_asks_for_what_it_goes_on_from(
    train: Trainer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(PROTOCOLS, "tiny", TINY.model_copy(update={"needs_weights": True}))
    with pytest.raises(UsageError, match=r"--protocol tiny continues from trained weights; .* --start-from"):
        train("never")
    assert not (tmp_path / "never").exists()


def test_a_dry_run_tells_the_training_and_writes_nothing(
    train: Trainer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    train("new", dry_run=True)
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(
        r"design [0-9a-f]{16} of vgg8, a proxy with 4 to 8 channels per layer instead of 128 to 512: 7 layers", said
    )
    assert re.search(r"[\d,]+ weights in \d+ crossbars of 64 x 64", said)
    assert "protocol tiny: 2 epochs of 256 training images of 16 x 16, seed 3" in said
    files = "weights.safetensors and result.json (and checkpoint.safetensors while it trains)"
    assert f"would write {files} to {tmp_path / 'new'}" in said
    assert re.search(r"time: about \d+ s: \d+ s for training steps, .*3 judgements of 100 test images", said)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_refuses_what_the_training_would(train: Trainer, tmp_path: Path) -> None:
    first = train("first", to_judge=False)
    with pytest.raises(UsageError, match="contains a finished training"):
        train("first", dry_run=True)
    design = json.loads((tmp_path / "design.json").read_text())
    design["layers"][0]["channel_depth"] = 512
    (tmp_path / "design.json").write_text(json.dumps(design))
    with pytest.raises(TrainingError, match="do not fit"):
        train("other", start_from=first, dry_run=True)


def test_a_judgement_on_an_unknown_split_or_other_images_is_refused(
    train: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = train("first", noise_draws=0) / "weights.safetensors"
    with pytest.raises(UsageError, match="did you mean 'validation'"):
        judge_weights(weights, split="validaton")
    colour = replace(load_dataset("fashion-mnist"), name="colour", image_channels=3)
    monkeypatch.setattr(workbench_judging, "cached_dataset", lambda _: colour)
    with pytest.raises(UsageError, match="was trained on fashion-mnist, not on colour; add --dataset fashion-mnist"):
        judge_weights(weights)
    tensors, header = read_tensors(weights)
    write_tensors(weights, tensors, header | {"dataset": "0" * 16})
    with pytest.raises(UsageError, match="trained on other images than those of fashion-mnist; select its data set"):
        judge_weights(weights)


def test_a_noise_aware_training_says_so_and_needs_noise(train: Trainer) -> None:
    result = json.loads((train("aware", noise_aware=True) / "result.json").read_text())
    assert result["noise_aware"]["variation_ratio"] == 0.05
    with pytest.raises(UsageError, match=r"must describe some, such as variation_ratio=0\.05, got ideal devices"):
        train("never", noise="variation_ratio=0", noise_aware=True)


def test_a_training_that_stops_in_its_first_epoch_says_that_nothing_is_kept(
    train: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workbench_training, "train_design", stopped)
    with pytest.raises(InterruptedRunError, match="no finished epoch is kept"):
        train("at once")


@pytest.mark.usefixtures("train")
def test_a_design_that_lies_in_a_run_is_trained_for_the_crossbars_of_that_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = parse_config({"hardware": {"crossbar": {"rows": 32}}})
    Store.create(tmp_path / "run", {"settings": small.to_plain()}).close()
    inside = tmp_path / "run" / "design.json"
    inside.write_text((tmp_path / "design.json").read_text())
    training.train_one(
        inside, None, None, {}, protocol="tiny", seed=3, noise=[], noise_draws=0, to_judge=False, out=tmp_path / "first"
    )
    assert "settings of the run in" in capsys.readouterr().out
    network = load_network(tmp_path / "first" / "weights.safetensors").network
    assert network.crossbar_layers[0].geometry.crossbar.rows == 32


def test_a_file_of_several_designs_is_refused_with_the_way_to_one(train: Trainer, tmp_path: Path) -> None:
    path = tmp_path / "design.json"
    design = json.loads(path.read_text())
    path.write_text(json.dumps([design, design]))
    with pytest.raises(UsageError, match=r"xpert-evo show DIR --id [0-9a-f]{8} --json > design\.json"):
        train("two")


def test_a_protocol_of_the_exact_emulation_validates_by_it_and_runs_on_drawn_chips(
    train: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train("first", to_judge=False)
    monkeypatch.setitem(PROTOCOLS, "tiny", TINY.model_copy(update={"exact": True}))
    aware = train("aware", noise_aware=True, to_judge=False, start_from=first, noise="adc_noise_steps=0.5")
    assert json.loads((aware / "result.json").read_text())["noise_aware"]["adc_noise_steps"] == 0.5
    monkeypatch.setitem(PROTOCOLS, "tiny", TINY.model_copy(update={"noise": False}))
    with pytest.raises(UsageError, match=r"--noise-aware: .* tiny models quantisers only; choose another protocol"):
        train("never", noise_aware=True, start_from=first)
    assert not (first.parent / "never").exists()
    monkeypatch.setitem(PROTOCOLS, "tiny", TINY.model_copy(update={"exact": True}))
    result = json.loads((train("tuned", to_judge=False, start_from=first) / "result.json").read_text())
    assert result["validation_emulation"] == "exact crossbar emulation"


@pytest.mark.parametrize("on_wires", [False, True])
def test_a_judgement_is_the_same_by_the_fused_kernel_and_by_torch(
    train: Trainer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, on_wires: bool
) -> None:
    folder = train("first", to_judge=False)
    effects = ["variation_ratio=0.2", "adc_noise_steps=0.5", "input_noise_ratio=0.05"]
    if on_wires:
        effects += ["on_ohm=20000", "row_wire_ohm=2", "column_wire_ohm=4"]
    found = []
    for n_sums in (1 << 60, -(1 << 60)):  # after much work, when the kernel is worth loading, and long before
        monkeypatch.setattr(changeover, "n_sums", n_sums)
        capsys.readouterr()
        call("judge", folder, *(word for effect in effects for word in ("--noise", effect)), "--chips", "2", "--json")
        found.append(json.loads(capsys.readouterr().out)["test_with_device_noise"]["accuracies"])
    assert found[0] == found[1]
    assert len(set(found[0])) == 2
