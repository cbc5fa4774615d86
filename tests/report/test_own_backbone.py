"""A run of one's own backbone: all that comes after its beginning does without the file that described it."""

import json
from pathlib import Path

import pytest

import xpert_evo as xe
from tests.command_line import call
from xpert_evo.errors import DesignError


def test_every_command_on_the_run_works_without_the_description(
    own: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = xe.load_run(own)
    name = run.result.task.backbone.name
    assert name.startswith("small-")
    for words in (
        ["status"],
        ["report"],
        ["show", "--knee"],
        ["export", "--format", "json,csv,neurosim,neurosim-v1.3", "--out", tmp_path],
    ):
        call(words[0], own, *words[1:])
    assert capsys.readouterr().err == ""
    assert "small, custom" in (own / "report.html").read_text()
    assert json.loads((own / "front.json").read_text())[0]["design"]["backbone"] == name
    for form, step in (("neurosim", 2), ("neurosim-v1.3", 1)):
        rows = (tmp_path / form / f"NetWork_{run.knee.digest}.csv").read_text().splitlines()[::step]
        assert [row.split(",")[3:5] for row in rows] == [["3", "3"], ["5", "5"], ["3", "3"], ["1", "1"]]


def test_a_design_file_alone_needs_to_be_told_of_its_backbone(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("report", own)
    call("show", own, "--knee", "--json")
    design = tmp_path / "design.json"
    design.write_text(capsys.readouterr().out.partition("\n{")[2].join(["{", ""]))
    with pytest.raises(DesignError, match=r"space\.backbone=FILE\.toml"):
        call("evaluate", design)
    device = ("--set", "hardware.device=rram-6k")
    call("evaluate", design, "--set", f"space.backbone={own / 'backbone.toml'}", *device, "--json")
    [cost] = json.loads(capsys.readouterr().out)
    knee = xe.load_run(own).knee
    assert cost["id"] == knee.digest
    assert cost["total"]["edap"] == pytest.approx(knee.hardware["edap"])
    call("evaluate", own / "front.json", "--json")  # beside its run it needs no telling
    assert knee.digest in {cost["id"] for cost in json.loads(capsys.readouterr().out)}
