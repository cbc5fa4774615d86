"""A whole run in which trainings cost nothing: everything else about it is real."""

import ctypes
import hashlib
import os
import sys
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
def as_ordinary_user(*, may_read: bool = True) -> Iterator[None]:
    """Gives up the superuser's right to pass permissions by for a while; nothing to do for anybody else.

    The user stays the same, unlike the capability, so that the program's own files can be read wherever they lie: a
    clone in root's home is closed to all other users.

    Args:
        may_read: Whether the right to read everything stays.
    """
    if os.geteuid():
        yield
        return
    if sys.platform != "linux":
        pytest.skip("only Linux lets the superuser give up single rights")
    dropped = _WRITES_ALL if may_read else _WRITES_ALL | _READS_ALL
    before = _capabilities()
    _set_capabilities(before[0] & ~dropped, *before[1:])
    try:
        yield
    finally:
        _set_capabilities(*before)


_WRITES_ALL, _READS_ALL = 1 << 1, 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH of <linux/capability.h>
_VERSION_3 = 0x20080522


def _capabilities() -> tuple[int, ...]:
    """Of this thread: lower 32 bits of the effective, permitted and inheritable ones, then the upper ones."""
    found = (ctypes.c_uint32 * 6)()
    _call("capget", found)
    return tuple(found)


def _set_capabilities(*capabilities: int) -> None:
    _call("capset", (ctypes.c_uint32 * 6)(*capabilities))


def _call(name: str, data: "ctypes.Array[ctypes.c_uint32]") -> None:
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc[name](header, data):
        raise OSError(ctypes.get_errno(), f"{name} failed")
