"""Exports: files that other programs read, checked against the designs; and the library around trained weights."""

import csv
import itertools
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

import xpert_evo as xe
from hw_models import AdcType
from xpert_evo.accuracy.checkpoints import write_tensors
from xpert_evo.accuracy.network import build_network
from xpert_evo.accuracy.protocols import load_protocol
from xpert_evo.design import load_designs
from xpert_evo.errors import TrainingError, UsageError
from xpert_evo.report.exports import EXPORTS, export
from xpert_evo.report.result import Candidate, RunResult
from xpert_evo.report.scene import Scene


def train_folder(run: Path, result: RunResult, candidate: Candidate) -> Path:
    """What `xpert-evo train` leaves of a design, with untrained weights."""
    protocol = load_protocol("smoke")
    network = build_network(
        candidate.design,
        result.task.backbone,
        crossbar=result.task.hardware.crossbar,
        width_divisor=protocol.width_divisor,
        image_size=protocol.image_size,
    )
    network.initialise(torch.Generator().manual_seed(0))
    folder = run.parent / f"train-{candidate.digest}-smoke-0"
    folder.mkdir(exist_ok=True)
    metadata = {"design": candidate.design.to_plain(), "protocol": protocol.model_dump(mode="json"), "seed": 0}
    write_tensors(folder / "weights.safetensors", network.state_dict(), metadata)
    return folder


def test_json_and_csv_hold_the_front(scene: Scene, finished: Path, tmp_path: Path) -> None:
    front = scene.result.front
    export(["json", "csv"], tmp_path, finished, scene.result, front)
    assert load_designs(tmp_path / "designs.json") == [c.design for c in front]
    assert load_designs(tmp_path / f"{front[0].digest}.json") == [front[0].design]
    with (tmp_path / "designs.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["edap"]) for row in rows] == [c.hardware["edap"] for c in front]
    assert json.loads((tmp_path / "designs.json").read_text())[0]["accuracy"]["split"] == "test"


def test_network_files_have_levels_and_channels_that_run_on(scene: Scene, finished: Path, tmp_path: Path) -> None:
    export(["neurosim"], tmp_path, finished, scene.result, scene.result.front)
    assert "LEVELS, not bits" in (tmp_path / "neurosim" / "README.txt").read_text()
    for candidate in scene.result.front:
        with (tmp_path / "neurosim" / f"NetWork_{candidate.digest}.csv").open() as stream:
            rows = [[int(cell) for cell in row] for row in csv.reader(stream)]
        assert [len(row) for row in rows] == [12] * len(candidate.design.layers)
        for before, after in itertools.pairwise(rows):
            assert after[2] == before[5], "a layer reads what the one before it writes"
            assert after[0] == max(1, before[0] // 2 if before[6] else before[0])
        for row, genes in zip(rows, candidate.design.layers, strict=True):
            kind = 1 if genes.adc_type is AdcType.SAR else 2
            assert row[8:] == [genes.column_sharing, kind, genes.input_precision, 2**genes.adc_precision]
        assert rows[-1][:8] == [1, 1, rows[-2][5], 1, 1, 10, 0, 0]


def test_weights_that_are_missing_are_named(scene: Scene, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(UsageError, match=r"none of the .* designs has weights.*xpert-evo train"):
        export(["torch"], tmp_path / "out", run, scene.result, scene.result.front)
    train_folder(run, scene.result, scene.result.knee)
    sentences = export(["torch"], tmp_path / "out", run, scene.result, scene.result.front)
    assert sentences[0] == "torch: weights of 1 designs"
    assert all(c.digest[:8] in sentences[1] for c in scene.result.front if c != scene.result.knee)


def test_exported_weights_become_a_torch_module(scene: Scene, tmp_path: Path) -> None:
    run, knee = tmp_path / "run", scene.result.knee
    train_folder(run, scene.result, knee)
    export(["torch"], tmp_path, run, scene.result, [knee])
    network = xe.load_network(tmp_path / "torch" / f"{knee.digest}.safetensors")
    assert network.metadata["design"] == knee.design.to_plain()
    images = torch.rand(5, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        scores = network(images)
    assert scores.shape == (5, 10)
    assert torch.isfinite(scores).all()
    assert torch.equal(scores[:2], network(images[:2]).detach()) or torch.allclose(scores[:2], network(images[:2]))
    write_tensors(tmp_path / "other.safetensors", {"x": torch.zeros(1)}, {"what": "something else"})
    with pytest.raises(TrainingError, match="holds no trained design"):
        xe.load_network(tmp_path / "other.safetensors")


def test_unknown_formats_and_empty_fronts_are_refused(scene: Scene, begun_scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'json'"):
        export(["jsn"], tmp_path, tmp_path, scene.result, scene.result.front)
    with pytest.raises(UsageError, match="has no front yet"):
        export(list(EXPORTS), tmp_path, tmp_path, begun_scene.result, [])


def test_a_loaded_run_gives_its_front_as_a_record_array(finished: Path, begun: Path) -> None:
    run = xe.load_run(finished)
    front = run.front()
    assert isinstance(front, np.recarray)
    assert front.id.tolist() == [c.digest for c in run.result.front]
    np.testing.assert_allclose(front.edap, front.area_mm2 * front.latency_us * front.energy_uj)
    assert "finished" in repr(run)
    assert f"<td>{front.id[0]}</td>" in run._repr_html_()
    assert run.design(run.knee.digest[:8]) == run.knee
    assert np.isnan(xe.load_run(begun).front().predicted).all()
    assert "not finished" in repr(xe.load_run(begun))


def test_a_frame_needs_pandas_and_says_so(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pip install pandas"):
        xe.load_run(finished).frame()
    stand_in = ModuleType("pandas")
    vars(stand_in)["DataFrame"] = lambda rows: SimpleNamespace(rows=rows)
    monkeypatch.setitem(sys.modules, "pandas", stand_in)
    rows = xe.load_run(finished).frame().rows
    assert rows[0]["conv1.column_sharing"] in {2, 4, 8, 16, 32}
    assert "classifier.channel_depth" not in rows[0]


def test_the_package_names_what_it_offers() -> None:
    assert set(dir(xe)) == {"Run", "load_network", "load_run", "run"}
    with pytest.raises(AttributeError, match="it offers"):
        xe.__getattr__("fly")
