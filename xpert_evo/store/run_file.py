"""The file of a run: created or opened, locked for its writer, migrated to the current schema.

A reader sees either the old state or the new one. Every row has a checksum of its content, so that corruption is
reported as damage.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from filelock import FileLock

from xpert_evo.errors import StoreError
from xpert_evo.files import move
from xpert_evo.store.database import (
    FILE_NAME,
    checked_version,
    connect,
    connect_readonly,
    damaged,
    in_memory,
    locked,
    require,
    require_free,
    translated,
)
from xpert_evo.store.migrations import SCHEMA_VERSION, content_of, migrate
from xpert_evo.store.rows import Cell, as_json, checksum


class RunFile:
    """Tables of checked rows in one file. Use as a context manager; made by `create`, `open` or `open_readonly`.

    Attributes:
        folder: Folder of the run.
        n_left_out: Number of damaged rows that reading left out so far; see `open_readonly`.
    """

    def __init__(self, connection: sqlite3.Connection, folder: Path, lock: FileLock | None) -> None:
        self.folder = folder
        self.n_left_out = 0
        self._connection = connection
        self._lock = lock
        self._salvages = False

    @classmethod
    def create(cls, folder: Path, meta: Mapping[str, Any]) -> Self:
        """A new run in `folder`, which must not hold one; raises StoreError, StoreLockedError.

        Args:
            folder: Made where it does not exist.
            meta: Settings, versions and the like: name -> plain value; `replace_meta` alone changes one.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as failure:
            raise StoreError(f"{folder}: cannot be made ({failure.strerror}); choose another --out.") from None
        lock = locked(folder)
        try:
            require_free(folder)
            _write_new(folder, meta)
            store = cls(connect(folder / FILE_NAME, mode="rw"), folder, lock)
        except BaseException:
            lock.release()
            raise
        return store

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Opens an existing run for writing, with an exclusive lock.

        Raises:
            StoreError: There is no run, it is damaged, or a newer version wrote it.
            StoreLockedError: Another process is writing to it.
        """
        require(folder)
        lock = locked(folder)
        try:
            store = cls(connect(folder / FILE_NAME, mode="rw"), folder, lock)
        except BaseException:
            lock.release()
            raise
        return store._brought_up()

    @classmethod
    def open_readonly(cls, folder: Path, *, salvages: bool = False) -> Self:
        """Opens an existing run for reading, without a lock or write permission; raises StoreError.

        Args:
            folder: Folder of the run.
            salvages: Whether damaged rows are left out; otherwise, reading one raises StoreError.
        """
        require(folder)
        store = cls(connect_readonly(folder), folder, None)._brought_up()
        store._salvages = salvages
        return store

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the store."""
        self.close()

    def close(self) -> None:
        """Closes the file and frees the lock; what was not committed is dropped."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """All of what is written inside, or none of it; durable on leaving."""
        with translated(self.folder):
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self
            with translated(self.folder):
                self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    def replace_meta(self, key: str, value: Any) -> None:
        """Writes another plain value in place of one given to `create`; belongs inside a transaction."""
        with translated(self.folder):
            self._connection.execute("DELETE FROM meta WHERE key = ?", (key,))
        self._insert("meta", key=key, value=as_json(value))

    def _brought_up(self) -> Self:
        """This store, checked, in today's schema; an older one is changed in the file, or for a reader in memory."""
        try:
            version = checked_version(self._connection, self.folder)
            if version < SCHEMA_VERSION:
                if self._lock is None:
                    self._connection = in_memory(self._connection)
                with self.transaction(), translated(self.folder):
                    migrate(self._connection, version)
        except BaseException:
            self.close()
            raise
        return self

    def _insert(self, table: str, **row: Cell) -> None:
        names = ", ".join([*row, "checksum"])
        marks = ", ".join("?" * (len(row) + 1))
        with translated(self.folder):
            self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", (*row.values(), checksum(row)))

    def _select(self, table: str, where: str, values: Sequence[Cell], order: str = "rowid") -> list[dict[str, Any]]:
        return list(self._each(table, where, values, order))

    def _each(self, table: str, where: str, values: Sequence[Cell], order: str = "rowid") -> Iterator[dict[str, Any]]:
        with translated(self.folder):
            cursor = self._connection.execute(f"SELECT * FROM {table} {where} ORDER BY {order}", values)
            names = [column[0] for column in cursor.description]
            for cells in cursor:
                row = dict(zip(names, cells, strict=True))
                if checksum(content_of(row)) == row["checksum"]:
                    yield row
                elif self._salvages:
                    self.n_left_out += 1
                else:
                    what = f"a row of table {table} has changed since it was written"
                    raise damaged(self.folder, what, in_a_row=True)


def _write_new(folder: Path, meta: Mapping[str, Any]) -> None:
    """Makes the file aside and moves it into place, so that a run exists with its settings or not at all."""
    aside = folder / f"{FILE_NAME}.new"
    for left in (aside.name, f"{aside.name}-wal", f"{FILE_NAME}-wal"):
        (folder / left).unlink(missing_ok=True)  # SQLite would play an old write-ahead log into a new file
    file = RunFile(connect(aside, mode="rwc"), folder, None)
    with translated(folder):
        file._connection.execute("PRAGMA journal_mode = WAL")  # for good: readers and the writer do not wait
    with file.transaction():
        migrate(file._connection, 0)
        for key, value in meta.items():
            file._insert("meta", key=key, value=as_json(value))
    file.close()
    move(aside, folder / FILE_NAME)
