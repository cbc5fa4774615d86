"""Accuracies of a run on the chips that its costs are computed for: settings, contexts of labels, reports."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.backbones import load_backbone
from xpert_evo.config import DatasetConfig, RunConfig, parse_config, parse_stored
from xpert_evo.errors import ConfigError
from xpert_evo.genes import GeneKind
from xpert_evo.orchestration.chips import ChipFiles, Chips, alike_words, device_words
from xpert_evo.orchestration.label_rules import label_context
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.orchestration.trainings import TrainingJob, train_job
from xpert_evo.space import SearchSpace


def context(training: dict[str, Any], hardware: dict[str, Any] | None = None, *, judged: bool = False) -> str:
    config = parse_config({"training": training, "hardware": hardware or {}})
    return label_context(config, load_protocol("laptop"), "0" * 16, judged=judged)


IDEAL = {"devices": "ideal", "judge_chips": 0}


def test_labels_of_ideal_devices_keep_the_context_of_earlier_versions() -> None:
    assert context(IDEAL) == "dda688d5d22e479e"
    assert context(IDEAL, judged=True) == "6315a711652158d0"
    assert context(IDEAL, {"device": "pcm"}) == context(IDEAL), "which measured no device"


def test_labels_of_different_chips_are_never_mixed() -> None:
    own = {"device": "pcm-joshi2020"}
    contexts = [
        context(IDEAL),
        context({}, own),
        context({}, {"device": "rram-wan2022"}),
        context({"chip_time_s": 3600.0}, own),
        context({"norm_images": 64}, own),
        context({"label_chips": 2}, own),
        context({}, {**own, "converters": "library"}),
    ]
    assert len(set(contexts)) == len(contexts)
    assert context({"judge_chips": 2}, own) == context({}, own), "a label is on its own chips alone"
    assert context({"judge_chips": 2}, own, judged=True) != context({}, own, judged=True)


def test_a_stored_run_measures_the_devices_that_it_was_begun_with() -> None:
    earlier = parse_stored({"training": {"protocol": "laptop"}, "hardware": {"model": "published"}}, where="run")
    assert device_words(earlier) == "ideal devices"
    assert Chips.of(earlier).judge_chips == 0
    assert earlier.hardware.device == "rram-6k"
    for config in (RunConfig(), parse_config({"training": IDEAL})):
        assert parse_stored(config.to_plain(), where="run") == config


def test_one_chip_stands_for_chips_that_are_all_alike() -> None:
    configs = [
        parse_config({"training": {"label_chips": 4}, "hardware": {"device": device}})
        for device in ("rram-100k", "pcm-joshi2020")
    ]
    alike, different = map(Chips.of, configs)
    told = dict.fromkeys(("training.label_chips", "training.judge_chips"), " (1: chips of rram-100k are alike)")
    assert [alike_words(config) for config in configs] == [told, {}]
    assert (alike.label_chips, alike.judge_chips) == (1, 1)
    assert (different.label_chips, different.judge_chips) == (4, 3)


def test_offsets_of_the_library_follow_type_bits_and_table(tmp_path: Path) -> None:
    def files(**hardware: str) -> ChipFiles:
        return ChipFiles.of(parse_config({"hardware": {"converters": "library", **hardware}}).hardware)

    published = files().at(1.0)
    assert published.offset_steps(AdcType.SAR, 8) == pytest.approx(2 * published.offset_steps(AdcType.SAR, 7))
    assert published.offset_steps(AdcType.FLASH, 8) < published.offset_steps(AdcType.SAR, 8), "matched comparators"
    table = tmp_path / "own.toml"
    table.write_text(
        'description = "own"\n[node]\nfeature_nm = 32\n[sar]\nbits = [4, 6]\nenergy_fj = [1, 2]\narea_um2 = [1, 2]\n'
        "time_ns = [1, 2]\noffset_steps = [0.1, 0.4]\n"
    )
    own = files(adc=str(table))
    assert own.words.endswith("offsets of own's ADCs")
    found = [own.at(1.0).offset_steps(AdcType.SAR, bits) for bits in (3, 4, 5, 6, 7)]
    assert found == pytest.approx([0, 0.1, 0.2, 0.4, 0])
    assert own.at(1.0).offset_steps(AdcType.FLASH, 5) == 0


@pytest.mark.parametrize(
    ("training", "why"),
    [
        ({"norm_images": 8}, "training.norm_images must be 0 or at least 32, got 8"),
        ({"judge_chips": 0}, 'must be at least 1 with training.devices = "hardware"'),
    ],
)
def test_settings_of_chips_that_make_no_sense_are_refused(training: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_config({"training": training})


def test_a_finalist_is_judged_on_ideal_devices_and_on_chips() -> None:
    space = SearchSpace(load_backbone("vgg8", image_channels=1))
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=5, input_precision=4)
    chips = Chips.of(parse_config({"training": {"judge_chips": 2}, "hardware": {"device": "rram-wan2022"}}))
    job = TrainingJob(
        design=space.decode(genome)[0],
        dataset=DatasetConfig(),
        dataset_digest=load_dataset("fashion-mnist").digest,
        protocol=load_protocol("smoke"),
        crossbar=CrossbarSpec(),
        seed=1,
        chips=chips,
        judged=True,
        judge_images=100,
    )
    report = train_job(job)
    label, test = report.details["chips"], report.details["test"]
    assert report.validation_accuracy == label["mean"]
    assert (label["n_chips"], test["chips"]["n_chips"]) == (1, 2)
    assert test["accuracy"] == test["chips"]["mean"] == pytest.approx(sum(test["chips"]["accuracies"]) / 2)
    assert test["chips"]["worst"] == min(test["chips"]["accuracies"])
    assert test["ideal"] != test["accuracy"]
    assert test["chips"]["norm_images"] == min(512, load_protocol("smoke").n_train or 512)


def test_column_sharing_changes_accuracy_where_the_device_loses_current_in_the_wires() -> None:
    def task(device: str, **training: object) -> Task:
        config = parse_config({"hardware": {"device": device}, "training": training})
        return build_task(config, n_classes=10, image_channels=1)

    lossy = task("rram-6k")
    assert lossy.changes_accuracy(GeneKind.COLUMN_SHARING)
    assert lossy.losses is not None
    genomes = np.concatenate(
        [
            lossy.space.homogeneous(column_sharing=n, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
            for n in (2, 8, 32)
        ]
    )
    lost = lossy.losses(genomes)
    assert lost.shape == (3, lossy.space.n_layers)
    assert (np.diff(lost, axis=0) < 0).all(), "the more columns share an ADC, the fewer are read at once"
    for other in (task("rram-100k"), task("rram-6k", **IDEAL)):
        assert not other.changes_accuracy(GeneKind.COLUMN_SHARING)
        assert other.losses is None
    assert re.search(r"device rram-6k strains its wires.* such as rram-100k, or measure", lossy.implausibility or "")
