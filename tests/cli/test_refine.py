"""`xpert-evo refine` through the command line: a report, files that other commands read, and a kill in the middle."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import call, ended
from tests.refinable import settings, weights
from xpert_evo.design import load_designs
from xpert_evo.errors import TrainingError
from xpert_evo.orchestration.refining.memory import FILE_NAME

pytestmark = pytest.mark.usefixtures("quick_estimates")

FEW = ("--images", "60", "--judged", "100", "--rounds", "1", "--pairs", "2", "--executor", "serial")
SPACE = ("space.adc_precision=[4, 5, 6]", "space.input_precision=[4, 5]", "hardware.model=xpertsim")


def _words(tmp_path: Path, out: Path) -> list[str | Path]:
    settings(tmp_path)  # writes the backbone's file
    sets = [word for one in SPACE for word in ("--set", one)]
    return ["refine", weights(tmp_path), "--out", out, *FEW, *sets]


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a whole refinement, beside its backbone, and what was told."""
    place = tmp_path_factory.mktemp("refined")
    outcome = ended(*_words(place, place / "out"))
    assert outcome.returncode == 0, outcome.stderr
    return place / "out", outcome.stdout


def test_refine_reports_and_writes_files_for_other_commands(
    refined: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    out, told = refined
    assert told.splitlines()[0].endswith("loading the program")
    steps = ("reading the network", "listing the peripherals", "judging the trained network", "measuring single layers")
    assert sorted(steps, key=told.index) == list(steps), "each step is told when it begins"
    assert "round 1: choosing peripherals for all prices" in told
    assert "about 0 s left" not in told
    assert "predicted over measured divergence" in told
    assert "within 0.7 points of the trained network" in told
    assert "…" not in told, "no cell is cut"
    rows = re.findall(r"^│ ([0-9a-f]{8}) ", told, re.MULTILINE)
    assert sorted(set(rows)) == sorted(rows), "the trained network is shown once"
    baseline = "homogeneous, 6-bit SAR ADCs, 8 columns per ADC, 5-bit inputs: the design of this space closest to"
    assert "of them that had no part in the rounds" in told
    page = (out / "report.html").read_text()
    assert "data:image/svg+xml" in page
    assert "within 25 %" in page
    for text in (told, page):
        assert baseline in " ".join(text.split())
        assert "The space lacks the published baseline" in " ".join(text.split())
    for name in ("pareto", "bits", "divergences"):
        assert (out / f"{name}.png").stat().st_size > 5_000
    front = json.loads((out / "front.json").read_text())
    assert [load.digest for load in load_designs(out / "front.json")] == [entry["id"] for entry in front]
    cheapest = front[-1]
    assert cheapest["round"] == 1, "some choice is as accurate as the trained network, or cheaper"
    call("evaluate", out / "designs" / f"{cheapest['id'][:8]}.json", "--json", "--config", _config(out.parent))
    assert json.loads(capsys.readouterr().out)
    call("judge", out / cheapest["weights"], "--split", "validation", "--chips", "0")
    assert f"ideal devices: {100 * cheapest['validation']:.2f} ± " in capsys.readouterr().out


def test_a_dry_run_counts_what_would_be_measured_and_writes_nothing(
    refined: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    call(*_words(tmp_path, out), "--dry-run")
    told = capsys.readouterr().out
    assert not out.exists()
    assert "adc_precision: 4, 5, 6" in told
    assert "each later round" not in told, "there is but one"
    planned = {
        name: int(n) for name, n in re.findall(r"^  ([^:]*): (\d+) x \d+ images, (?:about|less)", told, re.MULTILINE)
    }
    assert re.search(r"^time: about \d+ (s|min) with 1 worker$", told, re.MULTILINE)
    begun = re.findall(r"round 1: (measuring [a-z' ]*), (\d+) to do", refined[1])
    assert planned["measuring each layer's own bits"] == int(dict(begun)["measuring each layer's own bits"]) == 5
    single = sum(int(n) for name, n in begun if name == "measuring single layers")
    assert 0 < single <= planned["measuring single layers, at most"] == 12
    assert planned["judging chosen designs"] == 6
    shutil.copytree(refined[0], out)
    written = _times(out)
    call(*_words(tmp_path, out), "--dry-run")
    told = capsys.readouterr().out
    assert re.search(r"nothing is left to measure: the folder has all \d+ measurements", told)
    assert "time:" not in told
    assert _times(out) == written
    chips = ("--chips", "2", "--set", "hardware.device=pcm-joshi2020", "--dry-run")
    call(*_words(tmp_path, out), *chips)
    told = capsys.readouterr().out
    n_chosen = len(set(re.findall(r"^[0-9:]+ round 1: ([0-9a-f]{8}): EDAP", refined[1], re.MULTILINE)))
    assert "device pcm-joshi2020, wires of cmos-32nm-lstp, 1 s after programming" in " ".join(told.split())
    left = [name for name, n in re.findall(r"^  ([^:]*): (\d+) x \d+ images", told, re.MULTILINE)]
    assert left[:2] == ["judging the trained network", "judging chosen designs"], "other devices need no more"
    assert f"judging chosen designs: {2 * n_chosen} x 100 images" in told
    assert all(name.startswith("confirming") for name in left[2:])
    assert re.search(r"the folder has \d+ measurements of it already; what is left:", told)
    call(*_words(tmp_path, out), "--dry-run", "--images", "61")
    told = capsys.readouterr().out
    assert "other settings, none of which is of use here" in told
    assert "measuring each layer's own bits: 5 x 61 images" in told


def test_a_missing_network_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    for command in ("refine", "judge"):
        outcome = ended(command, tmp_path / "nosuch")
        assert outcome.returncode == TrainingError.exit_code
        assert (
            "nosuch does not exist; give a weights.safetensors of `xpert-evo train`, or its folder." in outcome.stderr
        )
        assert "loading" not in outcome.stdout + outcome.stderr


def _times(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}


def test_several_codings_are_told_apart_in_the_plan_the_table_and_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, codings = tmp_path / "out", ("--set", 'space.coding=["offset-analog", "differential"]', "--pairs", "0")
    call(*_words(tmp_path, out), *codings, "--dry-run")
    told = capsys.readouterr().out
    assert "coding: offset-analog, differential" in told
    assert "offset-analog: round 1:" in told
    assert "differential: round 1:" in told
    call(*_words(tmp_path, out), *codings)
    told, front = capsys.readouterr().out, json.loads((out / "front.json").read_text())
    assert {entry["chip"] for entry in front} <= {"offset-analog", "differential"}
    assert all(entry["chip"] in told for entry in front)
    page = (out / "report.html").read_text()
    assert "tried in turn: offset-analog and differential" in page
    assert "differential: round 1, random" in page
    for entry, load in zip(front, load_designs(out / "front.json"), strict=True):
        assert {str(layer.coding) for layer in load.layers} == (
            {"differential"} if entry["chip"] == "differential" else {"None"}
        )


def _config(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text('[space]\nbackbone = "small.toml"\n[hardware]\nmodel = "xpertsim"\n')
    return path


def test_a_killed_refinement_goes_on_and_ends_like_an_undisturbed_one(
    refined: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "xpert_evo", *map(str, _words(tmp_path, out))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (out / FILE_NAME).exists() and (out / FILE_NAME).stat().st_size > 60_000:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "front.json").exists(), "it was to be killed in the middle"
    call(*_words(tmp_path, out), "--dry-run")
    told = capsys.readouterr().out
    assert re.search(r"the folder has \d+ measurements? of it already; what is left:\n(round 1:|at the end:)", told)
    assert "judging the trained network" not in told
    assert "measuring each layer's own bits: 5 x" not in told
    call(*_words(tmp_path, out))
    assert _front(out) == _front(refined[0])


def _front(out: Path) -> list[dict[str, Any]]:
    front: list[dict[str, Any]] = json.loads((out / "front.json").read_text())
    return front


def test_the_worst_case_over_cost_models_is_minimised_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "worst"
    models = ("--set", "search.costs=worst-case", "--set", 'search.cost_models=["published", "pessimistic"]')
    call(*_words(tmp_path, out), *models)
    assert "x below the baseline's in the worst of 3 cost models" in capsys.readouterr().out
    assert "worst case of the cost models xpertsim, published and pessimistic" in (out / "report.html").read_text()
    for entry in json.loads((out / "front.json").read_text()):
        assert set(entry["edap_ratios"]) == {"xpertsim", "published", "pessimistic"}
        assert entry["edap_ratio"] == pytest.approx(min(entry["edap_ratios"].values()))


def test_chosen_designs_are_judged_on_drawn_chips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "chips"
    device = ("--set", "hardware.device=rram-wan2022", "--set", "training.norm_images=64")
    device = (*device, "--set", "training.chip_time_s=86400")
    few = ("--pairs", "0", "--seed", "3", "--set", "space.adc_precision=[5, 6]", "--set", "space.input_precision=[5]")
    call(*_words(tmp_path, out), *few, "--chips", "2", *device)
    told = capsys.readouterr().out
    devices = (
        "2 drawn chips (mean accuracy; device rram-wan2022, wires of cmos-32nm-lstp, 1 d after programming, batch norm"
    )
    assert devices in told.replace("\n", " ")
    assert " on 2 chips, worst " in told
    assert devices in (out / "report.html").read_text()
    cheapest = _front(out)[-1]
    assert cheapest["devices"].startswith(devices)
    assert len(cheapest["on_chips"]) == 2
    assert cheapest["validation"] == pytest.approx(sum(cheapest["on_chips"]) / 2)
    command = re.search(r"judge ([0-9a-f]{8}) on test images with `xpert-evo ([^`]*)`", told.replace("\n", " "))
    assert command, told
    call(*shlex.split(command[2]), "--split", "validation")
    on_chips = [100 * one["validation"] for one in _front(out) if one["id"].startswith(command[1])]
    assert f"mean {on_chips[0]:.2f} " in capsys.readouterr().out, "the same chips as in the refinement"
