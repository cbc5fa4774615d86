"""How the schema came to be: numbered steps, each of which takes a store one version up; a new store takes them all.

A change of the schema is one more step at the end; a step that has been released never changes again. All steps that a
store lacks run in one transaction with its new version number, so that an interruption leaves the old store as it was.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import TypeAlias

from xpert_evo.store.rows import Cell, checksum

APPLICATION_ID = 0x58504556  # "XPEV"

Step: TypeAlias = str | Callable[[sqlite3.Connection], None]
"""SQL statements, or a function where rows change: `add_column` or its like keeps their checksums right."""

_TABLES = """
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
"""

STEPS: tuple[Step, ...] = (_TABLES,)
SCHEMA_VERSION = len(STEPS)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Takes the schema from `version` (0 is an empty file) to the newest, inside the caller's transaction."""
    for step in STEPS[version:]:
        if callable(step):
            step(connection)
        else:
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(STEPS)}")


def add_column(connection: sqlite3.Connection, table: str, column: str, value: Cell = None) -> None:
    """A step's work: adds a column at the end of a table, with one value for the rows that are there.

    Rows that were damaged before stay so: a new checksum is given to those alone whose old one was right. Whoever
    writes rows from then on names the new column last.

    Args:
        connection: In a transaction.
        table: Name of the table.
        column: Name and type as SQL has them, such as `worker TEXT`.
        value: Value of the column in existing rows.
    """
    name = column.split(maxsplit=1)[0]
    cursor = connection.execute(f"SELECT rowid, * FROM {table}")
    names = [described[0] for described in cursor.description][1:]
    sound = []
    for rowid, *cells in cursor:
        row = dict(zip(names, cells, strict=True))
        if checksum(content_of(row)) == row["checksum"]:
            sound.append((rowid, checksum({**content_of(row), name: value})))
    connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    connection.execute(f"UPDATE {table} SET {name} = ?", (value,))
    connection.executemany(f"UPDATE {table} SET checksum = ? WHERE rowid = ?", [(new, rowid) for rowid, new in sound])


def content_of(row: Mapping[str, Cell]) -> dict[str, Cell]:
    """Returns the part of a row that its checksum covers."""
    return {name: value for name, value in row.items() if name not in {"checksum", "id"}}
