"""What trainings and judgements found comes back from their JSON, that of earlier versions, too."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.training.judge import Judgement
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.accuracy.training.results import JudgementResult, TrainingResult
from xpert_evo.accuracy.training.weights_header import WeightsHeader
from xpert_evo.design import Design
from xpert_evo.errors import TrainingError

EARLIER = Path(__file__).parent / "earlier"

NOISE = NonIdealities(variation_ratio=0.05)


def judgement(split: str, *accuracies: float) -> Judgement:
    return Judgement(
        mean=sum(accuracies) / len(accuracies),
        worst=min(accuracies),
        spread=0.125 if len(accuracies) > 1 else 0.0,
        accuracies=accuracies,
        n_images=100,
        n_draws=len(accuracies),
        norm_images=64,
        split=split,
        emulation="exact",
        protocol="laptop",
    )


@pytest.fixture
def header(design: Design) -> WeightsHeader:
    return WeightsHeader(
        design=design,
        protocol=load_protocol("laptop"),
        seed=3,
        dataset="of the images",
        crossbar=CrossbarSpec(rows=32),
        validation_accuracy=0.75,
        noise_aware=NOISE,
    )


@pytest.fixture
def trained(header: WeightsHeader) -> TrainingResult:
    return TrainingResult(
        header=header,
        dataset_name="fashion-mnist",
        trained_on="cpu, 1 thread",
        seconds=2.5,
        validation_emulation="exact",
        test=judgement("test", 0.5),
        test_with_device_noise=judgement("test", 0.25, 0.5),
        device_noise=NOISE,
    )


@pytest.fixture
def judged(header: WeightsHeader) -> JudgementResult:
    return JudgementResult(
        weights="runs/first",
        header=header,
        dataset_name="fashion-mnist",
        dataset="of other images",
        crossbar=CrossbarSpec(),
        devices_seed=7,
        ideal=judgement("validation", 0.5),
        noisy=judgement("validation", 0.25),
        device_noise=NOISE,
    )


def through_json(plain: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(json.dumps(plain))
    return read


def test_the_result_of_a_training_comes_back_as_it_was(trained: TrainingResult) -> None:
    for result in (trained, replace(trained, test=None, test_with_device_noise=None, device_noise=None)):
        assert TrainingResult.from_plain(through_json(result.to_plain()), where="file") == result


def test_a_judgement_comes_back_as_it_was_on_either_split(judged: JudgementResult) -> None:
    test = replace(judged, ideal=judgement("test", 0.5), noisy=None)
    for result in (judged, test):
        assert JudgementResult.from_plain(through_json(result.to_plain()), where="file") == result
    assert judged.to_plain()["validation_with_device_noise"]["spread"] is None, "one draw has no spread"


def test_the_accuracy_of_the_training_has_one_name_and_its_earlier_ones_are_read(
    trained: TrainingResult, judged: JudgementResult
) -> None:
    for result, earlier in (
        (trained, "validation"),
        (replace(judged, ideal=judgement("test", 0.5)), "training_validation"),
    ):
        plain = result.to_plain()
        assert plain["validation_accuracy"] == 0.75
        assert earlier not in plain
        plain[earlier] = plain.pop("validation_accuracy")
        assert type(result).from_plain(plain, where="file").header.validation_accuracy == 0.75


def devices_of(plain: dict[str, Any]) -> NonIdealities | None:
    noise = plain["device_noise"]
    return None if noise is None else NonIdealities.model_validate_json(json.dumps(noise))


def test_results_of_earlier_versions_are_read() -> None:
    for path in (EARLIER / "trained.json", EARLIER / "tuned.json"):
        plain = json.loads(path.read_text())
        result = TrainingResult.from_plain(plain, where=str(path))
        assert result.validation_accuracy == plain["validation"]
        again = through_json(result.to_plain())
        later = ("validation", "protocol", "crossbar", "device_noise")  # which have got fields since
        assert {name: again[name] for name in plain if name not in later} == {
            name: plain[name] for name in plain if name not in later
        }
        assert again["crossbar"].items() >= plain["crossbar"].items()
        assert devices_of(again) == devices_of(plain)
        assert again["protocol"].items() >= plain["protocol"].items()
    path = EARLIER / "judged.json"
    plain = json.loads(path.read_text())
    found = JudgementResult.from_plain(plain, where=str(path))
    assert (found.header.validation_accuracy, found.header.seed) == (plain["training_validation"], 0)
    assert found.noisy is not None
    assert found.noisy.accuracies == tuple(plain["test_with_device_noise"]["accuracies"])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"dataset": "fashion-mnist"}, "file: dataset must be a table of name and digest, got 'fashion-mnist'"),
        ({"design": {}}, "file: 'backbone' is missing"),
        ({"validation_accuracy": 75}, "must be a fraction from 0 to 1, got 75"),
        ({"test": {"mean": 0.5}}, "file: a judgement cannot be read"),
        ({"device_noise": {"variation": 1}}, "file: unknown name 'variation'"),
    ],
)
def test_damaged_results_are_refused_with_what_is_wrong(
    trained: TrainingResult, change: dict[str, Any], why: str
) -> None:
    with pytest.raises(TrainingError, match=why):
        TrainingResult.from_plain(trained.to_plain() | change, where="file")


def test_what_holds_no_judgement_is_refused(trained: TrainingResult, judged: JudgementResult) -> None:
    for plain in ({}, judged.to_plain() | {"validation": None}, judged.to_plain() | {"crossbar": None}):
        with pytest.raises(
            TrainingError, match="file must contain the output of `xpert-evo judge --json`; run it again"
        ):
            JudgementResult.from_plain(plain, where="file")
