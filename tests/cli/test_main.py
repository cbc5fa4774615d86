"""The outermost function of the command line: how it ends on Ctrl-C and on words that it does not know."""

import signal
from pathlib import Path

import pytest

from tests.command_line import ended
from xpert_evo.cli import searching, status
from xpert_evo.errors import StoreError
from xpert_evo.progress import Silent


@pytest.mark.parametrize("killed", [False, True])
def test_an_interrupt_in_any_command_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, *, killed: bool) -> None:
    def interrupted(_: Path) -> None:
        if killed:
            signal.raise_signal(signal.SIGTERM)
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "show_status", interrupted)
    outcome = ended("status", "anywhere")
    assert outcome.returncode == 130
    assert outcome.stderr.startswith("xpert-evo: stopped; ")
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "help_"),
    [
        (["foo"], "`xpert-evo --help`"),
        (["status"], "`xpert-evo status --help`"),
        (["data", "foo"], "`xpert-evo data --help`"),
        (["evaluate", "x.json", "--nope"], "`xpert-evo evaluate --help`"),
    ],
)
def test_a_mistake_points_to_a_help_that_exists(words: list[str], help_: str) -> None:
    outcome = ended(*words)
    assert outcome.returncode == 2
    assert outcome.stderr.strip().endswith(f"See {help_}.")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["judge", "x", "--seed", "-1"], "'--seed': it should be greater than or equal to 0, got '-1'."),
        (["train", "x", "--seed", "one"], "got 'one'."),
    ],
)
def test_a_number_that_cannot_be_is_shown(words: list[str], sentence: str) -> None:
    outcome = ended(*words)
    assert outcome.returncode == 2
    assert sentence in outcome.stderr


def test_a_disk_that_takes_no_file_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "runs/a/front.json")

    monkeypatch.setattr("xpert_evo.cli.results.read_result", full)
    outcome = ended("show", "runs/a")
    assert outcome.returncode == 1
    assert outcome.stderr == (
        "xpert-evo: runs/a/front.json: No space left on device; mend that or choose another folder, then again.\n"
    )


@pytest.mark.parametrize("dry_run", [True, False])
def test_labels_from_no_run_are_refused_before_anything_else(
    dry_run: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reached(*_: object) -> None:
        raise AssertionError("the task was prepared first")

    monkeypatch.setattr("xpert_evo.cli.searching.show_task", reached)
    monkeypatch.setattr("xpert_evo.orchestration.start.prepare", reached)
    with pytest.raises(StoreError, match="nope holds no run"):
        searching.start(
            None,
            None,
            {},
            labels_from=[tmp_path / "nope"],
            out=tmp_path / "run",
            dry_run=dry_run,
            listener=Silent(),
            json_log=False,
        )
