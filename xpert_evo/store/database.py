"""The SQLite file under a store: its schema, its lock, and its errors in our words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from xpert_evo.errors import StoreError, StoreLockedError

FILE_NAME = "run.sqlite"
_APPLICATION_ID = 0x58504556  # "XPEV"

# Each script takes the schema one version up; a new store runs them all.
_MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum TEXT NOT NULL);
    CREATE TABLE plans (
        batch TEXT NOT NULL, position INTEGER NOT NULL, digest TEXT NOT NULL, design TEXT NOT NULL,
        context TEXT NOT NULL, predicted REAL, std REAL, checksum TEXT NOT NULL, PRIMARY KEY (batch, position));
    CREATE TABLE trainings (
        id INTEGER PRIMARY KEY, digest TEXT NOT NULL, context TEXT NOT NULL, protocol TEXT NOT NULL,
        seed INTEGER NOT NULL, accuracy REAL, failure TEXT, seconds REAL NOT NULL, details TEXT NOT NULL,
        at TEXT NOT NULL, checksum TEXT NOT NULL);
    CREATE UNIQUE INDEX labels ON trainings (digest, context) WHERE accuracy IS NOT NULL;
    CREATE INDEX failures ON trainings (context, digest) WHERE failure IS NOT NULL;
    CREATE TABLE generations (
        round INTEGER NOT NULL, generation INTEGER NOT NULL, state BLOB NOT NULL, summary TEXT NOT NULL,
        checksum TEXT NOT NULL, PRIMARY KEY (round, generation));
    CREATE TABLE notes (topic TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, checksum TEXT NOT NULL,
        PRIMARY KEY (topic, key));
    CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
        checksum TEXT NOT NULL);
    """,
)
SCHEMA_VERSION = len(_MIGRATIONS)


def require(folder: Path) -> None:
    """Raises StoreError unless `folder` holds a run."""
    if not (folder / FILE_NAME).is_file():
        raise StoreError(f"{folder} holds no run ({FILE_NAME} is missing); give a folder that `xpert-evo run` made.")


def locked(folder: Path) -> FileLock:
    """A lock on the run that its owner's death frees; raises StoreLockedError."""
    lock = FileLock(folder / "run.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise StoreLockedError(
            f"another process is working on {folder}; wait for it, or watch it with `xpert-evo status {folder}`."
        ) from None
    except OSError as failure:
        raise StoreError(f"{folder}: cannot be written to ({failure.strerror}).") from None
    return lock


def connect(path: Path, *, mode: str) -> sqlite3.Connection:
    """A connection to the file in SQLite's `mode`: `ro`, `rw` or `rwc`."""
    with translated(path.parent):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=30
        )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cell_size_check = ON")
    return connection


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """SQLite's errors as ours, with the next step."""
    try:
        yield
    except (sqlite3.Error, UnicodeError) as failure:
        text = str(failure)
        if "full" in text or "disk I/O" in text:
            raise StoreError(
                f"{folder}: the disk took no more ({text}); free some space, then `xpert-evo resume {folder}`. "
                "Everything committed is kept."
            ) from None
        if "locked" in text or "readonly" in text or "unable to open" in text:
            raise StoreError(f"{folder / FILE_NAME} cannot be used ({text}); check its permissions.") from None
        raise damaged(folder, text) from None


def damaged(folder: Path, what: str) -> StoreError:
    """The error for content that is not what was written."""
    return StoreError(
        f"{folder / FILE_NAME} is damaged ({what}); restore it from a copy, or search anew and reuse what is sound "
        f"with `xpert-evo run --labels-from {folder}`."
    )


def checked_version(connection: sqlite3.Connection, folder: Path) -> int:
    """The schema's version; raises StoreError unless the file is a sound run of a known version."""
    with translated(folder):
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
    if application != _APPLICATION_ID or version < 1:
        raise StoreError(f"{folder / FILE_NAME} is not the store of a run; give the folder of one.")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{folder / FILE_NAME} has schema version {version}, this program knows up to {SCHEMA_VERSION}; "
            "update xpert-evo."
        )
    if verdict != "ok":
        raise damaged(folder, str(verdict).splitlines()[0])
    return version


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Takes the schema from `version` (0 is an empty file) to the newest, inside the caller's transaction."""
    for script in _MIGRATIONS[version:]:
        for statement in filter(str.strip, script.split(";")):
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
