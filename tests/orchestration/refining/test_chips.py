"""The chips of a refinement: which are drawn, and what their accuracies amount to."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.refinable import settings, weights
from xpert_evo.accuracy.datasets.catalogue import Split
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.weights import load_network
from xpert_evo.config import RunConfig, load_config
from xpert_evo.errors import UsageError
from xpert_evo.orchestration.refining import Refining
from xpert_evo.orchestration.refining.chips import Accuracy, DrawnChips
from xpert_evo.orchestration.refining.jobs import JudgeJob, Source, carry_out
from xpert_evo.orchestration.trainings import cached_dataset


def _config(**settings: object) -> RunConfig:
    return load_config(None, {"hardware.device": "rram-wan2022", **settings})


def test_no_chips_are_ideal_devices() -> None:
    ideal = DrawnChips.of(_config(), 0, 0)
    assert ideal.devices is None
    assert ideal.words == "ideal devices"
    parts = [Accuracy(value=0.9, n_images=10), Accuracy(value=0.6, n_images=20)]
    assert Accuracy.joined(parts, ideal) == Accuracy(value=(0.9 * 10 + 0.6 * 20) / 30, n_images=30)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 0.75),
        ({"search.robustness": "worst"}, 0.7),
        ({"search.robustness": "quantile", "search.robustness_quantile": 0.25}, 0.725),
    ],
)
def test_parts_are_joined_chip_by_chip_before_the_rule(settings: dict[str, object], expected: float) -> None:
    chips = DrawnChips.of(_config(**settings), 2, 0)
    parts = [
        Accuracy(value=0.0, n_images=10, on_chips=(1.0, 0.4)),
        Accuracy(value=0.0, n_images=10, on_chips=(0.4, 1.0 + 0.2)),
    ]
    whole = Accuracy.joined(parts, chips)
    assert whole.on_chips == pytest.approx((0.7, 0.8))
    assert whole.value == pytest.approx(expected)
    rule = "quantile 0.25" if "search.robustness_quantile" in settings else settings.get("search.robustness", "mean")
    assert chips.words.startswith(f"2 drawn chips ({rule} accuracy; device rram-wan2022, wires of ")


def test_chips_differ_in_their_number_alone_and_tell_the_time() -> None:
    chips = DrawnChips.of(_config(**{"training.chip_time_s": 3600.0, "training.norm_images": 64}), 3, 7)
    assert len({chip.identity for chip in chips.chips}) == 3
    assert [(chip.number, chip.seed, chip.norm_images) for chip in chips.chips] == [(n, 7, 64) for n in range(3)]
    assert "1 h after programming" in chips.words
    assert "calibrated on 64 training images each" in chips.words


def test_one_of_several_chips_that_are_all_alike_is_judged() -> None:
    chips = DrawnChips.of(_config(**{"hardware.device": "rram-100k"}), 3, 0)
    assert len(chips.chips) == 1
    assert chips.words.startswith("1 chip, all being alike (device rram-100k")
    with pytest.raises(UsageError, match="chips must be at least 0"):
        Refining(chips=-1)


def test_a_job_draws_the_chip_that_judge_draws_at_its_place(tmp_path: Path) -> None:
    config, file = settings(tmp_path), weights(tmp_path)
    dataset, network = cached_dataset(config.dataset), load_network(file)
    source = Source(weights=file, dataset=config.dataset, digest=dataset.digest, n_images=0, n_calibration=0)
    chips = DrawnChips.of(_config(**{"training.norm_images": 64}), 2, 5).chips
    found = [carry_out(JudgeJob(source=source, first=60, last=160, chip=chip)) for chip in chips]
    part = Split(images=dataset.validation.images[60:160], labels=dataset.validation.labels[60:160])
    expected = judge(
        network,
        replace(dataset, validation=part),
        "validation",
        nonidealities=chips[0].devices,
        n_draws=2,
        norm_images=64,
        seed=5,
    )
    assert [(one.accuracy, one.n_images) for one in found] == [(accuracy, 100) for accuracy in expected.accuracies]
    assert len(set(expected.accuracies)) == 2
