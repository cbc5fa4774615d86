"""What was committed stays, what is damaged is told, and nobody waits for a reader."""

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xpert_evo.errors import StoreError, StoreLockedError
from xpert_evo.store import FILE_NAME, SCHEMA_VERSION, Failure, Generation, Label, Plan, Store, Topic


def _label(digest: str = "a" * 16, accuracy: float = 0.9) -> Label:
    return Label(
        digest=digest, context="c", protocol="p", seed=1, accuracy=accuracy, seconds=2.5, details={"epochs": 3}
    )


def _plan(position: int) -> Plan:
    return Plan(batch="first", position=position, digest=f"{position:016x}", design="{}", context="c", predicted=0.5)


def _generation(number: int, round_: int = 1) -> Generation:
    arrays = {"genomes": np.arange(6).reshape(2, 3), "rank": np.array([0, 1])}
    return Generation(round=round_, generation=number, arrays=arrays, summary={"hypervolume": number / 7})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "run", {"settings": {"seed": 1}}) as made:
        yield made


def test_everything_written_is_read_back_equal(store: Store) -> None:
    failure = Failure(digest="b" * 16, context="c", protocol="p", seed=2, reason="loss became NaN", seconds=1.0)
    with store.transaction():
        store.add_plans([_plan(0), _plan(1)])
        store.add_label(_label())
        store.add_failure(failure)
        store.add_generation(_generation(1))
        store.add_generation(_generation(2))
        store.add_note(Topic.SURROGATE, "1", {"tau": 0.5})
        store.add_event("planned", "two designs")
    folder = store.folder
    store.close()
    with Store.open(folder) as again:
        assert again.meta("settings") == {"seed": 1}
        assert again.plans("first") == [_plan(0), _plan(1)]
        assert again.labels("c") == {"a" * 16: _label()}
        assert again.labels("other") == {}
        assert again.failures() == [failure]
        last = again.last_generation(1)
        assert last is not None
        assert last.generation == 2
        np.testing.assert_array_equal(last.arrays["genomes"], _generation(2).arrays["genomes"])
        assert again.summaries() == [
            {"round": 1, "generation": 1, "hypervolume": 1 / 7},
            {"round": 1, "generation": 2, "hypervolume": 2 / 7},
        ]
        assert again.notes("surrogate") == {"1": {"tau": 0.5}}
        assert [(kind, text) for _, kind, text in again.events()] == [("planned", "two designs")]


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    def fails() -> None:
        with store.transaction():
            store.add_label(_label())
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert store.all_labels() == []


def test_numbers_of_any_type_are_read_back_and_never_taken_for_damage(store: Store) -> None:
    one = np.int64(1)
    with store.transaction():
        store.add_plans([replace(_plan(1), position=one, predicted=np.float64(0.5), std=1)])
        store.add_label(replace(_label(), accuracy=one, seconds=2, seed=one))
        store.add_failure(Failure(digest="b" * 16, context="c", protocol="p", seed=one, reason="sad", seconds=0))
        store.add_generation(replace(_generation(1), round=one, generation=one))
    assert store.plans() == [replace(_plan(1), predicted=0.5, std=1.0)]
    assert [label.seconds for label in store.all_labels()] == [2.0]
    assert [failure.seed for failure in store.failures()] == [1]
    assert store.summaries()[0]["round"] == 1


def test_a_label_is_written_once(store: Store) -> None:
    with store.transaction():
        store.add_label(_label())
    with pytest.raises(StoreError), store.transaction():
        store.add_label(_label(accuracy=0.8))
    assert store.labels("c")["a" * 16].accuracy == 0.9


def test_a_second_writer_is_refused_and_a_reader_is_not(store: Store) -> None:
    with pytest.raises(StoreLockedError, match="status"):
        Store.open(store.folder)
    with Store.open_readonly(store.folder) as reader, store.transaction():
        store.add_label(_label())
        assert reader.all_labels() == []
    with Store.open_readonly(store.folder) as reader:
        assert len(reader.all_labels()) == 1


def _hold(folder: str, ready: "multiprocessing.synchronize.Event") -> None:
    store = Store.open(Path(folder))
    with store.transaction():
        store.add_label(_label("d" * 16))
    store._connection.execute("BEGIN IMMEDIATE")
    store.add_label(_label("e" * 16))
    ready.set()
    signal.pause()


def test_a_killed_owner_frees_the_lock_and_leaves_whole_transactions(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    Store.create(folder, {}).close()
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    owner = context.Process(target=_hold, args=(str(folder), ready))
    owner.start()
    assert ready.wait(60)
    with pytest.raises(StoreLockedError):
        Store.open(folder)
    os.kill(owner.pid or 0, signal.SIGKILL)
    owner.join()
    with Store.open(folder) as again:
        assert set(again.labels("c")) == {"d" * 16}


def test_a_replaced_setting_is_checked_like_any_other_row_and_belongs_to_its_transaction(store: Store) -> None:
    with store.transaction():
        store.replace_meta("settings", {"seed": 2})
    with pytest.raises(ValueError, match="JSON"), store.transaction():
        store.replace_meta("settings", {"seed": float("nan")})
    folder = store.folder
    store.close()
    with Store.open_readonly(folder) as again:
        assert again.meta("settings") == {"seed": 2}


def test_a_folder_with_a_run_is_not_overwritten(store: Store) -> None:
    folder = store.folder
    store.close()
    with pytest.raises(StoreError, match="resume"):
        Store.create(folder, {})


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    for opened in (Store.open, Store.open_readonly):
        with pytest.raises(StoreError, match="holds no run"):
            opened(tmp_path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Store.create(tmp_path / "run", {}).close()
    with sqlite3.connect(tmp_path / "run" / FILE_NAME) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    for opened in (Store.open, Store.open_readonly):
        with pytest.raises(StoreError, match="update xpert-evo"):
            opened(tmp_path / "run")


def _filled(folder: Path) -> bytes:
    with Store.create(folder, {"settings": {"seed": 1}}) as store:
        for i in range(20):
            with store.transaction():
                store.add_label(_label(f"{i:016x}", accuracy=i / 20))
                store.add_generation(_generation(1, round_=i))
    return (folder / FILE_NAME).read_bytes()


def _read_all(folder: Path) -> None:
    with Store.open_readonly(folder) as store:
        store.meta("settings")
        assert store.labels("c") == {f"{i:016x}": _label(f"{i:016x}", accuracy=i / 20) for i in range(20)}
        for i in range(20):
            assert store.last_generation(i) is not None


def test_a_file_cut_at_any_page_or_emptied_is_told_as_damage(tmp_path: Path) -> None:
    content = _filled(tmp_path / "run")
    for size in range(0, len(content), 4096):
        (tmp_path / "run" / FILE_NAME).write_bytes(content[:size])
        with pytest.raises(StoreError):
            _read_all(tmp_path / "run")


def test_flipped_bytes_never_change_what_is_read(tmp_path: Path) -> None:
    content = _filled(tmp_path / "run")
    rng = np.random.default_rng(0)
    told = 0
    for place in rng.integers(0, len(content), 300):
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        (tmp_path / "run" / FILE_NAME).write_bytes(flipped)
        try:
            _read_all(tmp_path / "run")
        except StoreError:
            told += 1
    assert told > 20  # most of so small a file is free space


def test_rows_that_a_stranger_changed_are_told(tmp_path: Path) -> None:
    _filled(tmp_path / "run")
    with sqlite3.connect(tmp_path / "run" / FILE_NAME) as connection:
        connection.execute("UPDATE trainings SET accuracy = 0.99 WHERE id = 3")
    connection.close()
    with Store.open_readonly(tmp_path / "run") as store, pytest.raises(StoreError, match="changed since"):
        store.labels("c")
