"""Older stores are brought up whole or stay as they were; readers bring them up in memory and change no file."""

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xpert_evo.errors import StoreError
from xpert_evo.store import FILE_NAME, SCHEMA_VERSION, Failure, Label, Plan, Store, migrations
from xpert_evo.store.migrations import Step, add_column

FIRST_VERSION = (Path(__file__).parent / "golden" / "store_version_1.sql").read_text()
LABEL = Label(digest="a" * 16, context="c", protocol="smoke", seed=7, accuracy=0.75, seconds=1.5, details={"epochs": 1})


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A run whose store has the first version of the schema."""
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.executescript(FIRST_VERSION)
    connection.close()
    return tmp_path


def _with_step(monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    """A program whose schema is one version newer."""
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, step))
    for user in ("database", "run_file"):
        monkeypatch.setattr(f"xpert_evo.store.{user}.SCHEMA_VERSION", SCHEMA_VERSION + 1)


def _version(folder: Path) -> int:
    connection = sqlite3.connect(folder / FILE_NAME)
    [(version,)] = connection.execute("PRAGMA user_version")
    connection.close()
    return int(version)


def _columns(store: Store, table: str) -> list[str]:
    return [row[1] for row in store._connection.execute(f"PRAGMA table_info({table})")]


def add_worker(connection: sqlite3.Connection) -> None:
    """A step of the kind that changes rows."""
    add_column(connection, "trainings", "worker TEXT", "nobody knows")


def add_worker_and_fail(connection: sqlite3.Connection) -> None:
    add_worker(connection)
    raise OSError(28, "No space left on device")


def add_worker_and_die(connection: sqlite3.Connection) -> None:
    add_worker(connection)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("opened", [Store.open, Store.open_readonly])
def test_a_store_of_the_first_version_is_read_by_this_one(old: Path, opened: Callable[[Path], Store]) -> None:
    with opened(old) as store:
        assert store.meta("settings") == {"seed": 1}
        assert store.plans() == [
            Plan(batch="first", position=0, digest="a" * 16, design='{"backbone": "vgg8"}', context="c"),
            Plan(batch="round-1", position=0, digest="b" * 16, design="{}", context="c", predicted=0.5, std=0.125),
        ]
        assert store.all_labels() == [LABEL]
        assert store.failures() == [
            Failure(digest="b" * 16, context="c", protocol="smoke", seed=8, reason="it diverged", seconds=0.0)
        ]
        generation = store.last_generation(1)
        assert generation is not None
        np.testing.assert_array_equal(generation.arrays["genomes"], [[1, 2], [3, 4]])
        assert store.summaries() == [{"round": 1, "generation": 1, "hypervolume": 0.5}]
        assert store.notes("surrogate") == {"1": {"tau": 0.5}}
        assert [event[1:] for event in store.events()] == [("planned", "first: 1 designs")]


def test_a_store_that_is_gone_on_with_is_brought_up_for_good(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_step(monkeypatch, add_worker)
    with Store.open(old) as store:
        assert _columns(store, "trainings")[-1] == "worker"
        assert store.all_labels() == [LABEL]
        assert len(store.failures()) == 1
    assert _version(old) == SCHEMA_VERSION + 1
    with Store.open(old) as store:
        assert store.all_labels() == [LABEL]


def test_a_step_can_be_sql_alone(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_step(monkeypatch, "CREATE TABLE words (word TEXT); CREATE INDEX by_word ON words (word);")
    with Store.open(old) as store:
        assert _columns(store, "words") == ["word"]
    assert _version(old) == SCHEMA_VERSION + 1


def test_a_reader_brings_an_old_store_up_in_memory_and_leaves_the_file(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    _with_step(monkeypatch, add_worker)
    with Store.open_readonly(old) as store:
        assert _columns(store, "trainings")[-1] == "worker"
        assert store.all_labels() == [LABEL]
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before


def test_a_migration_that_fails_leaves_the_old_version(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        _with_step(newer, add_worker_and_fail)
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                Store.open(old)
    assert _version(old) == SCHEMA_VERSION
    with Store.open(old) as store:
        assert "worker" not in _columns(store, "trainings")
        assert store.all_labels() == [LABEL]


def _open_and_die(folder: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        _with_step(monkeypatch, add_worker_and_die)
        Store.open(Path(folder))


def test_a_migration_that_is_killed_leaves_the_old_version(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = multiprocessing.get_context("spawn").Process(target=_open_and_die, args=(str(old),))
    victim.start()
    victim.join(60)
    assert victim.exitcode == -signal.SIGKILL
    with Store.open(old) as store:
        assert "worker" not in _columns(store, "trainings")
        assert store.all_labels() == [LABEL]
    _with_step(monkeypatch, add_worker)
    with Store.open(old) as store:
        assert store.all_labels() == [LABEL], "the next attempt succeeds"


def test_a_migration_gives_no_damaged_row_a_clean_bill(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(old / FILE_NAME)
    connection.execute("UPDATE trainings SET accuracy = 0.99 WHERE accuracy = 0.75")
    connection.commit()
    connection.close()
    _with_step(monkeypatch, add_worker)
    with Store.open(old) as store, pytest.raises(StoreError, match="changed since"):
        store.all_labels()


def test_an_old_write_ahead_log_is_not_played_into_a_new_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Store.create(folder, {"settings": {"seed": 1}}) as store:
        with store.transaction():
            store.add_label(LABEL)
        log = (folder / f"{FILE_NAME}-wal").read_bytes()
    (folder / FILE_NAME).unlink()
    for name in (FILE_NAME, f"{FILE_NAME}.new"):  # as a kill and a person who removes the wrong file leave them
        (folder / f"{name}-wal").write_bytes(log)
    with Store.create(folder, {"settings": {"seed": 2}}) as store:
        assert store.meta("settings") == {"seed": 2}
        assert store.all_labels() == []
