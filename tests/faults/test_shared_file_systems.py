"""What file systems that several machines share do to SQLite, told as what it is."""

import sqlite3
from pathlib import Path

import pytest

from xpert_evo.errors import StoreError
from xpert_evo.locks import acquired, is_held
from xpert_evo.store.database import translated


def _failure(text: str, name: str) -> sqlite3.OperationalError:
    failure = sqlite3.OperationalError(text)
    failure.sqlite_errorname = name
    return failure


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("locking protocol", "SQLITE_PROTOCOL"),
        ("disk I/O error", "SQLITE_IOERR_LOCK"),
        ("disk I/O error", "SQLITE_IOERR_SHMMAP"),
        ("disk I/O error", "SQLITE_IOERR_READ"),
    ],
)
def test_a_store_that_cannot_be_locked_or_shared_is_not_called_damaged(text: str, name: str) -> None:
    with pytest.raises(StoreError) as told, translated(Path("my runs/a")):
        raise _failure(text, name)
    sentence = str(told.value)
    assert "damaged" not in sentence
    assert "free some space" not in sentence
    for words in (text, "NFS", "local disk", "`xpert-evo resume 'my runs/a'`", "Everything committed is kept"):
        assert words in sentence


@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC"])
def test_a_disk_that_takes_no_more_asks_for_space(name: str) -> None:
    with pytest.raises(StoreError, match="free some space"), translated(Path("run")):
        raise _failure("disk I/O error", name)


def test_a_lock_is_seen_by_others_and_looking_at_it_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    busy = StoreError("busy")
    assert is_held(path) is False
    lock = acquired(path, busy=busy, unwritable=lambda _: busy)
    assert is_held(path) is True
    lock.release()
    assert is_held(path) is False
    acquired(path, busy=busy, unwritable=lambda _: busy).release()
