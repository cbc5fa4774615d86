"""The documents' examples work: every command and every script in them is carried out, in their order.

A search of minutes is only asked with `--dry-run` whether it could begin; its place is taken by a run whose trainings
are a formula. Everything else is done as it stands there.
"""

import re
import runpy
import shlex
import shutil
from pathlib import Path

import pytest

from tests.small_runs import judge_few_images
from xpert_evo.accuracy.training.protocols import PROTOCOLS, TrainingProtocol
from xpert_evo.accuracy.training.recipes import Recipe, entries, load_recipe
from xpert_evo.backbone_file import LayerEntry
from xpert_evo.backbones import BACKBONES
from xpert_evo.cli import application
from xpert_evo.config import load_config
from xpert_evo.design import load_designs, parse_design
from xpert_evo.orchestration import native_plan
from xpert_evo.orchestration.stage_times import StageTimes, Trainee
from xpert_evo.orchestration.task import build_task
from xpert_evo.report.candidates import HARDWARE_FIELDS
from xpert_evo.report.pictures import PICTURES

pytestmark = pytest.mark.usefixtures("quick_estimates")

DOCS = Path(__file__).parents[2] / "docs"


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / document).read_text(encoding="utf-8"), re.DOTALL)


def carry_out(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(line.removeprefix("$ "))
    target = Path(words[words.index(">") + 1]) if ">" in words else None
    arguments = words[1 : words.index(">")] if target else words[1:]
    if arguments[0] == "run" and "--dry-run" not in arguments:
        arguments += ["--dry-run", "--out", "not-there-yet"]
    application()(arguments, standalone_mode=False, prog_name="xpert-evo")
    output = capsys.readouterr()
    assert output.err == ""
    if target:
        target.write_text(output.out)


def half_an_hour(_: Trainee, recipe: Recipe, **__: object) -> StageTimes:
    """In place of steps at native size: half an hour a stage."""
    n = len(recipe.stages)
    return StageTimes(training_s=(1_800.0,) * n, measuring_s=(60.0,) * n, judging_s=240.0)


def test_the_tutorial_works_from_its_first_to_its_last_line(
    finished: Path, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    judge_few_images(monkeypatch)
    monkeypatch.setattr(native_plan, "measured_times", half_an_hour)
    shutil.copytree(finished, tmp_path / "runs" / "first")
    shutil.copytree(second, tmp_path / "runs" / "second")
    commands = [line for block in blocks("tutorial.md", "console") for line in block.splitlines()]
    assert len(commands) > 10
    for line in commands:
        assert line.startswith("$ xpert-evo ")
        carry_out(line, capsys)
    for name in ("report.html", "front.json", "steps.png", "export/torch/README.txt", "../compare-first-second.png"):
        assert (tmp_path / "runs" / "first" / name).exists(), name
    said = []
    for script in blocks("tutorial.md", "python"):
        Path("script.py").write_text(script)
        runpy.run_path("script.py", run_name="__main__")
        said.append(capsys.readouterr().out)
    assert len(said) == 2
    assert "Run('runs/first'): finished" in said[0]
    accuracies = [float(word) for word in said[1].split()]
    assert len(accuracies) == 4
    assert all(0 <= accuracy <= 1 for accuracy in accuracies)
    assert accuracies[3] <= accuracies[2], "the worst of the draws and their mean"
    assert (tmp_path / "runs" / "knee.safetensors").exists()


def test_the_tutorial_tells_every_protocol_as_it_is() -> None:
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| (\S+) \| (\S+) \| (\S+) \| (\S+) \| .+ \|$", text, re.MULTILINE)
    assert rows == [
        (
            protocol.name,
            str(protocol.epochs),
            f"{protocol.n_train:,}" if protocol.n_train else "all",
            f"1/{protocol.width_divisor}" if protocol.width_divisor > 1 else "1",
            str(protocol.image_size),
        )
        for protocol in PROTOCOLS.values()
    ]


def test_the_tutorial_tells_every_recipe_as_it_is() -> None:
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z]+)` \| (.+) \| (.+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    told = {name: cells for name, *cells in rows if name in entries()}
    assert list(told) == list(entries())
    for name, entry in entries().items():
        summary, stages, cost, reached = told[name]
        assert (summary, cost, reached) == (entry.summary, entry.cost, entry.reached)
        assert re.findall(r"`([a-z-]+)`", stages) == [stage.protocol for stage in entry.stages]


def test_the_tutorial_tells_every_key_of_the_changes_of_a_stage() -> None:
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8").partition("| key | meaning |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == [
        name for name in TrainingProtocol.model_fields if name not in {"name", "needs_weights"}
    ]


def test_the_own_recipe_of_the_tutorial_can_be_read(tmp_path: Path) -> None:
    (text,) = blocks("tutorial.md", "toml")
    path = tmp_path / "own.toml"
    path.write_text(text)
    assert [stage.protocol.name for stage in load_recipe(str(path)).stages] == ["one-night-12-epochs", "exact-tune"]


def test_the_design_in_the_formats_is_a_design(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = blocks("file-formats.md", "json")
    path = tmp_path / "design.json"
    path.write_text(text)
    (design,) = load_designs(path)
    assert parse_design(design.to_plain()) == design
    application()(["evaluate", str(path)], standalone_mode=False)
    assert "TOPS/W" in capsys.readouterr().out


def test_the_backbone_of_the_documents_can_be_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    description, space = blocks("backbones.md", "toml")
    Path("small.toml").write_text(description)
    Path("settings.toml").write_text(space)
    (command,) = blocks("backbones.md", "console")
    carry_out(command.strip(), capsys)
    config = load_config(Path("settings.toml"))
    task = build_task(config, n_classes=10, image_channels=1)
    assert [layer.name for layer in task.backbone.layers] == ["stem", "wide", "join", "classifier"]
    frozen = [gene.kind for gene in task.space.genes if gene.layer == 0 and gene.choices == (8,)]
    assert frozen == ["input_precision"]
    text = (DOCS / "backbones.md").read_text(encoding="utf-8")
    for name in [*LayerEntry.model_fields, *BACKBONES]:
        assert f"`{name}`" in text


def test_the_formats_name_every_figure_and_every_picture() -> None:
    text = (DOCS / "file-formats.md").read_text(encoding="utf-8")
    for name in [*PICTURES, *(f"hardware.{field}" for field in HARDWARE_FIELDS)]:
        assert f"`{name}`" in text
