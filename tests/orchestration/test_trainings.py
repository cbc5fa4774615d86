"""What a training reports, with stubs in place of the training itself."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.backbones import load_backbone
from xpert_evo.config import DatasetConfig
from xpert_evo.orchestration.trainings import TrainingJob, cached_dataset, train_job
from xpert_evo.space import SearchSpace


def test_a_resumed_training_reports_the_seconds_before_its_interruption_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trained = SimpleNamespace(seconds=5000.0, validation_accuracy=0.5)  # most of them before the interruption
    judged = SimpleNamespace(mean=0.5, n_images=8, emulation="none")
    monkeypatch.setattr("xpert_evo.orchestration.trainings.train_design", lambda *_, **__: trained)
    monkeypatch.setattr("xpert_evo.orchestration.trainings.judge", lambda *_, **__: judged)
    report = train_job(_job(tmp_path / "checkpoint.pt"))
    assert 5000.0 <= report.seconds < 5010.0


def _job(checkpoint: Path) -> TrainingJob:
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
