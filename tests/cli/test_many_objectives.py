"""Runs with three and four objectives through the real command line: they end, and name the best of each objective."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SETTINGS = {
    "space.backbone": "vgg8",
    "training.protocol": "smoke",
    "training.finalist_protocol": "smoke",
    "training.first_designs": 6,
    "training.rounds": 1,
    "training.designs_per_round": 4,
    "training.finalists": 1,
    "training.judge_images": 32,
    "search.generations": 40,
    "search.surrogate": "ridge",
    "executor.kind": "serial",
}
FIELDS = {"area": "area_mm2", "latency": "latency_us", "energy": "energy_uj"}


@pytest.mark.parametrize("costs", [("area", "latency"), ("area", "latency", "energy")])
def test_a_run_with_many_objectives_ends_with_a_front_of_them(costs: tuple[str, ...], tmp_path: Path) -> None:
    objectives = json.dumps(["accuracy", *costs])
    assignments = [f"{name}={value}" for name, value in {**SETTINGS, "search.objectives": objectives}.items()]
    words = [word for assignment in assignments for word in ("--set", assignment)]
    arguments = [sys.executable, "-m", "xpert_evo", "run", "--out", str(tmp_path / "run"), *words]
    outcome = subprocess.run(arguments, capture_output=True, text=True, timeout=280, check=False)
    assert outcome.returncode == 0, outcome.stderr
    front = json.loads((tmp_path / "run" / "front.json").read_text())
    columns = [[1 - m["accuracy"]["validation"], *(m["hardware"][FIELDS[c]] for c in costs)] for m in front]
    table = np.array(columns)
    dominates = (table[:, None] <= table[None]).all(axis=2) & (table[:, None] < table[None]).any(axis=2)
    assert len(table)
    assert not dominates.any()
    page = (tmp_path / "run" / "report.html").read_text()
    assert all(f"lowest {cost}" in page for cost in costs)
