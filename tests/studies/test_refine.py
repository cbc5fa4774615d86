"""Choosing a trained network's peripherals again: the choice itself, and the script from weights to designs."""

import json
import runpy
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.checkpoints import write_tensors
from xpert_evo.accuracy.network import build_network
from xpert_evo.accuracy.protocols import load_protocol
from xpert_evo.backbones import load_backbone
from xpert_evo.config import parse_config
from xpert_evo.design import Design, load_designs
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.space import GeneKind

STUDY = Path(__file__).parents[2] / "studies" / "cifar10"
SETTINGS = """
[dataset]
name = "fashion-mnist"
[space]
backbone = "vgg8"
adc_precision = [4, 5, 6]
input_precision = [2, 3]
"""


@pytest.fixture(scope="module")
def refine() -> dict[str, Any]:
    """The names of the script."""
    sys.path.insert(0, str(STUDY))
    try:
        return runpy.run_path(str(STUDY / "refine.py"))
    finally:
        sys.path.remove(str(STUDY))


@pytest.fixture(scope="module")
def task() -> Task:
    return build_task(parse_config(tomllib.loads(SETTINGS)), n_classes=10, image_channels=1)


def trained_design(task: Task) -> Design:
    genome = task.space.homogeneous(
        column_sharing=8, adc_type=AdcType.SAR, adc_precision=5, input_precision=3, depth_factor=0.5
    )
    return task.space.decode(genome)[0]


def edap(task: Task, design: Design) -> float:
    return float(task.costs(task.space.encode([design]))["edap"][0])


@settings(max_examples=20)
@given(data=st.data(), price=st.floats(0.0, 1e3))
def test_no_change_of_one_layer_betters_a_refined_design(
    refine: dict[str, Any], task: Task, data: st.DataObject, price: float
) -> None:
    start = trained_design(task)
    pairs = [(adc, inputs) for adc in (4, 5, 6) for inputs in (2, 3)]
    value = st.floats(0.0, 1.0)
    divergences = [{pair: data.draw(value) for pair in pairs} for _ in start.layers]

    def worth(design: Design) -> float:
        return float(np.log(edap(task, design)) + price * refine["divergence_of"](design, divergences))

    found = refine["refined"](start, divergences, task, price)
    assert [layer.channel_depth for layer in found.layers] == [layer.channel_depth for layer in start.layers]
    assert worth(found) <= worth(start)
    genome = task.space.encode([found])[0]
    for column, gene in enumerate(task.space.genes):
        if gene.kind is not GeneKind.CHANNEL_DEPTH:
            others = np.repeat(genome[None], len(gene.choices), axis=0)
            others[:, column] = range(len(gene.choices))
            assert min(map(worth, task.space.decode(others))) >= worth(found) - 1e-9


def test_choices_that_cost_too_much_accuracy_are_bought_only_at_a_low_price(refine: dict[str, Any], task: Task) -> None:
    start = trained_design(task)
    divergences = [
        {(adc, inputs): 0.1 / (adc * inputs) for adc in (4, 5, 6) for inputs in (2, 3)} for _ in start.layers
    ]
    free, dear = (refine["refined"](start, divergences, task, price) for price in (0.0, 1e6))
    assert {(layer.adc_precision, layer.input_precision) for layer in dear.layers} == {(6, 3)}
    assert edap(task, free) < min(edap(task, start), edap(task, dear))


def test_the_script_goes_from_weights_to_designs_that_train_takes(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    design, crossbar = trained_design(task), CrossbarSpec()
    protocol = load_protocol("smoke")
    backbone = load_backbone("vgg8", n_classes=10, image_channels=1)
    network = build_network(
        design, backbone, crossbar=crossbar, width_divisor=protocol.width_divisor, image_size=protocol.image_size
    )
    network.initialise(torch.Generator().manual_seed(0))
    told = {
        "design": design.to_plain(),
        "protocol": protocol.model_dump(mode="json"),
        "crossbar": asdict(crossbar),
        "seed": 0,
    }
    weights, written = tmp_path / "weights.safetensors", tmp_path / "refined.json"
    write_tensors(weights, network.state_dict(), told)
    (tmp_path / "settings.toml").write_text(SETTINGS)
    arguments = [weights, "--settings", tmp_path / "settings.toml", "--images", 20, "--judged", 50, "--out", written]
    monkeypatch.setattr(sys, "argv", ["refine", *map(str, arguments), "--prices", "1e6", "0"])
    monkeypatch.syspath_prepend(str(STUDY))
    runpy.run_path(str(STUDY / "refine.py"), run_name="__main__")
    first = written.read_text()
    assert "divergence [mnat]" in capsys.readouterr().out
    runpy.run_path(str(STUDY / "refine.py"), run_name="__main__")
    assert "divergence [mnat]" not in capsys.readouterr().out
    assert written.read_text() == first
    assert written.with_suffix(".png").stat().st_size > 10_000
    entries = json.loads(written.read_text())
    designs = load_designs(written)
    assert designs[0] == design
    assert [entry["images"] for entry in entries] == [50] * len(entries)
    assert entries[1]["divergence"] <= entries[0]["divergence"] <= entries[-1]["divergence"]
    assert entries[-1]["edap_ratio_to_baseline"] > entries[0]["edap_ratio_to_baseline"]
    for entry, one in zip(entries, designs, strict=True):
        ratio = edap(task, task.space.decode(task.baseline)[0]) / edap(task, one)
        assert entry["edap_ratio_to_baseline"] == pytest.approx(ratio)
