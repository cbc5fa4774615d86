"""What a refinement has measured so far, in one SQLite file; a job that has been carried out is never repeated.

The steps of a refinement follow from its settings and from these measurements alone. A refinement that was stopped at
any moment goes on by taking the same steps again, with what is known from here.
"""

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpert_evo.errors import StoreError

FILE_NAME = "refinement.sqlite"

_TABLES = """
create table if not exists scores (key text primary key, images integer not null, content blob not null);
create table if not exists facts (key text primary key, content text not null);
"""


def key_of(**parts: object) -> str:
    """A key for what these values determine."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Memory:
    """The measurements of a refinement.

    Args:
        folder: Folder of the refinement, which must exist.

    Raises:
        StoreError: The file is damaged or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        try:
            self._base = sqlite3.connect(self._path)
            with self._base:
                self._base.executescript(_TABLES)
        except sqlite3.DatabaseError as failure:
            raise StoreError(
                f"{self._path} cannot be used ({failure}); choose another folder, or remove the file to begin again."
            ) from None

    def scores(self, key: str) -> NDArray[np.float64] | None:
        """Class scores (images, classes) that were kept under a key; None if there are none."""
        row = self._base.execute("select images, content from scores where key = ?", (key,)).fetchone()
        if row is None or row[0] == 0:  # versions before this one kept empty scores of linear layers run alone
            return None
        return np.frombuffer(row[1], dtype="<f4").reshape(row[0], -1).astype(np.float64)

    def add_scores(self, key: str, scores: NDArray[np.float32]) -> None:
        """Keeps class scores (images, classes)."""
        content = np.ascontiguousarray(scores, dtype="<f4").tobytes()
        with self._base:
            self._base.execute("insert or replace into scores values (?, ?, ?)", (key, len(scores), content))

    def fact(self, key: str) -> Any:
        """A plain value that was kept under a key; None if there is none."""
        row = self._base.execute("select content from facts where key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def add_fact(self, key: str, content: Mapping[str, object]) -> None:
        """Keeps a plain value."""
        with self._base:
            self._base.execute("insert or replace into facts values (?, ?)", (key, json.dumps(content)))

    def close(self) -> None:
        """Closes the file."""
        self._base.close()
