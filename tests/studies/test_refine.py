"""Choosing a trained network's peripherals again: the choice itself, and the script from weights to designs."""

import json
import runpy
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models import AdcType
from xpert_evo.accuracy.crossbars.emulation import Emulator
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork, build_network
from xpert_evo.accuracy.datasets.catalogue import Split, load_dataset
from xpert_evo.accuracy.training.checkpoints import write_tensors
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.accuracy.training.weights import TrainedNetwork, load_network
from xpert_evo.backbones import load_backbone
from xpert_evo.config import parse_config
from xpert_evo.design import Design, load_designs
from xpert_evo.genes import GeneKind
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.space import PAPER_CHOICES

STUDY = Path(__file__).parents[2] / "studies" / "cifar10"
SETTINGS = """
[dataset]
name = "fashion-mnist"
[hardware]
model = "xpertsim"
area_limit_mm2 = {limit}
[space]
backbone = "vgg8"
channel_depth = [8, 16]
adc_precision = {adc}
input_precision = {inputs}
"""
ALL = {"adc": [3, 4, 5, 6, 7, 8], "inputs": [1, 2, 3, 4]}
FEW = {"adc": [6, 7], "inputs": [3, 4]}
N_IMAGES, N_JUDGED = 10, 40


def task_within(limit: float) -> Task:
    return build_task(parse_config(tomllib.loads(SETTINGS.format(limit=limit, **ALL))), n_classes=10, image_channels=1)


@pytest.fixture(scope="module")
def task() -> Task:
    return task_within(100.0)


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, Any]]:
    """The names of refine.py, and `divergences`, the module that it measures with."""
    sys.path.insert(0, str(STUDY))
    try:
        names = runpy.run_path(str(STUDY / "refine.py"))
        yield names | {"divergences": sys.modules["divergences"]}
    finally:
        sys.path.remove(str(STUDY))


def trained_design(task: Task) -> Design:
    genome = task.space.homogeneous(
        column_sharing=8, adc_type=AdcType.SAR, adc_precision=7, input_precision=4, depth_factor=0.1
    )
    return task.space.decode(genome)[0]


def edap(task: Task, design: Design) -> float:
    return float(task.costs(task.space.encode([design]))["edap"][0])


PERIPHERALS = [kind for kind in PAPER_CHOICES if kind is not GeneKind.CHANNEL_DEPTH]


@settings(max_examples=10)
@given(data=st.data(), price=st.floats(0.0, 1e3))
def test_no_change_of_one_layer_betters_a_refined_design(
    scripts: dict[str, Any], task: Task, data: st.DataObject, price: float
) -> None:
    start = trained_design(task)
    pairs = list(product((6, 7), (3, 4)))
    value = st.floats(0.0, 1.0)
    divergences = [{pair: data.draw(value) for pair in pairs} for _ in start.layers]
    found = scripts["refined"](start, divergences, task, price)
    assert [layer.channel_depth for layer in found.layers] == [layer.channel_depth for layer in start.layers]
    genome = task.space.encode([found])[0]

    def worth(design: Design) -> float:
        return float(np.log(edap(task, design)) + price * scripts["divergence_of"](design, divergences))

    assert worth(found) <= worth(start)
    for layer, allowed in enumerate(divergences):
        columns = [task.space.column(layer, kind) for kind in PERIPHERALS]
        offered = [range(len(task.space.genes[column].choices)) for column in columns if column is not None]
        others = np.repeat(genome[None], np.prod([len(choices) for choices in offered]), axis=0)
        others[:, columns] = list(product(*offered))
        designs = [
            one
            for one in task.space.decode(others)
            if (one.layers[layer].adc_precision, one.layers[layer].input_precision) in allowed
        ]
        assert min(map(worth, designs)) >= worth(found) - 1e-9


def test_a_price_decides_between_bits_and_cost_and_limits_hold(scripts: dict[str, Any], task: Task) -> None:
    start = trained_design(task)
    divergences = [
        {(adc, inputs): 0.1 / (adc * inputs) for adc in (6, 7, 8) for inputs in (3, 4)} for _ in start.layers
    ]
    free, dear = (scripts["refined"](start, divergences, task, price) for price in (0.0, 1e6))
    assert {(layer.adc_precision, layer.input_precision) for layer in dear.layers} == {(8, 4)}
    assert edap(task, free) < min(edap(task, start), edap(task, dear))
    areas = [float(task.costs(task.space.encode([one]))["area"][0]) for one in (dear, free)]
    assert areas[0] < areas[1], "or the limit would not bind"
    tight = task_within(areas[0] * 1.001)
    within = scripts["refined"](dear, divergences, tight, 0.0)
    assert tight.feasible(tight.space.encode([within]))[0]
    assert edap(task, free) < edap(task, within) < edap(task, dear)


@pytest.fixture(scope="module")
def weights(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of narrow native VGG8, as a training writes them."""
    return written(tmp_path_factory.mktemp("weights") / "weights.safetensors", task, load_protocol("overnight").name)


def written(path: Path, task: Task, protocol_name: str, **told: object) -> Path:
    design, crossbar, protocol = trained_design(task), task.hardware.crossbar, load_protocol(protocol_name)
    network = build_network(
        design,
        load_backbone("vgg8", n_classes=10, image_channels=1),
        crossbar=crossbar,
        width_divisor=protocol.width_divisor,
        image_size=protocol.image_size,
    )
    network.initialise(torch.Generator().manual_seed(0))
    metadata: dict[str, object] = {
        "design": design.to_plain(),
        "protocol": protocol.model_dump(mode="json"),
        "crossbar": asdict(crossbar),
        "seed": 0,
    }
    write_tensors(path, network.state_dict(), metadata | told)
    return path


def run(monkeypatch: pytest.MonkeyPatch, weights: Path, folder: Path, *options: object, limit: float = 100.0) -> None:
    """The script, as from the command line; what it writes is called `out`."""
    (folder / "settings.toml").write_text(SETTINGS.format(limit=limit, **FEW))
    arguments = [weights, "--settings", folder / "settings.toml", "--images", N_IMAGES, "--judged", N_JUDGED]
    arguments += ["--out", folder / "made" / "out", *options]
    monkeypatch.setattr(sys, "argv", ["refine", *map(str, arguments)])
    monkeypatch.syspath_prepend(str(STUDY))
    runpy.run_path(str(STUDY / "refine.py"), run_name="__main__")


def test_the_divergence_of_a_layer_is_that_of_its_own_emulation(
    scripts: dict[str, Any], task: Task, weights: Path
) -> None:
    module: ModuleType = scripts["divergences"]
    network: CrossbarNetwork = load_network(weights).network
    before = [layer.geometry for layer in network.crossbar_layers]
    tried = module.bits_near(task.space, network)
    assert set(tried[1]) == set(product((4, 5, 6, 7, 8), (2, 3, 4)))
    images, calibration = torch.rand(2, 6, 1, 32, 32, generator=torch.Generator().manual_seed(1)).unbind()
    few = [pairs[:1] for pairs in tried]
    found = list(module.measured(network, images, calibration, few))
    assert [layer.geometry for layer in network.crossbar_layers] == before
    number = 2
    (adc, inputs), altered = few[number][0], network.crossbar_layers[number]
    with torch.no_grad():
        perfect = F.log_softmax(network(images, CrossbarLayer.product), 1)
        altered.geometry = replace(altered.geometry, adc_precision=adc, input_precision=inputs)
        emulator = Emulator()
        for shown in (calibration, images):
            scores = network(shown, lambda one, x: emulator(one, x) if one is altered else one.product(x))
    expected = (perfect.exp() * (perfect - F.log_softmax(scores, 1))).sum(1).mean()
    assert found[number][adc, inputs] == pytest.approx(float(expected), rel=1e-3)
    assert found[number][adc, inputs] > 0
    assert list(module.measured(network, images, calibration, few, first=len(few))) == []


def test_the_script_goes_from_weights_to_designs_that_train_takes(
    task: Task, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, weights, tmp_path, "--prices", 0)
    path = tmp_path / "made" / "out.json"
    first = path.read_text()
    assert "divergence [mnat]" in capsys.readouterr().out
    entries, designs = json.loads(first), load_designs(path)
    assert designs[0] == trained_design(task)
    costs = [edap(task, one) for one in designs]
    assert costs[1:] == sorted(costs[1:], reverse=True)
    assert costs[-1] < costs[0]
    baseline = edap(task, task.space.decode(task.baseline)[0])
    data = load_dataset("fashion-mnist")
    unseen = Split(images=data.validation.images[N_IMAGES:], labels=data.validation.labels[N_IMAGES:])
    for entry, one, cost in zip(entries, designs, costs, strict=True):
        assert entry["edap_ratio_to_baseline"] == pytest.approx(baseline / cost)
        trained = load_network(weights)
        network = build_network(one, trained.network.backbone, crossbar=task.hardware.crossbar)
        network.load_state_dict(trained.network.state_dict())
        chip = TrainedNetwork(network, trained.header).eval()
        judged = judge(chip, replace(data, validation=unseen), "validation", max_images=N_JUDGED)
        assert (entry["validation"], entry["images"]) == (judged.mean, N_JUDGED)
    assert path.with_suffix(".png").stat().st_size > 10_000

    kept = path.with_suffix(".divergences.json")
    whole = json.loads(kept.read_text())
    kept.write_text(json.dumps(whole | {"nats": whole["nats"][:-1]}))  # as if it had been stopped
    run(monkeypatch, weights, tmp_path, "--prices", 0)
    assert capsys.readouterr().out.count("divergence [mnat]") == 1
    assert (path.read_text(), json.loads(kept.read_text())) == (first, whole)
    kept.write_text(json.dumps(whole | {"images": N_IMAGES + 1}))
    with pytest.raises(SystemExit, match=r"holds divergences of other images; remove it"):
        run(monkeypatch, weights, tmp_path)
    kept.write_text("{")
    with pytest.raises(SystemExit, match=r"must hold divergences of an earlier call"):
        run(monkeypatch, weights, tmp_path)


def test_what_does_not_belong_together_is_refused_before_anything_is_measured(
    task: Task, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for options, words in (
        (("--images", 0), "must be at least 1 and together at most"),
        (("--judged", 10_000), "together at most the 2,000 validation images of fashion-mnist; got 10 and 10,000"),
    ):
        with pytest.raises(SystemExit, match=words):
            run(monkeypatch, weights, tmp_path, *options)
    area = float(task.costs(task.space.encode([trained_design(task)]))["area"][0])
    with pytest.raises(SystemExit, match=r"must keep the settings' limits, its area is"):
        run(monkeypatch, weights, tmp_path, limit=area * 0.99)
    for told, words in (
        ({"dataset": "another"}, "trained on other images than the settings' fashion-mnist"),
        (
            {"crossbar": asdict(replace(task.hardware.crossbar, rows=128))},
            "for crossbars of another rows than the settings'",
        ),
    ):
        other = written(tmp_path / "other.safetensors", task, "overnight", **told)
        with pytest.raises(SystemExit, match=words):
            run(monkeypatch, other, tmp_path)
    with pytest.raises(SystemExit, match="must be trained at native size, smoke trains proxies"):
        run(monkeypatch, written(tmp_path / "proxy.safetensors", task, "smoke"), tmp_path)
    with pytest.raises(SystemExit, match=r"does not exist; give a weights\.safetensors"):
        run(monkeypatch, tmp_path / "nowhere.safetensors", tmp_path)
    assert not (tmp_path / "made").exists()
