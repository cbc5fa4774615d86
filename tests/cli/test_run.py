"""The whole job through the real command line, on real images, interrupted and resumed."""

import csv
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import xpert_evo as xe
from tests.command_line import ended
from tests.small_runs import content
from xpert_evo.config import load_config
from xpert_evo.store import FILE_NAME

SMALL = {
    "training.protocol": "smoke",
    "training.finalist_protocol": "smoke",
    "training.first_designs": 5,
    "training.rounds": 2,
    "training.designs_per_round": 3,
    "training.probes_per_round": 1,
    "training.finalists": 2,
    "training.judge_images": 64,
    "training.norm_images": 32,
    "search.generations": 6,
    "search.population_size": 24,
    "search.offspring_size": 12,
    "search.surrogate": "ridge",
}


XPERTSIM = ("run", "--model", "xpertsim", "--set", "hardware.device=rram-6k")
"""The cost model whose costs a test's limits are chosen by."""


def run_arguments(out: Path, **changes: object) -> list[str]:
    settings = {**SMALL, **changes}
    assignments = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    return ["run", "--out", str(out), *assignments]


def command(*arguments: str | Path) -> list[str]:
    """The program in a process of its own."""
    return [sys.executable, "-m", "xpert_evo", *map(str, arguments)]


def in_a_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    outcome = in_a_process(*run_arguments(folder))
    assert outcome.returncode == 0, outcome.stderr
    assert "baseline" in outcome.stdout
    assert outcome.stderr == ""
    return folder


def test_a_run_ends_with_a_measured_front_within_the_area_limit(finished: Path) -> None:
    front = json.loads((finished / "front.json").read_text())
    assert front
    for member in front:
        assert member["accuracy"]["split"] == "test"
        assert 0 <= member["accuracy"]["measured"] <= 1
        assert member["accuracy"]["n_images"] == 64
        assert member["hardware"]["area_mm2"] <= 50
        assert set(member["hardware"]) == {
            "area_mm2",
            "latency_us",
            "energy_uj",
            "edap",
            "tops_per_w",
            "tops_per_mm2",
            "throughput_fps",
        }
        product = member["hardware"]["area_mm2"] * member["hardware"]["latency_us"] * member["hardware"]["energy_uj"]
        assert member["hardware"]["edap"] == pytest.approx(product)
    validation = [member["accuracy"]["validation"] for member in front]
    assert validation == sorted(validation), "by rising EDAP a front's accuracy rises"
    with (finished / "front.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == [member["id"] for member in front]
    assert (finished / "pareto.png").stat().st_size > 10_000
    assert (finished / "pareto.svg").exists()


def test_the_settings_that_a_run_leaves_are_its_own(finished: Path) -> None:
    settings = load_config(finished / "settings.toml")
    assert settings == xe.load_run(finished).result.config
    assert settings.search.population_size == SMALL["search.population_size"]


def test_the_front_can_be_evaluated_and_costs_what_it_said(finished: Path) -> None:
    outcome = ended("evaluate", finished / "front.json", "--json")
    assert outcome.returncode == 0, outcome.stderr
    costs = json.loads(outcome.stdout)
    front = json.loads((finished / "front.json").read_text())
    for cost, member in zip(costs, front, strict=True):
        assert cost["total"]["edap"] == pytest.approx(member["hardware"]["edap"], rel=1e-9)


def test_status_and_report_read_the_store_alone(finished: Path) -> None:
    before = content(finished, details=False)
    for name in ("front.json", "front.csv", "pareto.png", "pareto.svg"):
        (finished / name).rename(finished / f"old-{name}")
    status = ended("status", finished)
    assert "11 of 11 designs trained" in status.stdout
    assert "training images/s per worker, judging included" in status.stdout
    report = ended("report", finished)
    assert report.returncode == 0, report.stderr
    assert (finished / "front.json").read_bytes() == (finished / "old-front.json").read_bytes()
    assert (finished / "pareto.png").exists()
    assert content(finished, details=False) == before


def test_another_executor_gives_the_same_run_bit_for_bit(finished: Path, tmp_path: Path) -> None:
    outcome = ended(*run_arguments(tmp_path / "serial", **{"executor.kind": "serial"}))
    assert outcome.returncode == 0, outcome.stderr
    assert content(tmp_path / "serial", details=False) == content(finished, details=False)


def test_a_run_that_is_killed_and_resumed_is_the_same_run(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    arguments = command(*run_arguments(folder))
    for signal_, wanted in ((signal.SIGKILL, 3), (signal.SIGINT, 7), (signal.SIGTERM, 10)):
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            _wait_for_labels(folder, wanted, process)
            os.kill(process.pid, signal_)
            _, complaint = process.communicate(timeout=120)
        if signal_ != signal.SIGKILL:
            assert process.returncode == 130
            assert f"resume {folder}" in complaint
            assert "Traceback" not in complaint
        arguments = command("resume", folder)
    outcome = ended("resume", folder)
    assert outcome.returncode == 0, outcome.stderr
    assert content(folder, details=False) == content(finished, details=False)
    assert (folder / "front.json").read_bytes() == (finished / "front.json").read_bytes()


def _wait_for_labels(folder: Path, wanted: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        if (folder / FILE_NAME).exists():
            with sqlite3.connect(f"file:{folder / FILE_NAME}?mode=ro", uri=True) as connection:
                [(n,)] = connection.execute("SELECT count(*) FROM trainings")
            connection.close()
            if n >= wanted:
                return
        time.sleep(0.05)
    raise AssertionError(f"the run ended or hung before {wanted} labels: {process.poll()}")


def test_resume_of_a_finished_run_does_nothing_but_report(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    outcome = ended("resume", copy)
    assert outcome.returncode == 0, outcome.stderr
    assert content(copy, details=False) == content(finished, details=False)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "--area-limit-mm2", "0.5"], 6, "smallest reachable area"),
        (["run", "--set", "hardware.latency_limit_us=0.001"], 6, "hardware.latency_limit_us = 0.001: the smallest"),
        (
            [*XPERTSIM, "--set", "hardware.energy_limit_uj=0.85", "--set", "hardware.latency_limit_us=555"],
            6,
            "together",
        ),
        ([*XPERTSIM, "--mode", "random", "--set", "hardware.latency_limit_us=560"], 6, "= random draws keeps"),
        (["run", "--area-limit-mm2", "wide"], 2, "area-limit-mm2"),
        (["run", "--set", "search.generation=5"], 3, "did you mean 'search.generations'"),
        (["run", "--dataset", "cifar10"], 5, "xpert-evo data fetch cifar10"),
        (["run", "--dataset", "cifar"], 5, "cifar10"),
        (["run", "--set", "hardware.device=rram-7k"], 11, "rram-6k"),
        (["run", "--executor", "threads"], 3, "serial"),
        (["run", "--set", "space.backbone=vgg61"], 3, "vgg16"),
        (["run", "--set", "training.protocol=lap"], 3, "laptop"),
        (["rum"], 2, "run"),
        (["resume", "nowhere"], 7, "holds no run"),
        (["status", "nowhere"], 7, "holds no run"),
        (["evaluate", "none.json"], 4, "cannot be read"),
    ],
)
def test_mistakes_end_with_one_sentence_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = ended(*arguments)
    assert outcome.returncode == code, outcome.stderr
    assert words in outcome.stderr
    assert outcome.stderr.count("\n") == 1
    assert (
        re.sub(
            r"(?m)^\d\d:\d\d:\d\d (loading the program|reading the images and checking the task)\n", "", outcome.stdout
        )
        == ""
    )
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_which_nothing_reaches_the_least_accuracy_says_so_and_fails(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    least = {"search.least_accuracy": 0.99, "training.rounds": 1, "space.backbone": "vgg8", "executor.kind": "serial"}
    outcome = ended(*run_arguments(folder, **least))
    assert outcome.returncode == 6, outcome.stderr
    assert "reaches search.least_accuracy = 0.99: the best, " in outcome.stderr
    assert "measured on test data" in outcome.stdout, "the table shows the baseline's test accuracy"
    assert (folder / "report.html").exists()
    again = ended("resume", folder)
    assert again.returncode == 6, again.stderr
    told = ended("report", folder)
    assert told.returncode == 0, told.stderr
    assert "least_accuracy = 0.99: the best, " in told.stdout + told.stderr


def test_labels_of_an_earlier_run_are_reused_and_not_trained_again(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reusing"
    outcome = ended(*run_arguments(folder, **{"executor.kind": "serial"}), "--labels-from", finished)
    assert outcome.returncode == 0, outcome.stderr
    assert "labels of earlier runs fit this one" in outcome.stdout
    first, again = content(finished, details=False), content(folder, details=False)
    assert set(first["labels"]) <= set(again["labels"])
    assert [row for row in again["plans"] if row[0] == "first"] == [row for row in first["plans"] if row[0] == "first"]
    assert "(first)" not in outcome.stdout, "all first designs had labels already"
    counted = re.findall(r"training (\d+)/(\d+) ", outcome.stdout)
    assert counted[0][0] == "1"
    assert counted[-1][0] == counted[-1][1], "progress ends at the whole, reused labels left out"


def test_resume_with_other_settings_is_refused(finished: Path) -> None:
    outcome = in_a_process("resume", finished, "--set", "seed=5")
    assert outcome.returncode == 7
    assert outcome.stderr.count("\n") == 1
    assert "seed = 0, not 5" in outcome.stderr
