"""`xe.train`, `xe.judge` and `xe.pack` as a script or a notebook calls them."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import xpert_evo as xe
from hw_models import AdcType, load_device, load_technology
from xpert_evo.accuracy.crossbars.nonidealities import nonidealities_of
from xpert_evo.accuracy.datasets.catalogue import Dataset, Split, load_dataset
from xpert_evo.accuracy.training.checkpoints import Epoch
from xpert_evo.accuracy.training.epoch import Step
from xpert_evo.accuracy.training.judge import Judgement
from xpert_evo.accuracy.training.protocols import PROTOCOLS, TrainingProtocol
from xpert_evo.accuracy.training.results import JudgementResult, TrainingResult
from xpert_evo.accuracy.training.weights import TrainedNetwork
from xpert_evo.backbones import load_backbone
from xpert_evo.cli.judging import read_devices
from xpert_evo.config import parse_config
from xpert_evo.design import Design
from xpert_evo.errors import ConfigError, DesignError, InterruptedRunError, TrainingError, UsageError, XpertEvoError
from xpert_evo.space import SearchSpace
from xpert_evo.store import Store
from xpert_evo.workbench import judging, plan
from xpert_evo.workbench.devices import NoisyDevices
from xpert_evo.workbench.listening import Draw, JudgingWork, Listener

NOISE = {"variation_ratio": 0.05}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A hundred test images, and the protocol `tiny`."""
    tiny = TrainingProtocol(name="tiny", width_divisor=64, image_size=16, epochs=2, n_train=256, n_threads=1)
    tiny = tiny.model_copy(update={"n_validation": 64, "n_recalibration": 64})
    monkeypatch.setitem(PROTOCOLS, "tiny", tiny)
    data = load_dataset("fashion-mnist")
    few = replace(data, test=Split(images=data.test.images[:100], labels=data.test.labels[:100]))
    for module in (plan, judging):
        monkeypatch.setattr(module, "cached_dataset", lambda _: few)
    return few


@pytest.fixture
def design() -> Design:
    space = SearchSpace(load_backbone("vgg8"))
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=5, input_precision=2)
    return space.decode(genome)[0]


def test_a_design_is_trained_judged_and_packed(design: Design, few: Dataset, tmp_path: Path) -> None:
    result = xe.train(design, out=tmp_path / "first", protocol="tiny", ideal=True, noise=NOISE, noise_draws=2)
    assert result.header.design == design
    assert result.validation_accuracy is not None
    assert 0 < result.validation_accuracy < 1
    assert result.test is not None
    assert result.test.n_images == 100
    assert result.test_with_device_noise is not None
    assert len(result.test_with_device_noise.accuracies) == 2
    written = json.loads((tmp_path / "first" / "result.json").read_text())
    assert TrainingResult.from_plain(written, where="result.json") == result

    packed = xe.pack(tmp_path / "first", tmp_path / "packed.safetensors")
    assert packed == tmp_path / "packed.safetensors"
    for weights in (tmp_path / "first", str(packed)):
        judged = xe.judge(weights, ideal=True, noise=NOISE, noise_draws=2)
        assert (judged.ideal, judged.noisy) == (result.test, result.test_with_device_noise)
        assert judged.header == result.header
        assert (judged.dataset, judged.crossbar) == (few.digest, result.header.crossbar)
        assert JudgementResult.from_plain(judged.to_plain(), where="judged.json") == judged
    assert xe.load_network(packed).header == result.header


def test_a_judgement_takes_other_images_chips_and_settings(design: Design, tmp_path: Path) -> None:
    trained = xe.train(design, out=tmp_path / "first", protocol="tiny", judge=False)
    assert (trained.test, trained.test_with_device_noise, trained.device_noise) == (None, None, None)
    found = xe.judge(
        tmp_path / "first",
        config={"hardware.crossbar.coding": "differential"},
        split="validation",
        images=50,
        ideal=True,
        noise=NOISE,
        noise_draws=1,
        calibrate_norms=64,
    )
    assert (found.ideal.split, found.ideal.n_images) == ("validation", 50)
    assert found.noisy is not None
    assert found.noisy.norm_images == 64
    assert found.crossbar.coding == "differential"
    assert found.header.crossbar == trained.header.crossbar, "that of the training"
    assert xe.judge(tmp_path / "first", images=20, ideal=True).noisy is None


def test_a_training_goes_on_from_another_one(design: Design, tmp_path: Path) -> None:
    xe.train(design, out=tmp_path / "first", protocol="tiny", judge=False)
    second = xe.train(
        design, out=str(tmp_path / "second"), protocol="tiny", judge=False, start_from=tmp_path / "first", seed=1,
        ideal=True, noise=NOISE, noise_aware=True,
    )  # fmt: skip
    assert second.header.started_from is not None
    assert second.header.started_from.design == design.digest
    assert second.header.noise_aware is not None
    assert second.header.noise_aware.variation_ratio == 0.05
    assert second.header.seed == 1


def test_a_design_file_in_a_run_is_trained_with_the_settings_of_the_run(design: Design, tmp_path: Path) -> None:
    small = parse_config({"hardware": {"crossbar": {"rows": 32}}})
    Store.create(tmp_path / "run", {"settings": small.to_plain()}).close()
    path = tmp_path / "run" / "design.json"
    path.write_text(design.to_json())
    options = {"hardware.crossbar.columns": 32}
    found = xe.train(path, out=tmp_path / "first", config=options, protocol="tiny", judge=False).header.crossbar
    assert found is not None
    assert (found.rows, found.columns) == (32, 32)
    whole = xe.train(path, out=tmp_path / "second", config=parse_config({}), protocol="tiny", judge=False)
    assert whole.header.crossbar is not None
    assert whole.header.crossbar.rows == 64


class Notes(Listener):
    """Keeps the names of what it is told; stops after so many."""

    def __init__(self, stop_at: str = "") -> None:
        self.told: list[str] = []
        self._stop_at = stop_at

    def _note(self, what: str) -> None:
        if what not in self.told:
            self.told.append(what)
        if what == self._stop_at:
            raise KeyboardInterrupt

    def step(self, step: Step) -> None:
        self._note("step")

    def epoch(self, epoch: Epoch) -> None:
        self._note(f"epoch {epoch.number}")

    def trained(self, validation_accuracy: float, emulation: str) -> None:
        self._note("trained")

    def loaded(self, trained: TrainedNetwork, dataset: Dataset) -> None:
        self._note(f"loaded for {dataset.name}")

    def judging(self, work: JudgingWork) -> None:
        self._note(f"{work.n_left} of {work.n_images}, {'goes on' if work.goes_on else 'begins'}")

    def judged_part(self, ratio: float) -> None:
        self._note("part")

    def draw(self, draw: Draw) -> None:
        self._note(f"{'noisy' if draw.is_noisy else 'ideal'} {draw.number}{' again' if draw.is_known else ''}")

    def judged(self, judgement: Judgement, noisy: NoisyDevices | None) -> None:
        self._note("judged noisy" if noisy else "judged ideal")


def test_a_listener_is_told_what_happens_and_an_interrupted_call_goes_on(design: Design, tmp_path: Path) -> None:
    first, rest = Notes(stop_at="epoch 1"), Notes()
    with pytest.raises(InterruptedRunError, match="kept in"):
        xe.train(design, out=tmp_path / "first", protocol="tiny", judge=False, listener=first)
    xe.train(design, out=tmp_path / "first", protocol="tiny", judge=False, listener=rest)
    assert first.told == ["step", "epoch 1"]
    assert rest.told == ["step", "epoch 2", "trained"]
    first, rest = Notes(stop_at="noisy 1"), Notes()
    with pytest.raises(InterruptedRunError, match="kept in"):
        xe.judge(tmp_path / "first", ideal=True, noise=NOISE, noise_draws=2, listener=first)
    xe.judge(tmp_path / "first", ideal=True, noise=NOISE, noise_draws=2, listener=rest)
    begun = ["loaded for fashion-mnist", "3 of 100, begins", "part", "ideal 1", "judged ideal", "noisy 1"]
    assert first.told == begun
    ended = ["ideal 1 again", "judged ideal", "noisy 1 again", "part", "noisy 2", "judged noisy"]
    assert rest.told == ["loaded for fashion-mnist", "1 of 100, goes on", *ended]


def test_what_makes_no_sense_is_refused_in_the_words_of_python(design: Design, tmp_path: Path) -> None:
    refused: list[tuple[dict[str, Any], type[XpertEvoError], str]] = [
        ({"protocol": "fine-tune"}, UsageError, "earlier training with start_from, or use recipe hour"),
        ({"noise": {"variation": 1}}, ConfigError, "noise: unknown name 'variation'; did you mean 'variation_law'"),
        ({"noise": {"drift_time_s": 10.0}}, ConfigError, r"noise drift_time_s=10\.0 has no effect"),
        (
            {"ideal": True, "noise_aware": True},
            UsageError,
            r"noise_aware draws new devices .*, so noise must describe some",
        ),
        ({"noise_draws": -1}, UsageError, "noise_draws must be at least 0, got -1"),
        ({"config": {"hardware.rows": 3}}, ConfigError, "unknown name 'hardware.rows'"),
        ({"start_from": tmp_path / "nowhere"}, TrainingError, "nowhere does not exist"),
    ]
    for options, error, why in refused:
        with pytest.raises(error, match=why):
            xe.train(design, out=tmp_path / "never", **{"protocol": "tiny", **options})
    with pytest.raises(DesignError, match="the design: "):
        xe.train(design.model_copy(update={"layers": design.layers[1:]}), out=tmp_path / "never", protocol="tiny")
    assert not (tmp_path / "never").exists()
    xe.train(design, out=tmp_path / "first", protocol="tiny", judge=False)
    with pytest.raises(UsageError, match=r"contains a finished training; .* or choose another out for a new training"):
        xe.train(design, out=tmp_path / "first", protocol="tiny")
    with pytest.raises(UsageError, match="split: 'tests' is not a split to judge on; did you mean 'test'"):
        xe.judge(tmp_path / "first", split="tests")
    with pytest.raises(UsageError, match="images must be at least 1, got 0"):
        xe.judge(tmp_path / "first", images=0)
    with pytest.raises(TrainingError, match="nowhere does not exist"):
        xe.pack(tmp_path / "nowhere", tmp_path / "packed")
    with pytest.raises(UsageError, match="first already exists; choose another name"):
        xe.pack(tmp_path / "first", tmp_path / "first")


def test_the_library_and_the_commands_draw_the_same_devices_by_default() -> None:
    hardware = parse_config({}).hardware
    of_library = NoisyDevices.of(None, n_draws=None, norm_images=None, hardware=hardware)
    assert read_devices({"noise": [], "noise_draws": None}, hardware) == of_library
    cells = nonidealities_of(load_device(hardware.device), load_technology(hardware.technology))
    assert of_library.settings == cells


CHIPS = "so one chip is judged"


@pytest.mark.parametrize(
    ("noise", "device", "asked", "remark", "left"),
    [
        (None, "rram-100k", {"n_draws": 3}, f"noise or drift: all chips and all times .*{CHIPS}. Use", (1, 1)),
        (None, "rram-100k", {"least_accuracy": 0.9}, "one chip is judged and no yield is computed", (1, 1)),
        (None, "rram-100k", {}, "", (1, 1)),
        (None, "rram-wan2022", {"n_draws": 3, "times_s": (1.0, 3600.0), "least_accuracy": 0.9}, "", (3, 2)),
        ({"variation_ratio": 0.1}, "rram-100k", {"times_s": (1.0, 9.0)}, "rram-100k does not change with time", (5, 1)),
        (
            {"drift_exponent": 0.1},
            "rram-100k",
            {"n_draws": 2, "times_s": (1.0, 9.0), "least_accuracy": 0.9},
            f"no variation or noise: all chips give the same result, {CHIPS} at each time and no yield",
            (1, 2),
        ),
        (None, None, {"n_draws": 3, "time_s": 3600.0}, "noise_draws has no effect on ideal devices", (0, 1)),
        ({"on_off_ratio": 9.0}, None, {"n_draws": 2}, "The given noise has no variation", (1, 1)),
        (None, "rram-100k", {"n_draws": 0}, "", (0, 1)),
    ],
)
def test_chips_and_times_that_give_the_same_are_judged_once_with_a_remark(
    noise: dict[str, object] | None, device: str | None, asked: dict[str, Any], remark: str, left: tuple[int, int]
) -> None:
    hardware = None if device is None else parse_config({"hardware": {"device": device}}).hardware
    found = NoisyDevices.of(noise, hardware=hardware, **{"n_draws": None, "norm_images": None, **asked})
    assert (found.n_noisy, len(found.moments)) == left
    assert re.search(remark, found.remark) if remark else not found.remark
    assert found.least_accuracy == (asked.get("least_accuracy") if found.n_draws > 1 else None)


def test_devices_have_the_age_of_the_settings_unless_another_one_is_given() -> None:
    settings = parse_config({"hardware": {"device": "pcm-joshi2020"}, "training": {"chip_time_s": 3600.0}})
    time_s = settings.training.chip_time_s

    def aged(*noise: str, at: Sequence[str] = ()) -> NoisyDevices:
        return read_devices({"noise": noise, "noise_draws": None}, settings.hardware, time_s=time_s, at=at)

    assert aged().told.endswith(", 1 h after programming")
    assert aged("drift_time_s=60").told.endswith(", 1 min after programming")
    assert [moment.time_s for moment in aged(at=["1s,1d"]).moments] == [1.0, 86_400.0]
