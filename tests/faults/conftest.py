"""A whole run in which trainings cost nothing: everything else about it is real."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.small_runs import SMOKE_SEARCH, with_changes
from xpert_evo.config import RunConfig, parse_config
from xpert_evo.orchestration.start import begin
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport
from xpert_evo.progress import Silent


def quick(job: TrainingJob) -> TrainingReport:
    """An accuracy out of the design's digest, in no time."""
    accuracy = int(hashlib.sha256(job.design.digest.encode()).hexdigest()[:4], 16) / 0xFFFF
    details: dict[str, object] = {"epochs": 1}
    if job.judged:
        details["test"] = {"accuracy": accuracy, "n_images": 4, "emulation": "exact crossbar emulation"}
    return TrainingReport(validation_accuracy=accuracy, seconds=1.0, details=details)


def small_settings(**changes: dict[str, object]) -> RunConfig:
    """A search of nine trainings; each keyword is a table of settings that win."""
    serially = with_changes(SMOKE_SEARCH, {"executor": {"kind": "serial"}})
    return parse_config(with_changes(serially, changes))


@pytest.fixture
def quick_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of this process give `quick`'s results."""
    monkeypatch.setattr("xpert_evo.orchestration.batches.train_job", quick)


@pytest.fixture
def finished(quick_trainings: None, tmp_path: Path) -> Path:
    """The folder of a finished run without its report."""
    begin(small_settings(), tmp_path / "run", Silent())
    return tmp_path / "run"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that everybody may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Gives the rights of the superuser up for a while, whom no permission stops; nothing to do for anybody else."""
    if os.geteuid():
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)
