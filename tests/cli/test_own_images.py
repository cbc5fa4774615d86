"""A user's own images through the command line: all three forms, trainings, judgements, resumed runs."""

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir, closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

import xpert_evo as xe
from tests.command_line import ended
from tests.own_images import CLASSES, coloured, write_folder
from tests.small_runs import SMOKE_SEARCH, content
from xpert_evo.cli import application
from xpert_evo.config import settings_toml
from xpert_evo.errors import DataError, StoreError, UsageError
from xpert_evo.store import FILE_NAME, Store

pytestmark = pytest.mark.usefixtures("quick_estimates")

Call = Callable[..., subprocess.CompletedProcess[str]]

FUNCTION = """
import numpy as np

def load():
    with np.load("digits.npz") as file:
        return {"x_train": file["x_train"], "y_train": file["y_train"]}
"""
DOCUMENT = Path(__file__).parents[2] / "docs" / "data-sets.md"
NAMES = {"folder": "folder:flowers", "npz": "npz:digits.npz", "module": "module:my_images:load"}


def call(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Carries a command out in this process, in a working folder."""
    with chdir(folder), patch.dict(os.environ, COLUMNS="300"):
        return ended(*arguments)


def call_in_a_process(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "xpert_evo", *map(str, arguments)]
    wide = {**os.environ, "COLUMNS": "300"}
    return subprocess.run(words, capture_output=True, text=True, timeout=280, check=False, cwd=folder, env=wide)


def told(*arguments: str | Path, folder: Path, by: Call = call) -> str:
    outcome = by(*arguments, folder=folder)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    return outcome.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with 60 images of three classes in each form."""
    folder = tmp_path_factory.mktemp("project")
    write_folder(folder / "flowers", 20, side=40)
    images, labels = coloured(20)
    np.savez(folder / "digits.npz", x_train=images.transpose(0, 2, 3, 1), y_train=np.array(CLASSES)[labels])
    (folder / "my_images.py").write_text(FUNCTION)
    return folder


@pytest.fixture(scope="module")
def runs(project: Path) -> dict[str, Path]:
    """A finished run on each form, by `xpert-evo run`; processes of their own import the user's function."""
    settings = [f"{table}.{name}={value}" for table, values in SMOKE_SEARCH.items() for name, value in values.items()]
    assignments = [word for setting in settings for word in ("--set", setting)]
    for form, name in NAMES.items():
        command = ("run", "--dataset", name, "--quiet", *assignments, "--set")
        if form == "module":
            told(*command, "executor.kind=processes", "-j", "1", folder=project, by=call_in_a_process)
        else:
            told(*command, "executor.kind=serial", folder=project)
    short = {"folder": "flowers", "npz": "digits", "module": "my_images-load"}
    return {form: project / "runs" / f"{short[form]}-0" for form in NAMES}


def stored(run: Path, key: str) -> Any:
    with Store.open_readonly(run) as store:
        return store.meta(key)


@pytest.mark.parametrize("form", NAMES)
def test_every_form_is_searched_and_the_run_keeps_absolute_paths(
    form: str, runs: dict[str, Path], project: Path
) -> None:
    front = json.loads((runs[form] / "front.json").read_text())
    assert front
    assert all(member["accuracy"]["split"] == "test" for member in front)
    images = stored(runs[form], "dataset")
    assert images["class_names"] == list(CLASSES)
    assert (images["n_classes"], images["image_channels"], images["n_images"]) == (3, 3, [48, 6, 6])
    absolute = {"folder": f"folder:{project}/flowers", "npz": f"npz:{project}/digits.npz", "module": NAMES["module"]}
    assert stored(runs[form], "settings")["dataset"]["name"] == absolute[form]
    assert stored(runs[form], "settings")["dataset"]["data_dir"] == str(project / "data")


def test_the_same_arrays_have_one_digest_and_one_entry_in_whatever_form(runs: dict[str, Path], project: Path) -> None:
    digests = {form: stored(run, "dataset")["digest"] for form, run in runs.items()}
    assert digests["npz"] == digests["module"] != digests["folder"]
    folders = [path.name for path in (project / "data" / "decoded").iterdir() if path.is_dir()]
    assert sorted(folders) == sorted(set(digests.values()))


def test_a_design_is_trained_and_judged_on_a_folder(runs: dict[str, Path], project: Path, tmp_path: Path) -> None:
    design = tmp_path / "design.json"
    design.write_text(told("show", runs["folder"], "--knee", "--json", folder=project))
    options = ("--dataset", NAMES["folder"], "--noise-draws", "1")
    plan = told("train", design, *options, "--protocol", "smoke", "--out", tmp_path / "t", "--dry-run", folder=project)
    assert "48 training images" in plan
    command = ("train", design, *options, "--protocol", "smoke", "--out", tmp_path / "t")
    out = told(*command, folder=project, by=call_in_a_process)
    assert "test images came with folder:" in out
    judged = call("judge", tmp_path / "t", *options, "--json", folder=project)
    assert judged.returncode == 0
    result = json.loads(judged.stdout)
    assert result["dataset"]["digest"] == stored(runs["folder"], "dataset")["digest"]
    assert result["test"]["n_images"] == 6
    other = call("judge", tmp_path / "t", folder=project)
    assert other.returncode == 2
    assert "fashion-mnist has 10 and 1; select its data set with --dataset" in other.stderr


@pytest.fixture
def typed(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Carries a command out in this process, in the working folder of the images; returns what it printed."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "300")

    def carry_out(*words: str | Path) -> str:
        application()([*map(str, words)], standalone_mode=False, prog_name="xpert-evo")
        return capsys.readouterr().out

    return carry_out


def test_costs_are_for_the_classes_and_channels_of_the_images(
    runs: dict[str, Path], project: Path, typed: Callable[..., str], tmp_path: Path
) -> None:
    out = typed("evaluate", runs["folder"] / "front.json")
    assert f"used: folder:{project}/flowers (3 classes, images of 40 x 40 with 3 channels)" in out
    out = typed("evaluate", runs["folder"] / "front.json", "--set", "dataset.image_size=24x20")
    assert "(3 classes, images of 24 x 20 with 3 channels)" in out
    design = tmp_path / "design.json"
    design.write_text(typed("show", runs["npz"], "--knee", "--json"))
    out = typed("evaluate", design, "--dataset", NAMES["npz"])
    assert f"assumed: npz:{project}/digits.npz (3 classes, images of 32 x 32 with 3 channels)" in out


def test_costs_of_a_run_on_a_function_do_not_call_it(
    runs: dict[str, Path], typed: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no such module can be imported
    out = typed("evaluate", runs["module"] / "front.json")
    assert "used: module:my_images:load (3 classes, images of 32 x 32 with 3 channels)" in out


def test_a_dry_run_tells_the_images_and_what_was_drawn(project: Path, typed: Callable[..., str]) -> None:
    out = typed("run", "--dataset", NAMES["folder"], "--set", "training.protocol=smoke", "--dry-run")
    assert f"data: folder:{project}/flowers, 48 training, 6 validation and 6 test images" in out
    assert "no test images came with folder:" in out
    assert "output folder: runs/flowers-1" in out or "output folder: runs/flowers-0" in out


def test_a_run_goes_on_after_its_cache_was_deleted_and_with_images_that_have_moved(
    runs: dict[str, Path], project: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(runs["folder"], tmp_path / "run")
    before = content(run, details=False)
    with closing(sqlite3.connect(run / FILE_NAME)) as connection, connection:
        connection.execute("DELETE FROM trainings WHERE rowid = (SELECT max(rowid) FROM trainings)")
    shutil.rmtree(project / "data" / "decoded" / stored(run, "dataset")["digest"])
    told("resume", run, "--quiet", folder=tmp_path)
    assert content(run, details=False) == before
    moved = shutil.copytree(project / "flowers", tmp_path / "moved")
    told("resume", run, "--quiet", "--set", f"dataset.name=folder:{moved}", folder=tmp_path)
    (moved / "rose" / "020.png").unlink()
    outcome = call("resume", run, "--quiet", "--set", f"dataset.name=folder:{moved}", folder=tmp_path)
    assert outcome.returncode == 5
    assert "your own ones with --set dataset.name=NAME" in outcome.stderr
    outcome = call("resume", run, "--quiet", "--set", "dataset.name=cifar10", folder=tmp_path)
    assert outcome.returncode == StoreError.exit_code


def test_the_settings_of_a_run_repeat_it_from_python(
    runs: dict[str, Path], project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = xe.load_run(runs["npz"]).result.config
    assert f'name = "npz:{project}/digits.npz"' in settings_toml(config)
    monkeypatch.chdir(project)
    tables = {f"{table}.{name}": value for table, values in SMOKE_SEARCH.items() for name, value in values.items()}
    run = xe.run({**tables, "dataset.name": NAMES["npz"], "executor.kind": "serial"}, out=tmp_path / "run")
    assert content(run.folder, details=False) == content(runs["npz"], details=False)


@pytest.mark.parametrize("form", NAMES)
def test_data_info_shows_classes_and_splits(form: str, typed: Callable[..., str]) -> None:
    out = typed("data", "info", NAMES[form])
    side = 40 if form == "folder" else 32
    assert f"3 classes, images of {side} x {side} pixels with 3 channels" in out
    assert [line.split()[1::2] for line in out.splitlines() if "rose" in line] == [["rose", "16", "2", "2"]]


def test_data_info_shows_named_data_sets_too(typed: Callable[..., str]) -> None:
    out = typed("data", "info", "fashion-mnist")
    assert "fashion-mnist: 10 classes, images of 32 x 32 pixels with 1 channel" in out
    assert "digest aa04294ebd35c87b" in out


def test_data_list_and_wrong_names_tell_the_forms(typed: Callable[..., str]) -> None:
    listed = typed("data", "list")
    assert all(form in listed for form in ("folder:PATH", "npz:FILE", "module:PACKAGE.MODULE:FUNCTION"))
    with pytest.raises(DataError, match="for your own images write folder:flowers"):
        typed("run", "--dataset", "flowers", "--dry-run")
    with pytest.raises(DataError, match=r"for your own images write npz:digits\.npz"):
        typed("run", "--dataset", "digits.npz", "--dry-run")


def test_images_that_are_not_square_are_searched_trained_judged_and_exported(
    typed: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    spectrograms = generator.integers(0, 255, (60, 25, 10), dtype=np.uint8)
    np.savez("sounds.npz", x_train=spectrograms, y_train=np.arange(60) % 3)
    assignments = [
        f"{table}.{name}={value}" for table, values in SMOKE_SEARCH.items() for name, value in values.items()
    ]
    options = [word for setting in assignments for word in ("--set", setting)]
    typed("run", "--dataset", "npz:sounds.npz", "--quiet", "--out", "run", *options, "--set", "executor.kind=serial")
    assert stored(Path("run"), "dataset")["image_size"] == [25, 10]
    design = tmp_path / "run" / "design.json"
    design.write_text(typed("show", "run", "--knee", "--json"))
    assert "images of 25 x 10 with 1 channel" in typed("evaluate", design)
    trained = ("--protocol", "smoke", "--out", "trained", "--ideal")
    typed("train", design, "--dataset", "npz:sounds.npz", *trained)
    network = xe.load_network("trained")
    assert network.image_size == (12, 8)
    images = torch.rand(2, 1, 25, 10, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(images), network(F.adaptive_avg_pool2d(images, (12, 8))))
    judged = json.loads(typed("judge", "trained", "--dataset", "npz:sounds.npz", "--ideal", "--json"))
    assert judged["test"]["n_images"] == 6
    with pytest.raises(UsageError, match="network files describe square maps, and images are 25 x 10 pixels"):
        typed("export", "run", "--format", "neurosim")


def test_the_five_minutes_of_the_documents_work(
    typed: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = DOCUMENT.read_text(encoding="utf-8")
    script = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    assert subprocess.run([sys.executable, "-c", script], timeout=120, check=False).returncode == 0
    (block,) = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    out = ""
    for line in block.splitlines():
        words = shlex.split(line.removeprefix("$ xpert-evo "))
        out += typed(*words, *(["--dry-run"] if words[0] == "run" and "--dry-run" not in words else []))
    assert f"folder:{tmp_path}/shapes: 3 classes, images of 48 x 64 pixels with 3 channels" in out
    assert out.count("240 training, 30 validation and 30 test images") == 2


def test_a_link_that_leads_nowhere_and_images_without_room_are_told(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", 4)
    refused = call("data", "info", f"folder:{folder}", "--image-size", "900000x900000", folder=tmp_path)
    assert refused.returncode == 5
    assert "12 images of 900000 x 900000 pixels take" in refused.stderr
    (folder / "rose" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    refused = call("data", "info", f"folder:{folder}", folder=tmp_path)
    assert refused.returncode == 5
    assert "1 of 13 images of folder:" in refused.stderr
