"""Ctrl-C and SIGTERM stop a run at a moment that breaks nothing."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.conftest import quick, small_settings
from tests.small_runs import content
from xpert_evo.errors import InterruptedRunError
from xpert_evo.executors import JobDone, JobFailed, SerialExecutor
from xpert_evo.orchestration.interrupts import Interrupts
from xpert_evo.orchestration.start import begin, go_on
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport
from xpert_evo.progress import Silent
from xpert_evo.report.result import load_result
from xpert_evo.store import Store


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_at_once_outside_a_transaction(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(InterruptedRunError, match="xpert-evo resume here"), Interrupts("xpert-evo resume here"):
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_a_signal_waits_for_the_transaction_to_finish() -> None:
    done = []

    def work(interrupts: Interrupts) -> None:
        with interrupts.held_back():
            with interrupts.held_back():
                os.kill(os.getpid(), signal.SIGINT)
                done.append("inner")
            done.append("outer")
        done.append("after")

    with pytest.raises(InterruptedRunError), Interrupts("resume") as interrupts:
        work(interrupts)
    assert done == ["inner", "outer"]


def test_a_signal_in_a_training_of_this_process_is_not_the_failure_of_that_training() -> None:
    ended: list[JobDone[int] | JobFailed] = []

    def training(number: int) -> int:
        if number == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return number

    with pytest.raises(InterruptedRunError), Interrupts("resume"):
        ended += SerialExecutor().run(training, [0, 1, 2])
    assert ended == [JobDone(position=0, result=0)]


def test_a_signal_in_a_training_of_a_serial_run_leaves_no_trace_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def training(job: TrainingJob) -> TrainingReport:
        begun.append(job)
        if len(begun) in {2, 5}:
            os.kill(os.getpid(), signal.SIGTERM)
        return quick(job)

    monkeypatch.setattr("xpert_evo.orchestration.batches.train_job", training)
    for start in (lambda folder: begin(small_settings(), folder, Silent()), lambda folder: go_on(folder, {}, Silent())):
        with pytest.raises(InterruptedRunError):
            start(tmp_path / "stopped")
    go_on(tmp_path / "stopped", {}, Silent())
    begin(small_settings(), tmp_path / "whole", Silent())
    with Store.open_readonly(tmp_path / "stopped") as store:
        assert not store.failures()
    assert content(tmp_path / "stopped", details=True) == content(tmp_path / "whole", details=True)


def test_a_search_runs_in_another_thread_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xpert_evo.orchestration.batches.train_job", quick)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(begin, small_settings(), tmp_path / "run", Silent()).result()
    with Store.open_readonly(tmp_path / "run") as store:
        assert load_result(store).final
