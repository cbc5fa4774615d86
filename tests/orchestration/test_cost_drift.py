"""A run whose costs are shown by another hardware model than it searched with says so."""

import json
import sqlite3
from contextlib import closing
from typing import Any

from xpert_evo.store import FILE_NAME, Topic
from xpert_evo.store.rows import checksum


def test_a_changed_model_is_told_and_an_unchanged_one_is_not(runs: Any) -> None:
    folder = runs.go("run", runs.settings(), runs.executor(stop_after=1))
    assert runs.result("run").cost_drift is None
    note = {**runs.notes("run", Topic.HARDWARE_MODEL)["baseline"]}
    note["latency"] *= 1.5
    row = {"topic": "hardware model", "key": "baseline", "value": json.dumps(note, sort_keys=True)}
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection, connection:
        connection.execute(
            "UPDATE notes SET value = ?, checksum = ? WHERE topic = ?", (row["value"], checksum(row), row["topic"])
        )
    remark = runs.result("run").cost_drift
    assert remark is not None
    assert "baseline had latency" in remark
    assert "area" not in remark
