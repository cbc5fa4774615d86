"""What is told of a run that works, stopped or could not be reported, and the commands that it names."""

import shlex
from pathlib import Path

import pytest

from tests.faults.conftest import small_settings
from xpert_evo.cli import searching
from xpert_evo.cli.status import show_status
from xpert_evo.errors import InterruptedRunError, XpertEvoError
from xpert_evo.orchestration.start import begin
from xpert_evo.progress import Silent
from xpert_evo.store import Store


def _named_command(sentence: str) -> list[str]:
    return shlex.split(sentence.split("`")[1])


def test_a_report_that_cannot_be_written_is_a_failure(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (finished / "front.json").mkdir()
    with pytest.raises(XpertEvoError, match="is not complete") as told:
        searching.show_result(finished)
    assert told.value.exit_code == 1
    assert _named_command(str(told.value)) == ["xpert-evo", "report", str(finished)]
    shown = capsys.readouterr().out
    assert "baseline" in shown, "what was found is shown all the same"
    assert "and pictures:" not in shown


@pytest.mark.parametrize("moment", ["_write", "_show"])
def test_ctrl_c_after_the_search_names_a_command_that_works(
    quick_trainings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "a run"
    monkeypatch.setattr(searching, moment, stop)
    monkeypatch.setattr(searching, "resolve", lambda *_: small_settings())
    with pytest.raises(InterruptedRunError, match="the search has ended") as told:
        searching.start(None, None, {}, labels_from=(), out=folder, dry_run=False, listener=Silent(), json_log=False)
    monkeypatch.undo()
    program, command, named = _named_command(str(told.value))
    assert (program, command, Path(named)) == ("xpert-evo", "report", folder)
    searching.show_result(Path(named))
    assert (folder / "report.html").is_file()


def test_ctrl_c_before_the_first_training_names_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("xpert_evo.orchestration.start._tidy", stop)
    monkeypatch.setattr(searching, "resolve", lambda *_: small_settings())
    with pytest.raises(InterruptedRunError) as told:
        searching.start(
            None, None, {}, labels_from=(), out=tmp_path / "run", dry_run=False, listener=Silent(), json_log=False
        )
    assert _named_command(str(told.value))[1] == "resume"


def test_status_of_an_ended_run(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_status(finished)
    shown = capsys.readouterr().out
    assert "state: ended" in shown
    assert "last activity: " in shown
    assert "time left" not in shown
    assert f"`xpert-evo show {finished}`" in shown


def test_status_of_a_stopped_and_of_a_running_run(
    quick_trainings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise InterruptedRunError("stopped")

    monkeypatch.setattr("xpert_evo.orchestration.rounds.fit_round", stop)
    with pytest.raises(InterruptedRunError):
        begin(small_settings(), tmp_path / "run", Silent())
    show_status(tmp_path / "run")
    shown = capsys.readouterr().out
    assert "state: not running, and not at its end" in shown
    assert f"go on with `xpert-evo resume {tmp_path / 'run'}`" in shown
    [line] = [line for line in shown.splitlines() if line.startswith("time left: about ")]
    assert "1 at a time" in line
    with Store.open(tmp_path / "run"):
        show_status(tmp_path / "run")
    shown = capsys.readouterr().out
    assert "state: running" in shown
    assert ", process " in shown
    assert "go on with" not in shown
