"""Commands that only look: they wait for nobody, hold nobody up, and need no right to write."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import as_ordinary_user
from xpert_evo.cli.results import compare_runs, export_designs, read_result, show
from xpert_evo.cli.status import show_status
from xpert_evo.errors import StoreError
from xpert_evo.store import FILE_NAME, Label, Store

LABEL = Label(digest="f" * 16, context="c", protocol="smoke", seed=7, accuracy=0.75, seconds=1.5, details={})


def _compare(folder: Path) -> None:
    other = shutil.copytree(folder, folder.with_name("other"))
    compare_runs([folder, other], picture=folder / "comparison.png", model=None, as_json=True)


LOOKS: dict[str, Callable[[Path], object]] = {
    "status": show_status,
    "report": read_result,
    "compare": _compare,
    "show": lambda folder: show(folder, knee=True, accuracy=None, id_=None, model=None, as_json=False),
    "export": lambda folder: export_designs(folder, formats="json,csv", id_=None, out=None),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_neither_waits_for_a_writer_nor_holds_it_up(finished: Path, look: str) -> None:
    with Store.open(finished) as store, store.transaction():
        store.add_label(LABEL)  # the writer has the database, in the middle of a transaction
        LOOKS[look](finished)
        store.add_event("later", "and goes on writing")
    with Store.open_readonly(finished) as store:
        assert LABEL in store.all_labels()


def test_a_reader_that_takes_its_time_does_not_hold_the_writer_up(finished: Path) -> None:
    with Store.open_readonly(finished) as reader, Store.open(finished) as writer:
        plans = reader.each_plan()
        first = next(plans)  # the reader is in the middle of its question
        for i in range(3):
            with writer.transaction():
                writer.add_event("meanwhile", str(i))
        assert first not in list(plans)
        assert not [text for _, kind, text in reader.events() if kind == "never"]


def test_a_look_changes_no_file_of_a_run(finished: Path) -> None:
    before = {path: path.read_bytes() for path in finished.iterdir() if path.is_file()}
    show_status(finished)
    after = {path: path.read_bytes() for path in finished.iterdir() if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert {path.name for path in after.keys() - before.keys()} <= {f"{FILE_NAME}-shm", f"{FILE_NAME}-wal"}
    assert not any(content for path, content in after.items() if path.name.endswith("-wal"))


@pytest.mark.parametrize("killed", [False, True])
def test_a_run_in_a_folder_that_takes_no_files_can_be_looked_at(
    finished: Path, open_folder: Path, killed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = open_folder / "archive"
    if killed:  # a kill leaves the last transactions in a file of their own
        with Store.open(finished) as store:
            with store.transaction():
                store.add_label(LABEL)
            shutil.copytree(finished, archive, ignore=shutil.ignore_patterns("*-shm"))
    else:
        shutil.copytree(finished, archive)
    for path in (archive, *archive.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    with as_ordinary_user():
        show_status(archive)
        with Store.open_readonly(archive) as store:
            assert (LABEL in store.all_labels()) is killed
        with pytest.raises(StoreError, match="cannot be written to"):
            Store.open(archive)
    archive.chmod(0o755)
    assert "designs trained with smoke" in capsys.readouterr().out
    assert not (archive / "report.html").exists()


def test_a_store_that_may_not_be_read_is_told(finished: Path, open_folder: Path) -> None:
    shutil.copytree(finished, open_folder / "secret")
    (open_folder / "secret" / FILE_NAME).chmod(0)
    with as_ordinary_user(may_read=False), pytest.raises(StoreError, match="check its permissions"):
        Store.open_readonly(open_folder / "secret")


def test_a_folder_where_nothing_may_be_made_is_told(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with as_ordinary_user(), pytest.raises(StoreError, match="choose another --out"):
        Store.create(open_folder / "run", {})
    open_folder.chmod(0o755)
    assert list(open_folder.iterdir()) == []
