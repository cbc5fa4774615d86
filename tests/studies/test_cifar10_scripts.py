"""The study's scripts on small results made up here, and its tables against today's hardware model."""

import json
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from xpert_evo.config import load_config
from xpert_evo.design import Design, load_designs
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.report.candidates import hardware_figures

STUDY = Path(__file__).parents[2] / "studies" / "cifar10"
SETTINGS = STUDY / "settings" / "joint.toml"
RIVALS = ("8f342b1d", "77ba65fc")
"""The homogeneous designs."""

Script = Callable[..., None]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Runs a script of the study with arguments, as `python studies/cifar10/NAME.py` does."""
    monkeypatch.syspath_prepend(str(STUDY))

    def run(name: str, *arguments: str | Path) -> None:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(STUDY / f"{name}.py"), run_name="__main__")

    return run


@pytest.fixture(scope="module")
def candidates() -> list[Design]:
    return [load_designs(STUDY / "designs" / f"{name}.json")[0] for name in ("d27adb7d", "8f342b1d", "77ba65fc")]


def write_front(folder: Path, design: Design, *points: tuple[float, float]) -> Path:
    """A `front.json` as `xpert-evo refine` writes it, of pairs of EDAP and accuracy."""
    folder.mkdir(parents=True)
    plain = {"id": design.digest, "design": design.to_plain(), "edap_ratio": 2.0}
    front = [plain | {"edap": edap, "validation": accuracy} for edap, accuracy in points]
    (folder / "front.json").write_text(json.dumps([*front, plain | {"edap": 1.0, "validation": None}]))
    return folder


def test_refined_rivals_are_compared_at_equal_accuracy(
    script: Script, candidates: list[Design], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write_front(tmp_path / "own", candidates[0], (100.0, 0.92), (50.0, 0.90))
    rivals = [
        write_front(tmp_path / "first", candidates[1], (200.0, 0.91), (300.0, 0.905)),
        write_front(tmp_path / "second", candidates[2], (800.0, 0.93)),
    ]
    script("refined_alike", "--own", own, "--rivals", *rivals, "--out", tmp_path / "compared")
    told = json.loads((tmp_path / "compared.json").read_text())
    assert [one["edap"] for one in told] == [50.0, 100.0, 200.0, 300.0, 800.0]
    ratios = [one["of_others"] for one in told]
    assert ratios[0] is None
    assert ratios[1] == pytest.approx(4.0)  # the geometric mean of 200 and 800 over 100
    assert ratios[2] == pytest.approx(2**-1.5)  # that of 50 and 100 over 200
    assert ratios[4] is None
    out = capsys.readouterr().out
    assert "EDAP 4.00 x below rivals at equal accuracy" in out
    assert "EDAP 2.83 x above the search's at equal accuracy" in out
    assert (tmp_path / "compared.png").stat().st_size > 10_000


def test_the_study_has_the_table_that_its_overview_prints(
    script: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script("overview", "--out", tmp_path / "overview")
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(rows) > 15
    readme = (STUDY / "README.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if row not in readme] == []
    assert (tmp_path / "overview.png").stat().st_size > 10_000


def task_of(design: Design) -> Task:
    """The study's task, with the genes that a design has beyond those of its search."""
    genes = {"weight_precision": [4, 5, 6, 8], "copies": [1, 2, 4, 8]}
    changes = {f"space.{name}": own for name, own in genes.items() if getattr(design.layers[0], name) is not None}
    return build_task(load_config(SETTINGS, changes), n_classes=10, image_channels=3)


def figures_of(design: Design) -> tuple[dict[str, float], dict[str, float]]:
    """Figures of the baseline and of a design by name."""
    task = task_of(design)
    baseline, own = (hardware_figures(task, rows)[0] for rows in (task.baseline, task.space.encode([design])))
    return baseline, own


def test_the_ratios_that_the_study_tells_of_its_designs_are_those_of_the_hardware_model() -> None:
    text = (STUDY / "details.md").read_text(encoding="utf-8")
    n_with_efficiencies = 0
    for design in (load_designs(path)[0] for path in sorted((STUDY / "designs").glob("*.json"))):
        if design.digest[:8] in RIVALS:
            continue
        baseline, own = figures_of(design)
        row = re.search(rf"^\| {design.digest[:8]} \| (\d+) x \| ([\d.]+) mm² \|", text, re.MULTILINE)
        assert row is not None, design.digest
        assert float(row[1]) == pytest.approx(baseline["edap"] / own["edap"], abs=0.5)
        assert float(row[2]) == pytest.approx(own["area_mm2"], abs=0.05)
        for more in re.finditer(rf"^{re.escape(row[0])} ([\d.]+) x \| ([\d.]+) x \|", text, re.MULTILINE):
            ratios = [own[name] / baseline[name] for name in ("tops_per_w", "tops_per_mm2")]
            assert [float(more[1]), float(more[2])] == pytest.approx(ratios, abs=0.05)
            n_with_efficiencies += 1
    assert n_with_efficiencies >= 7


def test_the_ratios_of_the_rivals_are_those_of_the_hardware_model() -> None:
    text = (STUDY / "details.md").read_text(encoding="utf-8")
    told = re.search(rf"{' and '.join(RIVALS)},\s+(\d+) and (\d+) times below the baseline", text)
    assert told is not None
    for name, ratio in zip(RIVALS, told.groups(), strict=True):
        baseline, own = figures_of(load_designs(STUDY / "designs" / f"{name}.json")[0])
        assert float(ratio) == pytest.approx(baseline["edap"] / own["edap"], abs=0.5)


def test_the_ratios_of_the_second_search_are_those_of_the_hardware_model() -> None:
    text = (STUDY / "details.md").read_text(encoding="utf-8")
    task = build_task(load_config(STUDY / "settings" / "published.toml", {}), n_classes=10, image_channels=3)
    designs = [load_designs(path)[0] for path in sorted((STUDY / "designs" / "published").glob("*.json"))]
    figures = hardware_figures(task, task.space.encode(designs))
    baseline = hardware_figures(task, task.baseline)[0]
    for design, own in zip(designs, figures, strict=True):
        row = re.search(rf"\[{design.digest[:8]}\]\([\w/.]+\) \| (\d+) x \|", text)
        assert row is not None, design.digest
        assert float(row[1]) == pytest.approx(baseline["edap"] / own["edap"], abs=0.5)
    assert len(designs) == 2


def test_the_commands_name_files_that_exist() -> None:
    text = (STUDY / "commands.md").read_text(encoding="utf-8").replace("$WEIGHTS", "$STUDY/results/weights")
    named = re.findall(
        r"\$STUDY/([\w./-]+\.(?:json|py|safetensors|toml))\b", text.replace("$SECOND", "$STUDY/results/second")
    )
    assert len(named) > 15
    assert [name for name in named if not (STUDY / name).exists()] == []


@pytest.mark.parametrize("name", sorted(path.stem for path in STUDY.glob("*.py")))
def test_every_script_tells_how_it_is_used(script: Script, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        script(name, "--help")
    assert ended.value.code == 0
    assert f"studies/cifar10/{name}.py" in capsys.readouterr().out
