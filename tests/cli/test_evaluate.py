"""`xpert-evo evaluate` in this process: whose settings it takes, what it says of them, how mistakes are told."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from hw_models import AdcType
from tests.command_line import call, ended
from xpert_evo.backbones import load_backbone
from xpert_evo.config import RunConfig, parse_config
from xpert_evo.design import Design
from xpert_evo.errors import DesignError
from xpert_evo.space import SearchSpace
from xpert_evo.store import Store


def homogeneous() -> Design:
    space = SearchSpace(load_backbone("vgg8"))
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
    return space.decode(genome)[0]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run on CIFAR-10 with smaller crossbars, with its front and its export."""
    settings = parse_config({"dataset": {"name": "cifar10"}, "hardware": {"crossbar": {"rows": 32}}})
    folder = tmp_path / "run"
    Store.create(folder, {"settings": settings.to_plain()}).close()
    (folder / "export").mkdir()
    for path in (folder / "front.json", folder / "export" / "designs.json"):
        path.write_text(json.dumps([{"id": homogeneous().digest, "design": homogeneous().to_plain()}]))
    return folder


def cost(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict[str, Any]:
    call("evaluate", *words, "--json")
    [entry] = json.loads(capsys.readouterr().out)
    assert isinstance(entry, dict)
    return entry


def test_designs_in_a_run_are_costed_with_its_settings(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = run.parent / "design.json"
    alone.write_text(homogeneous().to_json())
    wanted = cost(capsys, alone, "--dataset", "cifar10", "--set", "hardware.crossbar.rows=32")
    assert wanted["assumed"]["settings_of"] is None
    for path in (run / "front.json", run / "export" / "designs.json"):
        found = cost(capsys, path)
        assert found["total"] == wanted["total"]
        assert found["assumed"] == {**wanted["assumed"], "settings_of": str(run)}
    assert cost(capsys, alone)["total"] != wanted["total"]


def test_options_and_a_settings_file_win_over_the_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = cost(capsys, run / "front.json", "--dataset", "fashion-mnist")["assumed"]
    assert (changed["dataset"], changed["hardware"]["crossbar"]["rows"]) == ("fashion-mnist", 32)
    settings = run.parent / "mine.toml"
    settings.write_text("seed = 1")
    own = cost(capsys, run / "front.json", "--config", settings)["assumed"]
    assert own["settings_of"] is None
    assert own["hardware"]["crossbar"]["rows"] == RunConfig().hardware.crossbar.rows


def test_the_head_says_whose_settings_which_images_and_which_chip(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["--explain", "conv1"]):
        call("evaluate", run / "front.json", *words)
        head = capsys.readouterr().out.splitlines()[:2]
        assert head[0].startswith(f"settings of the run in {run}")
        assert head[1].startswith("used: cifar10 (10 classes, images of 32 x 32 with 3 channels), device rram-100k")
        assert head[1].endswith("32 x 64, cost model published")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"column_sharing": 128}, "layer conv2: column_sharing must be from 1 to 64"),
        ({"adc_precision": 15}, "layer conv2: adc_precision must be from 1 to 12, got 15"),
        ({"channel_depth": None}, "layer conv2 needs a channel_depth"),
    ],
)
def test_what_the_chip_cannot_have_is_told_with_file_and_layer(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    plain: dict[str, Any] = homogeneous().to_plain()
    plain["layers"][1] = {name: value for name, value in {**plain["layers"][1], **change}.items() if value is not None}
    path = tmp_path / "design.json"
    path.write_text(json.dumps([homogeneous().to_plain(), plain]))
    with pytest.raises(DesignError) as failure:
        call("evaluate", path)
    assert str(failure.value).startswith(f"{path}, design 1: {words}")


def test_a_device_whose_currents_overload_the_wires_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "design.json"
    path.write_text(homogeneous().to_json())
    for device, is_plausible in (("rram-6k", False), ("rram-100k", True)):
        column = cost(capsys, path, "--set", f"hardware.device={device}")["column"]
        assert column["is_plausible"] is is_plausible
        assert (column["remark"] is None) is is_plausible
        assert (column["density_ma_per_um2"] < column["density_limit_ma_per_um2"]) is is_plausible
        call("evaluate", path, "--set", f"hardware.device={device}")
        said = " ".join(capsys.readouterr().out.split())
        assert (f"device {device} strains its wires: with a quarter of 64 rows active" in said) is not is_plausible


def test_a_users_device_may_be_a_copy_but_not_an_impossible_cell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, device = tmp_path / "design.json", tmp_path / "mine.toml"
    path.write_text(homogeneous().to_json())
    text = resources.files("hw_models").joinpath("devices", "pcm-joshi2020.toml").read_text(encoding="utf-8")
    device.write_text(text, encoding="utf-8")
    copied = cost(capsys, path, "--set", f"hardware.device={device}")
    assert copied["column"] == cost(capsys, path, "--set", "hardware.device=pcm-joshi2020")["column"]
    device.write_text(text.replace("power = { value = 0.65", "power = { value = 65"), encoding="utf-8")
    failed = ended("evaluate", path, "--set", f"hardware.device={device}")
    assert failed.returncode == 11
    assert "read_noise.power must be between 0 and 3, got 65." in " ".join(failed.stderr.split())
