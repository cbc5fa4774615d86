"""Genes of the crossbars, through the command line: searched, costed, traced, drawn, exported and resumed."""

import json
from pathlib import Path

import pytest

import xpert_evo as xe
from tests.command_line import call
from tests.small_runs import SMOKE_SEARCH, with_changes
from xpert_evo.config.reading import load_config
from xpert_evo.report.result import load_result
from xpert_evo.store import Store


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose space offers precisions of weights for each layer, and eight chips."""
    path = tmp_path_factory.mktemp("runs") / "few"
    space = {"preset": "wide", "weight_precision": [3, 4, 8], "columns": [64], "rows_read": [32, 64]}
    tables = with_changes(SMOKE_SEARCH, {"space": space, "executor": {"kind": "serial"}})
    settings = {f"{table}.{name}": value for table, values in tables.items() for name, value in values.items()}
    call("run", "--out", path, *(f"--set={name}={json.dumps(value)}" for name, value in settings.items()))
    return path


def test_a_run_searches_weight_bits_and_shows_them(folder: Path) -> None:
    front = json.loads((folder / "front.json").read_text())
    bits = {layer["weight_precision"] for member in front for layer in member["design"]["layers"]}
    assert bits <= {3, 4, 8}
    trained = {layer.weight_precision for c in xe.load_run(folder).result.measured for layer in c.design.layers}
    assert trained & {3, 4}, "a search of nine trainings tries fewer bits"
    assert all(member["design"]["crossbar"]["rows"] in {64, 128} for member in front)
    page = (folder / "report.html").read_text()
    assert "weight bits" in page
    assert "crossbar rows" in page
    columns = (folder / "front.csv").read_text().splitlines()[0].split(",")
    assert {"crossbar.rows", "crossbar.rows_read", "conv1.weight_precision", "conv1.coding"} <= set(columns)
    assert not {"conv1.rows", "crossbar.coding"} & set(columns)
    assert load_config(folder / "settings.toml").space.weight_precision == (3, 4, 8)
    assert (folder / "genes.png").stat().st_size > 0
    with Store.open_readonly(folder) as store:
        baseline = load_result(store).task
    assert {layer.weight_precision for layer in baseline.space.decode(baseline.baseline)[0].layers} == {8}


def test_designs_with_weight_bits_are_costed_traced_exported_and_resumed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [member, *_] = json.loads((folder / "front.json").read_text())
    path = tmp_path / "design.json"
    for coding, bits, columns in (("offset-analog", 3, 1), ("offset-analog", 8, 2), ("differential", 4, 2)):
        for layer in member["design"]["layers"]:
            layer |= {"weight_precision": bits, "coding": coding}
        member["design"]["crossbar"]["rows"] = 128
        path.write_text(json.dumps(member["design"]))
        call("evaluate", path, "--explain", "conv2", "--config", folder / "settings.toml")
        told = capsys.readouterr().out
        assert f"k {columns}" in told
        assert "128 rows and 64 columns per crossbar" in told
    call("evaluate", path, "--config", folder / "settings.toml")
    told = " ".join(capsys.readouterr().out.split())
    assert "WP weight bits" in told
    assert "On this chip: crossbar rows 128, crossbar columns 64, rows read at once" in told
    call("export", folder, "--format", "neurosim,neurosim-v1.3,csv", "--out", tmp_path / "out")
    texts = [file.read_text() for file in (tmp_path / "out").rglob("*.txt")]
    assert any("synapseBit" in text for text in texts)
    front = (folder / "front.json").read_text()
    call("resume", folder)
    assert (folder / "front.json").read_text() == front
