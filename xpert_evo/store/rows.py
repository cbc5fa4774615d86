"""Rows of the tables as records, and the checksum that every row carries of its own content."""

import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from xpert_evo.store.records import Arrays, Failure, Generation, Label, Plan

Cell: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = Mapping[str, Any]


def checksum(row: Mapping[str, Cell]) -> str:
    """Sixteen hexadecimal digits of a row's content: names and values, in the order of the columns."""
    digest = hashlib.sha256()
    for name, value in row.items():
        content = value if isinstance(value, bytes) else repr(value).encode()
        digest.update(f"{name}:{len(content)}:".encode() + content)
    return digest.hexdigest()[:16]


def as_json(value: Any) -> str:
    """Returns a plain value as canonical JSON; raises ValueError for values that JSON cannot represent."""
    return json.dumps(value, sort_keys=True, allow_nan=False)


def packed(arrays: Arrays) -> bytes:
    """Returns arrays as compressed bytes, without pickles."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def plan_of(row: Row) -> Plan:
    """A row of `plans`."""
    return Plan(**{name: value for name, value in row.items() if name != "checksum"})


def label_of(row: Row) -> Label:
    """A row of `trainings` that has an accuracy."""
    names = ("digest", "context", "protocol", "seed", "accuracy", "seconds")
    return Label(details=json.loads(row["details"]), **{name: row[name] for name in names})


def failure_of(row: Row) -> Failure:
    """A row of `trainings` that has a failure."""
    names = ("digest", "context", "protocol", "seed", "seconds")
    return Failure(reason=row["failure"], **{name: row[name] for name in names})


def generation_of(row: Row) -> Generation:
    """A row of `generations`."""
    with np.load(io.BytesIO(row["state"]), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return Generation(
        round=row["round"], generation=row["generation"], arrays=arrays, summary=json.loads(row["summary"])
    )
