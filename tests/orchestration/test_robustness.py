"""Robustness is measured by trainings where it is asked for, learnt by a surrogate of its own, and traded."""

from csv import DictReader
from typing import Any

import numpy as np
import pytest

from hw_models import AdcType, CrossbarSpec, load_device, load_technology
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, nonidealities_of
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.config import DatasetConfig, RunConfig, parse_config
from xpert_evo.errors import ConfigError
from xpert_evo.orchestration.chip_noise import NOISY, ChipNoise, chip_noise, noise_context, robustness_of
from xpert_evo.orchestration.label_rules import label_context
from xpert_evo.orchestration.task import build_task
from xpert_evo.orchestration.trainings import TrainingJob, cached_dataset, train_job
from xpert_evo.report.files import front_csv

ASKED = {"objectives": ["accuracy", "edap", "robustness"]}


def context_of(config: RunConfig) -> str:
    return label_context(config, load_protocol("smoke"), "0" * 16)


def test_old_labels_stay_valid_where_robustness_is_not_asked_for() -> None:
    plain = parse_config({})
    assert context_of(plain) == context_of(parse_config({"training": {"noise_draws": 9}}))
    asked = parse_config({"search": ASKED})
    contexts = {
        context_of(plain),
        context_of(asked),
        context_of(parse_config({"search": ASKED, "training": {"noise_draws": 9}})),
        context_of(parse_config({"search": ASKED, "training": {"conductance_variation_ratio": 0.2}})),
    }
    assert len(contexts) == 4
    assert context_of(parse_config({"search": {"least_robustness": 0.5}})) == context_of(asked)


def test_labels_are_those_of_the_chip_and_its_calibration() -> None:
    aged = {"noise": "device", "noise_time_s": 86_400.0}
    variants = [
        {"search": ASKED},
        {"search": ASKED, "training": {"noise": "device"}},
        {"search": ASKED, "training": aged, "hardware": {"device": "rram-wan2022"}},
        {"search": ASKED, "training": {"noise": "device"}, "hardware": {"device": "rram-wan2022"}},
        {"search": ASKED, "training": {"noise_norm_images": 64}},
        {"search": ASKED | {"robustness": "quantile"}},
    ]
    assert len({context_of(parse_config(variant)) for variant in variants}) == len(variants)
    for rule in ({"robustness": "worst"}, {"robustness_quantile": 0.5}):
        assert context_of(parse_config({"search": ASKED | rule})) == context_of(parse_config({"search": ASKED}))
    noise = chip_noise(parse_config(variants[2]))
    assert noise is not None
    chip = load_device("rram-wan2022"), load_technology(RunConfig().hardware.technology)
    assert noise.devices == nonidealities_of(*chip, time_s=86_400.0)
    assert chip_noise(parse_config({"training": aged})) is None


def test_labels_of_earlier_versions_keep_their_context() -> None:
    assert noise_context(parse_config({"search": ASKED})) == {"draws": 3, "conductance_variation_ratio": 0.1}


def test_robustness_is_what_the_rule_makes_of_the_chips() -> None:
    noisy = {"accuracy": 0.6, "worst": 0.5, "accuracies": [0.5, 0.7, 0.6]}
    values = [
        robustness_of(noisy, parse_config({"search": rule}))
        for rule in (
            {},
            {"robustness": "worst"},
            {"robustness": "quantile", "robustness_quantile": 0.5},
            {"robustness": "quantile", "robustness_quantile": 0.25},
        )
    ]
    assert values == pytest.approx([0.6, 0.5, 0.6, 0.55])
    earlier = {"accuracy": 0.6, "worst": 0.5}
    assert robustness_of(earlier, parse_config({"search": {"robustness": "worst"}})) == 0.5


def test_a_training_measures_it_on_the_labels_images() -> None:
    task = build_task(parse_config({"space": {"backbone": "vgg8"}}), n_classes=10, image_channels=1)
    dataset = DatasetConfig()
    genome = task.space.homogeneous(
        column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=3, depth_factor=0.5
    )
    reports = [
        train_job(
            TrainingJob(
                design=task.space.decode(genome)[0],
                dataset=dataset,
                dataset_digest=cached_dataset(dataset).digest,
                protocol=load_protocol("smoke"),
                crossbar=CrossbarSpec(),
                seed=1,
                noise=noise,
            )
        )
        for noise in (None, ChipNoise(devices=NonIdealities(variation_ratio=0.5), n_draws=2))
    ]
    assert NOISY not in reports[0].details
    noisy = reports[1].details[NOISY]
    assert reports[0].validation_accuracy == reports[1].validation_accuracy, "the label itself is without noise"
    assert noisy["n_draws"] == 2
    assert noisy["n_images"] == reports[1].details["n_validation_images"]
    assert 0 <= noisy["worst"] <= noisy["accuracy"] < reports[1].validation_accuracy
    assert noisy["worst"] == min(noisy["accuracies"])
    assert noisy["devices"] == {"variation_ratio": 0.5}


def test_a_run_trades_it_and_a_stopped_one_is_the_same(runs: Any, same_content: Any) -> None:
    config = runs.settings(search=ASKED)
    whole, stopped = runs.go("whole", config), runs.killed_and_resumed("stopped", config, every=6)
    assert same_content(whole, stopped)
    result = runs.result("whole")
    assert all(candidate.robustness is not None for candidate in result.measured)
    assert all("under_noise" in member.to_plain()["accuracy"] for member in result.front)
    assert [float(row["under_noise"]) for row in DictReader(front_csv(result.front).splitlines())] == [
        member.robustness for member in result.front
    ]
    assert set(runs.notes("whole", "surrogate of robustness")) == {"1", "2", "3"}
    assert result.generations[-1]["objectives"] == ASKED["objectives"]


@pytest.mark.parametrize(("rule", "kept"), [({"robustness": "worst"}, -0.02), ({"robustness": "quantile"}, -0.018)])
def test_a_run_trades_what_its_rule_makes_of_three_chips(runs: Any, rule: dict[str, str], kept: float) -> None:
    runs.go("mean", runs.settings(search=ASKED))
    runs.go("other", runs.settings(search=ASKED | rule))
    mean, other = ({c.digest: c.robustness for c in runs.result(name).measured} for name in ("mean", "other"))
    both = mean.keys() & other.keys()
    assert both
    assert all(other[digest] - mean[digest] == pytest.approx(kept) for digest in both)


def test_a_least_robustness_is_kept_by_the_front(runs: Any) -> None:
    runs.go("free", runs.settings(search=ASKED))
    values = np.sort([candidate.robustness for candidate in runs.result("free").measured])
    least = float(values[len(values) // 2])
    runs.go("kept", runs.settings(search={"least_robustness": least}))
    result = runs.result("kept")
    assert result.front
    assert all(member.robustness >= least for member in result.front)


@pytest.mark.parametrize("least", [0.0, 1.0])
def test_a_least_robustness_is_a_fraction(least: float) -> None:
    with pytest.raises(ConfigError, match="least_robustness"):
        parse_config({"search": {"least_robustness": least}})
