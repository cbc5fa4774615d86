"""Runs that another version of the search began are refused while choices are left, and else go on as they would."""

from pathlib import Path

import pytest

from tests.command_line import call
from tests.faults.conftest import quick, small_settings
from xpert_evo.errors import StoreError, TrainingError
from xpert_evo.orchestration.names import FINALISTS, FIRST
from xpert_evo.orchestration.search_version import SEARCH_VERSION
from xpert_evo.orchestration.start import begin, go_on
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport
from xpert_evo.progress import Silent
from xpert_evo.report.result import load_result
from xpert_evo.store import Store

N_FIRST = small_settings().training.first_designs


def stopped(folder: Path, monkeypatch: pytest.MonkeyPatch, *, at_finalists: bool = False) -> None:
    """Leaves a run whose trainings failed after the first designs, or those of its finalists."""
    done: list[str] = []

    def train(job: TrainingJob) -> TrainingReport:
        if job.judged if at_finalists else len(done) >= N_FIRST:
            raise TrainingError("stopped here")
        done.append(job.design.digest)
        return quick(job)

    with monkeypatch.context() as patch:
        patch.setattr("xpert_evo.orchestration.batches.train_job", train)
        with pytest.raises(TrainingError, match="stopped here"):
            begin(small_settings(), folder, Silent())


def as_of_version(folder: Path, version: int | None) -> None:
    with Store.open(folder) as store, store.transaction():
        store.replace_meta("search", version)


@pytest.mark.parametrize("version", [None, SEARCH_VERSION + 1])
def test_a_run_with_choices_left_is_refused_and_can_still_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int | None
) -> None:
    stopped(tmp_path / "run", monkeypatch)
    as_of_version(tmp_path / "run", version)
    with pytest.raises(
        StoreError, match=rf"version {version or 1} of the search, and this is version {SEARCH_VERSION}"
    ):
        call("resume", tmp_path / "run")
    with Store.open_readonly(tmp_path / "run") as store:
        assert len(store.plans(FIRST)) == N_FIRST
        assert load_result(store).measured


def test_a_run_of_this_version_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(tmp_path / "run", monkeypatch)
    monkeypatch.setattr("xpert_evo.orchestration.batches.train_job", quick)
    go_on(tmp_path / "run", {"training.retries": 5}, Silent())
    with Store.open_readonly(tmp_path / "run") as store:
        assert store.meta("search") == SEARCH_VERSION
        assert load_result(store).final


def test_a_run_whose_finalists_are_chosen_ends_whatever_version_began_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(tmp_path / "run", monkeypatch, at_finalists=True)
    as_of_version(tmp_path / "run", None)
    monkeypatch.setattr("xpert_evo.orchestration.batches.train_job", quick)
    go_on(tmp_path / "run", {"training.retries": 5}, Silent())
    with Store.open_readonly(tmp_path / "run") as store:
        assert store.plans(FINALISTS)
        assert load_result(store).final
