"""Runs with three and four objectives through the command line: they end, and name the best of each objective."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import ended
from xpert_evo.orchestration.chip_noise import NOISY
from xpert_evo.store import Store

SETTINGS = {
    "space.backbone": "vgg8",
    "training.protocol": "smoke",
    "training.finalist_protocol": "smoke",
    "training.first_designs": 6,
    "training.rounds": 1,
    "training.designs_per_round": 4,
    "training.finalists": 1,
    "training.judge_images": 32,
    "training.norm_images": 32,
    "search.generations": 40,
    "search.surrogate": "ridge",
    "executor.kind": "serial",
}
FIELDS = {"area": "area_mm2", "latency": "latency_us", "energy": "energy_uj"}


def run_to_the_end(folder: Path, changes: dict[str, object]) -> None:
    """Runs with other settings."""
    words = [word for name, value in (SETTINGS | changes).items() for word in ("--set", f"{name}={value}")]
    outcome = ended("run", "--out", folder, *words)
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize("costs", [("area", "latency"), ("area", "latency", "energy")])
def test_a_run_with_many_objectives_ends_with_a_front_of_them(costs: tuple[str, ...], tmp_path: Path) -> None:
    run_to_the_end(tmp_path / "run", {"search.objectives": json.dumps(["accuracy", *costs])})
    front = json.loads((tmp_path / "run" / "front.json").read_text())
    columns = [[1 - m["accuracy"]["validation"], *(m["hardware"][FIELDS[c]] for c in costs)] for m in front]
    table = np.array(columns)
    dominates = (table[:, None] <= table[None]).all(axis=2) & (table[:, None] < table[None]).any(axis=2)
    assert len(table)
    assert not dominates.any()
    page = (tmp_path / "run" / "report.html").read_text()
    assert all(f"lowest {cost}" in page for cost in costs)


def test_a_run_can_trade_the_worst_chip_of_its_own_device(tmp_path: Path) -> None:
    changes = {
        "search.objectives": json.dumps(["accuracy", "edap", "robustness"]),
        "search.robustness": "worst",
        "hardware.device": "rram-wan2022",
        "hardware.crossbar.coding": "differential",
        "training.noise": "device",
        "training.noise_time_s": 86400,
        "training.noise_norm_images": 32,
        "training.noise_draws": 2,
        "training.first_designs": 4,
        "training.designs_per_round": 2,
        "training.probes_per_round": 1,
    }
    run_to_the_end(tmp_path / "run", changes)
    front = json.loads((tmp_path / "run" / "front.json").read_text())
    assert all(0 <= member["accuracy"]["under_noise"] <= 1 for member in front)
    with Store.open_readonly(tmp_path / "run") as store:
        noisy = [label.details[NOISY] for label in store.all_labels()]
    for one in noisy:
        assert one["devices"]["programming_polynomial"]
        assert one["devices"]["drift_time_s"] == 86_400
        assert one["worst"] == min(one["accuracies"])
    told = {round(one["worst"], 6) for one in noisy}
    assert {round(member["accuracy"]["under_noise"], 6) for member in front} <= told
    said = ended("show", tmp_path / "run", "--id", front[0]["id"]).stdout
    assert "worst of 2 chips, device rram-wan2022" in " ".join(said.split())
