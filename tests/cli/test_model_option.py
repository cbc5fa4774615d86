"""Cost models on the command line: which one a run, a report and a comparison are by, and that they say so."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.command_line import call
from tests.small_runs import SMOKE_SEARCH, with_changes
from xpert_evo.config import parse_config
from xpert_evo.orchestration.start import begin
from xpert_evo.progress import Silent
from xpert_evo.report.files import write_front
from xpert_evo.report.result import load_result
from xpert_evo.store import Store

pytestmark = pytest.mark.usefixtures("quick_estimates")

SERIAL = {"executor": {"kind": "serial"}}


def search(folder: Path, changes: Mapping[str, Mapping[str, object]]) -> Path:
    begin(parse_config(with_changes(with_changes(SMOKE_SEARCH, SERIAL), changes)), folder, Silent())
    with Store.open_readonly(folder) as store:
        write_front(folder, load_result(store))
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with the default cost model."""
    return search(tmp_path_factory.mktemp("runs") / "published", {})


@pytest.fixture
def old(published: Path, tmp_path: Path) -> Path:
    """The same run as a version stored it that had one cost model alone."""
    folder = tmp_path / "old"
    shutil.copytree(published, folder)
    with Store.open(folder) as store:
        settings = store.meta("settings")
        for name in ("model", "schedule", "adc"):
            del settings["hardware"][name]
        del settings["hardware"]["crossbar"]["rows_read"], settings["hardware"]["crossbar"]["reference_columns"]
        with store.transaction():
            store.replace_meta("settings", settings)
    return folder


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def edap_of(text: str) -> str:
    found = re.search(r"EDAP (\S+) mm² µs µJ", text)
    assert found is not None
    return found[1]


def test_a_design_is_shown_under_another_model_and_says_so(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call("show", published)
    own = one_line(capsys)
    assert "costs computed with cost model published, the model of the run" in own
    call("show", published, "--model", "xpertsim")
    other = one_line(capsys)
    assert "costs computed with cost model xpertsim; the run used cost model published" in other
    assert edap_of(own) != edap_of(other)
    call("show", published, "--json")
    design = published.parent / "design.json"
    design.write_text(capsys.readouterr().out)
    for model, shown in ((None, own), ("xpertsim", other)):
        call("evaluate", design, *([] if model is None else ["--model", model]))
        told = one_line(capsys)
        assert edap_of(told) == edap_of(shown)
        assert f"cost model {model or 'published'}" in told.partition("conv1")[0]


def test_a_run_without_a_model_has_the_first_one_and_says_so(
    old: Path, published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("report", old)
    assert "costs computed with cost model xpertsim, the model of the run" in one_line(capsys)
    page = (old / "report.html").read_text()
    assert "costs computed with cost model xpertsim, the model of the run" in page
    assert {member["cost_model"] for member in json.loads((old / "front.json").read_text())} == {"xpertsim"}
    assert {member["cost_model"] for member in json.loads((published / "front.json").read_text())} == {"published"}
    assert 'model = "xpertsim"' in (old / "settings.toml").read_text()
    assert "reference_columns = 1" in (old / "settings.toml").read_text()
    call("evaluate", old / "front.json", "--json")
    first, stored = json.loads(capsys.readouterr().out)[0], json.loads((old / "front.json").read_text())[0]
    assert first["assumed"]["hardware"]["model"] == "xpertsim"
    assert first["total"]["edap"] == pytest.approx(stored["hardware"]["edap"])


def test_runs_with_different_models_are_compared_with_a_warning_or_under_one(
    old: Path, published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "both.png"
    call("compare", old, published, "--picture", picture)
    told = one_line(capsys)
    assert "the runs differ in cost model, so EDAPs are not comparable" in told
    assert "costs by cost model xpertsim cost model published" in told
    call("compare", old, published, "--picture", picture, "--model", "optimistic")
    told = one_line(capsys)
    assert "differ in cost model" not in told
    assert "EDAP by cost model optimistic." in told
    call("compare", old, published, "--picture", picture, "--model", "optimistic", "--json")
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [run["costs"] for run in runs] == ["cost model optimistic"] * 2


def test_evaluate_under_a_model_takes_its_own_schedule_unless_one_is_set(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def totals(*words: str) -> dict[str, float]:
        call("evaluate", published / "front.json", "--json", *words)
        found: dict[str, float] = json.loads(capsys.readouterr().out)[0]["total"]
        return found

    own = totals()
    assert own["throughput_fps"] == pytest.approx(1e6 / own["latency_us"])
    assert own["edap"] == pytest.approx(own["area_mm2"] * own["latency_us"] * own["energy_uj"])
    pipelined = totals("--model", "published", "--set", "hardware.schedule=pipelined")
    assert pipelined["latency_us"] == pytest.approx(own["latency_us"])
    assert pipelined["throughput_fps"] > own["throughput_fps"]
    interval_us = 1e6 / pipelined["throughput_fps"]
    assert pipelined["edap"] == pytest.approx(pipelined["area_mm2"] * interval_us * pipelined["energy_uj"])
    assert totals("--model", "published") == own


def test_a_task_and_its_sources_follow_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--set", "space.backbone=vgg8", "--set", "training.protocol=smoke"]
    words += ["--set", "training.finalist_protocol=smoke", "--model", "pessimistic"]
    call("run", "--dry-run", "--out", tmp_path / "run", *words)
    told = one_line(capsys)
    assert "hardware.model = pessimistic" in told
    assert "mm² µs µJ (cost model pessimistic)" in told
    call("sources", "--set", "hardware.model=pessimistic")
    pessimistic = capsys.readouterr().out
    call("sources", "--set", "hardware.model=xpertsim")
    assert capsys.readouterr().out != pessimistic


def test_layers_are_pipelined_and_their_weights_copied_where_a_run_asks_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {
        "space": {"copies": [1, 2, 4, 8]},
        "hardware": {"schedule": "pipelined", "area_limit_mm2": 200.0, "crossbar": {"rows_read": 32}},
        "search": {"objectives": ["accuracy", "throughput_fps"]},
        "training": {"norm_images": 512},  # by which the front has designs with copies
    }
    folder = search(tmp_path / "run", changes)
    call("report", folder)
    told = one_line(capsys)
    assert "costs computed with cost model published, layers pipelined" in told
    assert "time from one image to the next (layers are pipelined)" in told
    assert "energy images design" in told, "a column of images a second"
    assert "highest throughput" in (folder / "report.html").read_text()
    front = json.loads((folder / "front.json").read_text())
    assert any(layer["copies"] > 1 for member in front for layer in member["design"]["layers"])
    for member in front:
        hardware = member["hardware"]
        interval_us = 1e6 / hardware["throughput_fps"]
        assert interval_us < hardware["latency_us"]
        assert hardware["edap"] == pytest.approx(hardware["area_mm2"] * interval_us * hardware["energy_uj"])
    call("export", folder, "--format", "neurosim")
    assert "the program stores the weights of a layer once, so the copies of" in one_line(capsys)
    call("evaluate", folder / "front.json")
    assert "(32 rows read at once), cost model published, layers pipelined" in one_line(capsys)
