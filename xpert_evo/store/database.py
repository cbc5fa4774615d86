"""The SQLite file under a store: its connections, its lock, and the translation of its errors."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from xpert_evo.errors import StoreError, StoreLockedError
from xpert_evo.locks import acquired
from xpert_evo.store.migrations import APPLICATION_ID, SCHEMA_VERSION
from xpert_evo.streams import in_shell

FILE_NAME = "run.sqlite"
LOCK_NAME = "run.lock"

_SHARED = (
    "file systems that several machines share (NFS, Lustre, SMB) often lack the locks and shared memory that SQLite "
    "needs, so keep the run's folder on a local disk of the machine that runs it"
)
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_TRUNCATE", "SQLITE_IOERR_SHMSIZE")
_UNSHARED = ("SQLITE_PROTOCOL", "SQLITE_IOERR", "SQLITE_NOLFS")
"""SQLite's names of errors, or how they begin: of a disk that takes no more, and of one that cannot be worked on."""


def require(folder: Path) -> None:
    """Raises StoreError unless `folder` holds a run."""
    if not (folder / FILE_NAME).is_file():
        raise StoreError(f"{folder} holds no run ({FILE_NAME} is missing); give a folder that `xpert-evo run` made.")


def require_free(folder: Path) -> None:
    """Raises StoreError if `folder` holds a run."""
    if (folder / FILE_NAME).exists():
        resume = f"xpert-evo resume {in_shell(folder)}"
        raise StoreError(
            f"{folder} holds a run already; `{resume} --dry-run` shows what is left of it. Go on with `{resume}`, "
            "which takes --to native, too, or choose another --out."
        )


def locked(folder: Path) -> FileLock:
    """A lock on the run that its owner's death frees; raises StoreLockedError."""
    return acquired(
        folder / LOCK_NAME,
        busy=StoreLockedError(
            f"another process is working on {folder}; wait for it, or watch it with "
            f"`xpert-evo status {in_shell(folder)}`."
        ),
        unwritable=lambda why: StoreError(
            f"{folder}: cannot be written to, or not locked ({why}); check its permissions, and where it "
            f"lies: {_SHARED}."
        ),
    )


def connect(path: Path, *, mode: str) -> sqlite3.Connection:
    """A connection to the file in SQLite's `mode`: `ro`, `rw` or `rwc`."""
    with translated(path.parent):
        return _connected(path, mode)


def connect_readonly(folder: Path) -> sqlite3.Connection:
    """Returns a read-only connection, or one to a copy in memory if SQLite cannot write its files to the folder."""
    with translated(folder):
        try:
            return _connected(folder / FILE_NAME, "ro")
        except sqlite3.OperationalError as failure:
            if "unable to open" not in str(failure) and "readonly" not in str(failure):
                raise
    return _copied(folder)


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=30)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("SELECT count(*) FROM sqlite_master")  # files are opened by the first query
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def in_memory(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Returns a copy of a database in memory; closes `connection`."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.backup(copy)
    finally:
        connection.close()
    return copy


def _copied(folder: Path) -> sqlite3.Connection:
    """The database in memory, by way of a folder where SQLite may write."""
    with translated(folder), tempfile.TemporaryDirectory(prefix="xpert-evo-") as scratch:
        try:
            for name in (FILE_NAME, f"{FILE_NAME}-wal"):
                if (folder / name).exists():
                    shutil.copyfile(folder / name, Path(scratch) / name)
        except OSError as failure:
            raise StoreError(
                f"{folder / FILE_NAME} cannot be read ({failure.strerror}); check its permissions."
            ) from None
        return in_memory(connect(Path(scratch) / FILE_NAME, mode="rw"))


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Translates errors of SQLite into messages with the next step."""
    try:
        yield
    except (sqlite3.Error, UnicodeError) as failure:
        text, name = str(failure), getattr(failure, "sqlite_errorname", "")
        resume = f"`xpert-evo resume {in_shell(folder)}`. Everything committed is kept."
        if name.startswith(_FULL):
            raise StoreError(
                f"{folder}: the disk took no more ({text}, {name}); free some space or raise the quota, then {resume}"
            ) from None
        if name.startswith(_UNSHARED):
            raise StoreError(
                f"{folder / FILE_NAME} could not be read, written or locked ({text}, {name}): the disk fails, or it is "
                f"no local one: {_SHARED}; move it there with all its files, then {resume}"
            ) from None
        if "locked" in text or "readonly" in text or "unable to open" in text:
            raise StoreError(f"{folder / FILE_NAME} cannot be used ({text}); check its permissions.") from None
        raise damaged(folder, text) from None


def damaged(folder: Path, what: str, *, in_a_row: bool = False) -> StoreError:
    """Returns the error for content that differs from what was written.

    Args:
        folder: Folder of the run.
        what: What is wrong.
        in_a_row: Whether the other rows can still be read.
    """
    reuse = f" and reuse what is sound with `xpert-evo run --labels-from {in_shell(folder)}`" if in_a_row else ""
    return StoreError(f"{folder / FILE_NAME} is damaged ({what}); restore it from a copy, or search anew{reuse}.")


def checked_version(connection: sqlite3.Connection, folder: Path) -> int:
    """The schema's version; raises StoreError unless the file is a sound run of a known version."""
    with translated(folder):
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
    if application != APPLICATION_ID or version < 1:
        raise StoreError(f"{folder / FILE_NAME} is not the store of a run; give the folder of one.")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{folder / FILE_NAME} has schema version {version}, this program knows up to {SCHEMA_VERSION}; "
            "update xpert-evo."
        )
    if verdict != "ok":
        raise damaged(folder, str(verdict).splitlines()[0])
    return version
