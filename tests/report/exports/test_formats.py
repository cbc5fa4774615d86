"""Exports: files that other programs read, checked against the designs; and the library around trained weights."""

import csv
import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import xpert_evo as xe
from hw_models import CrossbarSpec
from tests.small_runs import BLOCK_LAYERS
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, build_network
from xpert_evo.accuracy.training.checkpoints import write_tensors
from xpert_evo.accuracy.training.images import prepared
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.accuracy.training.recipes import load_recipe
from xpert_evo.accuracy.training.training import train_design
from xpert_evo.accuracy.training.weights import save_weights
from xpert_evo.backbone_file import parse_description
from xpert_evo.backbones import Backbone, load_backbone
from xpert_evo.cli.results import export_designs
from xpert_evo.config import DatasetConfig
from xpert_evo.design import Design, load_designs
from xpert_evo.errors import DataError, TrainingError, UsageError
from xpert_evo.genes import GeneKind
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.exports.formats import EXPORTS, export
from xpert_evo.report.exports.networks import NETWORK_EXPORTS, trained_weights
from xpert_evo.report.exports.onnx_file import write_onnx
from xpert_evo.report.native import NativeDesign, NativeResult
from xpert_evo.report.pick import native_front
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene
from xpert_evo.space import SearchSpace

OWN = {"name": "own", "layers": BLOCK_LAYERS}


START = {"design": "0" * 16, "protocol": "one-night", "weights_sha256": "1" * 16}


@cache
def seen_images(
    design: Design, backbone: Backbone, crossbar: CrossbarSpec, width_divisor: int, image_size: int
) -> dict[str, torch.Tensor]:
    """The state of an untrained network whose running statistics are those of some images."""
    sides = (image_size, image_size)
    network = build_network(design, backbone, crossbar=crossbar, width_divisor=width_divisor, image_size=sides)
    network.initialise(torch.Generator().manual_seed(0))
    shape = (32, backbone.image_channels, *sides)
    images = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for _ in range(30):
            network.train()(images, CrossbarLayer.product)
    return network.state_dict()


def train_folder(run: Path, result: RunResult, candidate: Candidate, name: str = "smoke") -> Path:
    """What `xpert-evo train` leaves of a design, with untrained weights."""
    protocol, task = load_protocol(name), result.task
    state = seen_images(
        candidate.design, task.backbone, task.hardware.crossbar, protocol.width_divisor, protocol.image_size
    )
    folder = run.parent / f"train-{candidate.digest}-{name}-0"
    folder.mkdir(exist_ok=True)
    metadata = {"design": candidate.design.to_plain(), "protocol": protocol.model_dump(mode="json"), "seed": 0}
    write_tensors(folder / "weights.safetensors", state, metadata)
    return folder


def test_json_and_csv_hold_the_front(scene: Scene, finished: Path, tmp_path: Path) -> None:
    front = scene.result.front
    export(["json", "csv"], tmp_path, finished, scene.result, front)
    assert load_designs(tmp_path / "designs.json") == [c.design for c in front]
    assert load_designs(tmp_path / f"{front[0].digest}.json") == [front[0].design]
    with (tmp_path / "designs.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["edap"]) for row in rows] == [c.hardware["edap"] for c in front]
    assert [row["devices"] for row in rows] == [c.devices for c in front]
    assert json.loads((tmp_path / "designs.json").read_text())[0]["accuracy"]["split"] == "test"


def test_the_figures_of_csv_and_json_are_what_their_names_say(scene: Scene, finished: Path, tmp_path: Path) -> None:
    """Reckoned from the genes in the files alone: operations of VGG-like layers, and ratios of the costs."""
    export(["json", "csv"], tmp_path, finished, scene.result, scene.result.front)
    with (tmp_path / "designs.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    backbone = scene.result.task.backbone
    for row, entry in zip(rows, json.loads((tmp_path / "designs.json").read_text()), strict=True):
        assert row["id"] == entry["id"]
        operations, channels = 0.0, backbone.image_channels
        for layer, genes, size in zip(
            backbone.layers, entry["design"]["layers"], [side for side, _ in backbone.output_sizes()], strict=True
        ):
            assert {name: row.get(f"{layer.name}.{name}") for name in genes if name != "name"} == {
                name: str(value) for name, value in genes.items() if name != "name"
            }
            depth = genes.get("channel_depth", backbone.n_classes)
            operations += 2.0 * size**2 * layer.kernel_size**2 * channels * depth
            channels = depth
        area, latency, energy = (float(row[name]) for name in ("area_mm2", "latency_us", "energy_uj"))
        assert float(row["edap"]) == pytest.approx(area * latency * energy)
        assert float(row["tops_per_w"]) == pytest.approx(1e-6 * operations / energy)
        assert float(row["tops_per_mm2"]) == pytest.approx(1e-6 * operations / latency / area)
        assert entry["hardware"] == {name: float(row[name]) for name in entry["hardware"]}
        for name in ("measured", "validation"):
            assert float(row[name]) == entry["accuracy"][name]
        assert row["reused"] == str(entry["accuracy"]["reused"])


def test_weights_that_are_missing_are_named(scene: Scene, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(UsageError, match=r"none of the .* designs has weights.*xpert-evo train"):
        export(["torch"], tmp_path / "out", run, scene.result, scene.result.front)
    train_folder(run, scene.result, scene.result.knee, "native-short")
    sentences = export(["torch"], tmp_path / "out", run, scene.result, scene.result.front)
    assert sentences[0] == "torch: weights of 1 design"
    assert all(c.digest[:8] in sentences[1] for c in scene.result.front if c != scene.result.knee)


def test_weights_are_found_whatever_their_folder_is_called(scene: Scene, tmp_path: Path) -> None:
    run, knee = tmp_path / "run", scene.result.knee
    train_folder(run, scene.result, knee, "native-short").rename(tmp_path / "my knee")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "weights.safetensors").write_bytes(b"no weights")
    (found,) = trained_weights(run, scene.result).items()
    assert (found[0], found[1].path) == (knee.digest, tmp_path / "my knee" / "weights.safetensors")
    (sentence,) = export(["torch"], tmp_path / "out", run, scene.result, [knee])
    assert sentence == "torch: weights of 1 design"


def test_networks_of_the_native_front_are_exported_and_refined_ones_among_them(scene: Scene, tmp_path: Path) -> None:
    run, refined = tmp_path / "run", scene.result.knee
    others = [one for one in scene.result.front if one != refined]
    path = Path("native", "0123456789abcdef", "refined", "networks", "01234567-tuned.safetensors")
    (run / path).parent.mkdir(parents=True)
    (train_folder(run, scene.result, refined, "native-short") / "weights.safetensors").rename(run / path)
    native = NativeResult(
        recipe=load_recipe("hour"),
        designs=[NativeDesign(candidate=refined, role="refined", expected=None)],
        n_planned=1,
        failed=[],
        is_refined=True,
        refined_files={refined.digest: str(path)},
    )
    result = replace(scene.result, native=native)
    sentences = export(["torch", "json"], tmp_path / "out", run, result, others, trained=native_front(result))
    assert sentences[0] == "torch: weights of 1 design"
    assert (tmp_path / "out" / "torch" / f"{refined.digest}.safetensors").is_file()
    assert len(json.loads((tmp_path / "out" / "designs.json").read_text())) == len(others)


@pytest.mark.parametrize(("tuned", "best"), [(False, "overnight 0.9"), (True, "exact-tune 0.85")])
def test_the_best_weights_of_a_design_are_taken(scene: Scene, tmp_path: Path, tuned: bool, best: str) -> None:
    own, other = scene.result.dataset["digest"], "another"
    for protocol, validation, dataset, planes in (
        ("native-short", 0.7, own, 1),
        ("overnight", 0.9, own, 1),
        ("smoke", 0.95, own, 1),
        ("overnight", 0.8, None, 1),
        ("overnight", 0.97, other, 1),
        ("overnight", 0.98, None, 3),
        *([("exact-tune", 0.85, own, 1)] if tuned else []),
    ):
        metadata = {
            "design": scene.result.knee.design.to_plain(),
            "protocol": load_protocol(protocol).model_dump(mode="json"),
            "validation_accuracy": validation,
            "dataset": dataset,
            **(
                {"started_from": {"design": "0" * 16, "protocol": "one-night", "weights_sha256": "1" * 16}}
                if protocol == "exact-tune"
                else {}
            ),
        }
        folder = tmp_path / f"{protocol} {validation}"
        folder.mkdir()
        ends = {"layers.0.weight": torch.zeros(4, planes, 3, 3), "layers.1.weight": torch.zeros(10, 4, 1, 1)}
        write_tensors(folder / "weights.safetensors", ends, metadata)
    weights = trained_weights(tmp_path / "run", scene.result)[scene.result.knee.digest]
    assert weights.path == tmp_path / best / "weights.safetensors"
    assert weights.header.protocol.name == best.split(maxsplit=1)[0]


def test_a_proxy_is_exported_when_asked_for_alone_and_marked(scene: Scene, tmp_path: Path) -> None:
    run, knee = tmp_path / "run", scene.result.knee
    train_folder(run, scene.result, knee)
    for form in NETWORK_EXPORTS:
        with pytest.raises(
            UsageError, match=r"none of the 1 designs has weights at its own width; 1 of them .*--proxies"
        ):
            export([form], tmp_path / "out", run, scene.result, [knee])
        (sentence,) = export([form], tmp_path / "out", run, scene.result, [knee], proxies=True)
        assert sentence.endswith("of 1 design (1 of them a proxy, trained with smoke; file names say so)")
        assert [path.name for path in (tmp_path / "out" / form).glob(f"{knee.digest}*")] == [
            f"{knee.digest}-proxy-smoke.{'safetensors' if form == 'torch' else form}"
        ]
    network = xe.load_network(tmp_path / "out" / "torch" / f"{knee.digest}-proxy-smoke.safetensors")
    assert network.metadata["is_proxy"] is True
    assert network.protocol.name == "smoke"
    model = onnx.load(tmp_path / "out" / "onnx" / f"{knee.digest}-proxy-smoke.onnx")
    told = {p.key: json.loads(p.value) for p in model.metadata_props}
    assert (told["is_proxy"], told["protocol"]["name"]) == (True, "smoke")


def test_a_design_s_own_network_comes_before_its_proxy_whatever_was_asked_for(scene: Scene, tmp_path: Path) -> None:
    run, (knee, *others) = tmp_path / "run", [scene.result.knee, *scene.result.front]
    other = next(candidate for candidate in others if candidate.digest != knee.digest)
    train_folder(run, scene.result, knee)
    train_folder(run, scene.result, knee, "native-short")
    train_folder(run, scene.result, other)
    sentences = export(["torch"], tmp_path / "out", run, scene.result, [knee, other])
    assert sentences == [
        "torch: weights of 1 design",
        f"torch: no weights of {other.digest[:8]}: they were trained as proxies alone (--proxies exports those)",
    ]
    network = xe.load_network(tmp_path / "out" / "torch" / f"{knee.digest}.safetensors")
    assert (network.metadata["is_proxy"], network.protocol.name) == (False, "native-short")


def test_a_stage_that_went_on_from_nothing_is_not_exported(scene: Scene, tmp_path: Path) -> None:
    run, knee = tmp_path / "run", scene.result.knee
    train_folder(run, scene.result, knee, "exact-tune")
    with pytest.raises(UsageError, match="none of the 1 designs has weights of a training"):
        export(["onnx"], tmp_path / "out", run, scene.result, [knee])


def test_exported_weights_become_a_torch_module(scene: Scene, tmp_path: Path) -> None:
    run, knee = tmp_path / "run", scene.result.knee
    train_folder(run, scene.result, knee, "native-short")
    export(["torch"], tmp_path, run, scene.result, [knee])
    network = xe.load_network(tmp_path / "torch" / f"{knee.digest}.safetensors")
    assert network.metadata["design"] == knee.design.to_plain()
    images = torch.rand(5, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        scores = network(images)
    assert scores.shape == (5, 10)
    assert torch.isfinite(scores).all()
    assert scores.std() > 1e-3
    assert torch.equal(scores[:2], network(images[:2]).detach()) or torch.allclose(scores[:2], network(images[:2]))
    for shape in ((2, 1, 28, 28), (2, 3, 32, 32), (1, 32, 32), (2, 1, 32, 28), (2, 1, 8, 8)):
        with pytest.raises(DataError, match=r"images must have the shape \(n, 1, 32, 32\)"):
            network(torch.zeros(shape))
    assert torch.equal(network(images.double()), network(images))
    for wrong, words in (
        ((255 * images).to(torch.uint8), r"must be floats from 0 to 1, got torch\.uint8"),
        (255 * images, "must be from 0 to 1, got"),
        (images - 0.5, "without subtracting a mean or dividing by a deviation"),
        (images * float("nan"), "got nan to nan"),
    ):
        with pytest.raises(DataError, match=words):
            network(wrong)
    write_tensors(tmp_path / "other.safetensors", {"x": torch.zeros(1)}, {"what": "something else"})
    with pytest.raises(TrainingError, match="contains no trained design"):
        xe.load_network(tmp_path / "other.safetensors")
    with pytest.raises(TrainingError, match="does not exist; give a weights"):
        xe.load_network(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["vgg8", "resnet20", "own"])
def test_an_onnx_model_gives_the_scores_of_the_torch_module(name: str, tmp_path: Path) -> None:
    described = parse_description(OWN, where="own") if name == "own" else name
    backbone = load_backbone(described, image_channels=1)
    space = SearchSpace(backbone, {GeneKind.CHANNEL_DEPTH: (64, 128)})
    design = space.decode(space.random(np.random.default_rng(0), 1))[0]
    protocol = load_protocol("smoke")
    network = build_network(
        design,
        backbone,
        crossbar=CrossbarSpec(),
        width_divisor=protocol.width_divisor,
        image_size=protocol.size_for((32, 32)),
    )
    network.initialise(torch.Generator().manual_seed(0))
    images = torch.rand(6, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    small = torch.nn.functional.avg_pool2d(images, 2)
    with torch.no_grad():
        network.train()(small, CrossbarLayer.product)  # so that batch norm and the inputs' ranges have seen something
        wanted = network.eval()(small, CrossbarLayer.product).numpy()
    write_onnx(tmp_path / "model.onnx", network, protocol.size_for((32, 32)), {"design": design.to_plain()})
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert json.loads({p.key: p.value for p in model.metadata_props}["design"]) == design.to_plain()
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (scores,) = session.run(None, {"images": images.numpy()})
    np.testing.assert_allclose(scores, wanted, atol=1e-4)
    assert np.ptp(wanted) > 0.1


def test_exported_models_take_the_bytes_of_a_data_set_over_255(scene: Scene, tmp_path: Path) -> None:
    """As the exports' notes tell a consumer, against the images as trainings see them."""
    run, knee = tmp_path / "run", scene.result.knee
    train_folder(run, scene.result, knee, "native-short")
    export(["onnx", "torch"], tmp_path, run, scene.result, [knee])
    test = cached_dataset(DatasetConfig()).test
    taken = test.images[:40].numpy().astype(np.float32) / 255
    network = xe.load_network(tmp_path / "torch" / f"{knee.digest}.safetensors")
    seen = prepared(test, network.protocol, torch.device("cpu"), 40).images
    with torch.no_grad():
        wanted = network.network(seen, CrossbarLayer.product).numpy()
        np.testing.assert_allclose(network(torch.from_numpy(taken)).numpy(), wanted, atol=1e-5)
    session = onnxruntime.InferenceSession(tmp_path / "onnx" / f"{knee.digest}.onnx")
    (scores,) = session.run(None, {"images": taken})
    # An input half-way between two codes may round the other way in another library.
    assert np.isclose(scores, wanted, atol=1e-4).all(axis=1).mean() >= 0.75
    assert (scores.argmax(axis=1) == wanted.argmax(axis=1)).mean() >= 0.95
    assert np.ptp(wanted) > 1e-3


def test_onnx_is_exported_beside_a_run_and_asks_for_its_extra(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, knee = tmp_path / "run", scene.result.knee
    train_folder(run, scene.result, knee, "native-short")
    (sentence,) = export(["onnx"], tmp_path, run, scene.result, [knee])
    assert sentence == "onnx: models of 1 design"
    model = onnx.load(tmp_path / "onnx" / f"{knee.digest}.onnx")
    assert [one.name for one in model.graph.input] == ["images"]
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"xpert-evo\[onnx\]"):
        export(["onnx"], tmp_path, run, scene.result, [knee])


def test_weights_of_an_own_backbone_bring_it_along(tmp_path: Path) -> None:
    backbone = load_backbone(parse_description(OWN, where="own"), image_channels=1)
    space = SearchSpace(backbone)
    design = space.decode(space.random(np.random.default_rng(0), 1))[0]
    protocol = load_protocol("smoke").model_copy(update={"n_train": 128, "n_validation": 16, "n_recalibration": 128})
    dataset = cached_dataset(DatasetConfig())
    trained = train_design(design, backbone, dataset, protocol, crossbar=CrossbarSpec(), seed=0)
    save_weights(trained, tmp_path / "weights.safetensors")
    network = xe.load_network(tmp_path / "weights.safetensors", CrossbarSpec())
    assert network.network.backbone == backbone
    assert network(torch.zeros(2, 1, 32, 32)).shape == (2, 10)


def test_unknown_formats_and_empty_fronts_are_refused(scene: Scene, begun_scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'json'"):
        export(["jsn"], tmp_path, tmp_path, scene.result, scene.result.front)
    with pytest.raises(UsageError, match="has no front yet"):
        export([*EXPORTS, *NETWORK_EXPORTS], tmp_path, tmp_path, begun_scene.result, [])


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


def test_a_frame_holds_the_front_as_pandas_likes_it(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = xe.load_run(finished)
    frame = run.frame()
    assert frame["id"].tolist() == run.front().id.tolist()
    np.testing.assert_array_equal(frame["edap"].to_numpy(), run.front().edap)
    assert frame["measured"].dtype == np.float64
    assert frame["conv1.column_sharing"].dtype == np.int64
    assert set(frame["conv1.adc_type"]) <= {"sar", "flash"}
    assert "classifier.channel_depth" not in frame
    assert {"predicted_std", "n_test_images"} <= set(frame)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pip install pandas"):
        run.frame()


def test_the_package_names_what_it_offers() -> None:
    assert set(dir(xe)) == {
        *("ImportedBackbone", "Refining", "Run", "backbone_from", "judge", "load_network", "load_run", "pack"),
        *("prune", "refine", "run", "train"),
    }
    with pytest.raises(AttributeError, match="it offers"):
        xe.__getattr__("fly")


def test_nothing_is_written_if_one_format_is_impossible(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=r"--format torch: none of.*--format onnx: none of.*: --format json,csv\.$"):
        export_designs(finished, formats="json,torch,csv,onnx", id_=None, out=out)
    assert not out.exists()
    export_designs(finished, formats="json,neurosim", id_=None, out=out)
    assert f"written to {out}" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} >= {"designs.json", "neurosim"}
    assert not list(out.glob(".export-*"))
    with pytest.raises(UsageError, match="onnx"):
        export_designs(finished, formats="csv,onnx", id_=None, out=out)
    assert (out / "designs.json").exists()
    assert not (out / "designs.csv").exists()
