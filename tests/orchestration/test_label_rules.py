"""Runs whose labels an earlier version made are shown as they are, and such labels are never mixed with new ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import quick, small_settings
from xpert_evo.errors import StoreError, TrainingError
from xpert_evo.events import Message
from xpert_evo.orchestration.names import FINALISTS, FIRST, REUSED
from xpert_evo.orchestration.start import begin, go_on
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport
from xpert_evo.progress import Event, Silent
from xpert_evo.report.result import load_result
from xpert_evo.store import Store


class Kept(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def tell(self, event: Event) -> None:
        if isinstance(event, Message):
            self.texts.append(event.text)


def _fails_for_finalists(job: TrainingJob) -> TrainingReport:
    if job.judged:
        raise TrainingError("stopped here")
    return quick(job)


def _begun_by_an_earlier_version(
    folder: Path, monkeypatch: pytest.MonkeyPatch, train: Callable[[TrainingJob], TrainingReport]
) -> None:
    monkeypatch.setattr("xpert_evo.orchestration.batches.train_job", train)
    with monkeypatch.context() as patch:
        patch.setattr("xpert_evo.orchestration.start.run_rules", lambda *_: 1)
        begin(small_settings(), folder, Silent())


def test_an_earlier_version_s_finished_run_resumes_to_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _begun_by_an_earlier_version(tmp_path / "run", monkeypatch, quick)
    with Store.open_readonly(tmp_path / "run") as store:
        before, labels = load_result(store), store.all_labels()
    go_on(tmp_path / "run", {}, Silent())
    with Store.open_readonly(tmp_path / "run") as store:
        assert store.all_labels() == labels
        assert load_result(store).front == before.front
        assert before.final


def test_an_earlier_version_s_unfinished_run_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrainingError, match="stopped here"):
        _begun_by_an_earlier_version(tmp_path / "run", monkeypatch, _fails_for_finalists)
    with pytest.raises(StoreError, match="begun by an earlier version"):
        go_on(tmp_path / "run", {"training.retries": 5}, Silent())
    with Store.open_readonly(tmp_path / "run") as store:
        assert store.plans(FINALISTS)
        assert load_result(store).measured


def test_labels_of_an_earlier_version_are_left_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _begun_by_an_earlier_version(tmp_path / "old", monkeypatch, quick)
    listener = Kept()
    begin(small_settings(), tmp_path / "new", listener, [tmp_path / "old"])
    with Store.open_readonly(tmp_path / "new") as store:
        assert store.plans(REUSED) == []
        new = {plan.context for plan in store.plans(FIRST)}
    with Store.open_readonly(tmp_path / "old") as store:
        n_labels = len(store.all_labels())
        assert not new & {plan.context for plan in store.plans(FIRST)}
    assert any(text.startswith(f"{n_labels} labels of {tmp_path / 'old'} cannot be reused") for text in listener.texts)
