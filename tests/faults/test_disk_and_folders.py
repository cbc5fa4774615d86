"""A full disk, a folder in use, a picture that cannot be drawn: nothing committed is lost, and the user is told."""

import multiprocessing
import os
import resource
from pathlib import Path

import pytest

from xpert_evo.cli.searching import show_result
from xpert_evo.errors import StoreError, StoreLockedError
from xpert_evo.orchestration.start import go_on
from xpert_evo.progress import Silent
from xpert_evo.report import pictures
from xpert_evo.report.result import load_result
from xpert_evo.report.writing import write_report
from xpert_evo.store import FILE_NAME, Label, Store


def _label(i: int) -> Label:
    details = {"text": os.urandom(800).hex()}
    return Label(digest=f"{i:016x}", context="c", protocol="p", seed=1, accuracy=0.5, seconds=1.0, details=details)


def _fill(folder: str, limit: int, told: "multiprocessing.Queue[tuple[str, int]]") -> None:
    """Writes labels until files may not grow, as on a full disk, and tells how that ended."""
    store = Store.open(Path(folder))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    committed = 0
    try:
        for i in range(10_000):
            with store.transaction():
                store.add_label(_label(i))
            committed += 1
    except StoreError as failure:
        told.put((str(failure), committed))
    else:
        told.put(("never full", committed))


@pytest.mark.parametrize("limit", [60_000, 200_000, 1_000_000])
def test_a_disk_that_fills_up_costs_no_committed_label(tmp_path: Path, limit: int) -> None:
    Store.create(tmp_path / "run", {"settings": {}}).close()
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[tuple[str, int]] = context.Queue()
    child = context.Process(target=_fill, args=(str(tmp_path / "run"), limit, told))
    child.start()
    sentence, committed = told.get(timeout=120)
    child.join()
    told.close()
    told.join_thread()
    assert "free some space" in sentence
    assert committed >= 3
    with Store.open(tmp_path / "run") as store:
        assert len(store.all_labels()) == committed
        with store.transaction():
            store.add_label(_label(99_999))


def test_a_run_in_use_is_not_resumed_twice(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", {"settings": {}}), pytest.raises(StoreLockedError, match="another process"):
        go_on(tmp_path / "run", {}, Silent())


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("not a folder")
    with pytest.raises(StoreError, match="choose another --out"):
        Store.create(path / "run", {})
    assert path.read_text() == "not a folder"


def test_a_run_without_trainings_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no run"):
        show_result(tmp_path)
    (tmp_path / FILE_NAME).touch()
    with pytest.raises(StoreError, match="not the store of a run"):
        show_result(tmp_path)


def test_a_create_that_was_cut_off_can_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / f"{FILE_NAME}.new").write_bytes(b"half a store")
    with Store.create(tmp_path / "run", {"settings": {"seed": 4}}) as store:
        assert store.meta("settings") == {"seed": 4}


def test_a_disk_that_is_full_when_the_report_is_written_is_told_and_ends_no_run(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "PICTURES", {"genes": pictures.PICTURES["genes"]})
    with Store.open_readonly(finished) as store:
        result = load_result(store)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        _, complaints = write_report(finished, result)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert complaints
    assert all("OSError" in complaint for complaint in complaints)
    assert not [path for path in finished.rglob("*") if ".partial-" in path.name]
    assert not (finished / "front.json").exists(), "not half of it either"
    assert write_report(finished, result)[1] == []
    assert (finished / "front.json").stat().st_size > 100
