"""What a training reports, with stubs in place of the training itself."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import pytest
import torch

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets import readers
from xpert_evo.accuracy.datasets.catalogue import DATASETS, DatasetSpec, Split
from xpert_evo.accuracy.training import images
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.backbones import load_backbone
from xpert_evo.config import DatasetConfig
from xpert_evo.orchestration.chip_noise import ChipNoise
from xpert_evo.orchestration.trainings import TrainingJob, cached_dataset, train_job
from xpert_evo.space import SearchSpace


def test_a_resumed_training_reports_the_seconds_before_its_interruption_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trained = SimpleNamespace(seconds=5000.0, validation_accuracy=0.5)  # most of them before the interruption
    judged = SimpleNamespace(mean=0.5, n_images=8, emulation="none")
    monkeypatch.setattr("xpert_evo.orchestration.trainings.train_design", lambda *_, **__: trained)
    monkeypatch.setattr("xpert_evo.orchestration.chip_judging.judge", lambda *_, **__: judged)
    report = train_job(_job(tmp_path / "checkpoint.pt"))
    assert 5000.0 <= report.seconds < 5010.0


def test_a_worker_prepares_its_images_once_and_trains_and_judges_as_if_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    job = replace(
        _job(None), judged=True, judge_images=64, noise=ChipNoise(devices=NonIdealities(variation_ratio=0.1), n_draws=1)
    )
    monkeypatch.setattr(images, "_kept", lambda split, key, make: make())
    anew = train_job(job)
    monkeypatch.undo()
    made: list[tuple[int, int | None]] = []

    def counted(split: Split, image_size: int, device: torch.device, n_images: int | None) -> Split:
        made.append((id(split), n_images))
        return scaled(split, image_size, device, n_images)

    scaled = images._scaled
    monkeypatch.setattr(images, "_KEPT", WeakKeyDictionary())
    monkeypatch.setattr(images, "_scaled", counted)
    reports = [train_job(job), train_job(job)]
    assert len(made) == len(set(made)) == 4, "all to train on, some of these to set ranges, to validate, to test"
    for report in reports:
        assert (report.validation_accuracy, report.details) == (anew.validation_accuracy, anew.details)


def test_a_process_reads_a_data_set_once_and_tells_folders_of_one_name_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = Path(readers.__file__).parent / "data"
    spec = DatasetSpec(n_classes=10, image_channels=1, read=readers.read_embedded, folder="mine", about="a copy")
    monkeypatch.setitem(DATASETS, "mine", spec)
    found = []
    for place in ("one", "other"):
        shutil.copytree(embedded, tmp_path / place / "data" / "mine")
        monkeypatch.chdir(tmp_path / place)
        found.append(cached_dataset(DatasetConfig(name="mine")))
        assert cached_dataset(DatasetConfig(name="mine")) is found[-1]
    assert found[0] is not found[1]


def _job(checkpoint: Path | None) -> TrainingJob:
    space = SearchSpace(load_backbone("vgg8", image_channels=1))
    settings: Any = {"column_sharing": 8, "adc_type": AdcType.SAR, "adc_precision": 6, "input_precision": 8}
    dataset = DatasetConfig()
    return TrainingJob(
        design=space.decode(space.homogeneous(**settings))[0],
        dataset=dataset,
        dataset_digest=cached_dataset(dataset).digest,
        protocol=load_protocol("smoke"),
        crossbar=CrossbarSpec(),
        seed=1,
        checkpoint=checkpoint,
    )
