"""A newcomer's networks through the command line: import, search, train from their weights, judge and export."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from hw_models import CrossbarSpec
from tests.command_line import call
from tests.importing.test_modules import imported_case, on_crossbars
from tests.small_runs import SMOKE_SEARCH
from xpert_evo.accuracy.crossbars.input_ranges import set_input_ranges
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.training.protocols import PROTOCOLS, TrainingProtocol
from xpert_evo.accuracy.training.weights import find_weights, load_network, read_start
from xpert_evo.design import load_designs
from xpert_evo.errors import ConfigError, XpertEvoError
from xpert_evo.importing.building import ImportFailedError
from xpert_evo.importing.imported import import_module
from xpert_evo.report.exports.onnx_file import write_onnx

TINY = TrainingProtocol(
    name="tiny-native", epochs=1, n_train=64, n_validation=32, n_recalibration=64, batch_size=32, n_threads=1
)
SETTINGS = {
    "search": {**SMOKE_SEARCH["search"], "generations": 1, "population_size": 4, "offspring_size": 2},
    "training": {**SMOKE_SEARCH["training"], "first_designs": 4, "designs_per_round": 2, "finalists": 1},
}
FACTORIES = """
import torch
from torch import nn
from tests.importing import modules

def resnet():
    torch.manual_seed(0)
    return modules.resnet18(4, 10, 1)

def mobile():
    torch.manual_seed(0)
    return modules.mobilenet(n_channels=1)

def keywords():
    torch.manual_seed(0)
    return modules.ds_cnn(8, 10)

def perceptron():
    torch.manual_seed(0)
    return modules.mlp(32 * 32)

class Tempered(nn.Module):
    def __init__(self):
        super().__init__()
        self.scores, self.factor = nn.Linear(1024, 10), nn.Linear(1024, 1)

    def forward(self, x):
        return self.scores(x.flatten(1)) * self.factor(x.flatten(1)).sigmoid()
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(PROTOCOLS, "tiny-native", TINY)
    (tmp_path / "nets.py").write_text(FACTORIES)
    return tmp_path


@pytest.mark.parametrize("name", ["resnet", "mobile", "keywords", "perceptron"])
def test_a_network_is_imported_searched_trained_judged_and_exported(
    name: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("import", f"nets.py:{name}", "--input", "1,32,32")
    assert "on crossbars" in capsys.readouterr().out
    backbone = ("--set", f"space.backbone={name}.toml")
    changes = [f"{table}.{key}={value}" for table, values in SETTINGS.items() for key, value in values.items()]
    call("run", *backbone, *(word for change in changes for word in ("--set", change)), "--out", "runs/search")
    assert json.loads(Path("runs/search/front.json").read_text())[0]["design"]["backbone"].startswith(f"{name}-")
    call("evaluate", f"{name}.json", *backbone)
    trained = ("--protocol", "tiny-native", "--no-judge", "--out", "runs/search/trained")
    call("train", f"{name}.json", *backbone, *trained, "--start-from", f"{name}.safetensors")
    start = json.loads(Path("runs/search/trained/result.json").read_text())["started_from"]
    assert 0 <= start["quantised_accuracy"] <= 1
    assert 0 <= start["float_accuracy"] <= 1
    capsys.readouterr()
    call("judge", "runs/search/trained", "--images", "8")
    told = capsys.readouterr().out
    assert "in floats" in told
    assert "exact crossbar emulation" in told
    call("show", "runs/search")
    if name == "perceptron":  # the quickest of them
        check_refinement(backbone)
    check_export(backbone, capsys)


def check_refinement(backbone: tuple[str, ...]) -> None:
    """The trained network gets other peripherals, with the layers of the import."""
    few = (
        "--images",
        "20",
        "--judged",
        "20",
        "--rounds",
        "1",
        "--pairs",
        "0",
        "--set",
        "space.input_precision=[4,6,8]",
    )
    call("refine", "runs/search/trained", *backbone, *few, "--out", "runs/refined")
    trained = json.loads(Path("runs/search/trained/result.json").read_text())["design"]
    front = json.loads(Path("runs/refined/front.json").read_text())
    assert front
    for one in front:
        assert one["design"]["backbone"] == trained["backbone"]
        assert [layer["name"] for layer in one["design"]["layers"]] == [layer["name"] for layer in trained["layers"]]
        load_network(Path("runs/refined") / one["weights"])


def check_export(backbone: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The run's knee is trained, and exported as a model that computes the same scores."""
    capsys.readouterr()
    call("show", "runs/search", "--knee", "--json")
    Path("knee.json").write_text(capsys.readouterr().out)
    call("train", "knee.json", *backbone, "--protocol", "tiny-native", "--no-judge", "--out", "runs/knee")
    (design,) = load_designs(Path("knee.json"))
    call("export", "runs/search", "--format", "json,csv,torch,onnx", "--id", design.digest)
    folder = Path("runs/search/export")
    trained, exported = (
        load_network(Path(path)) for path in ("runs/knee", folder / "torch" / f"{design.digest}.safetensors")
    )
    images = torch.rand(16, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = trained(images).numpy()
        assert np.array_equal(exported(images).numpy(), wanted)
    session = onnxruntime.InferenceSession(folder / "onnx" / f"{design.digest}.onnx")
    (found,) = session.run(None, {"images": images.numpy()})
    assert found.shape == (16, 10)
    # A sum next to a rounding boundary may fall on its other side, and moves all scores of that image.
    error = np.abs(found - wanted).max(axis=1) / np.abs(wanted).max()
    assert np.mean(error < 1e-2) >= 0.75
    assert error.max() < 0.2


def test_a_network_whose_classifier_is_not_its_last_layer_is_trained_and_judged(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("import", "nets.py:Tempered", "--input", "1,32,32")
    own = ("--set", "space.backbone=Tempered.toml", "--protocol", "tiny-native", "--no-judge", "--out", "trained")
    call("train", "Tempered.json", *own)
    found = find_weights(Path("trained/weights.safetensors"))
    assert found is not None
    assert (found.n_classes, found.image_channels) == (10, 1)
    capsys.readouterr()
    call("judge", "trained", "--images", "8", "--ideal")
    told = " ".join(capsys.readouterr().out.split())
    assert re.search(r": \d+\.\d\d % \(\d+ to \d+ %\) of 8 images", told), "both ends of an exact interval"


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14, 5)), (2, 16)),
        (nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 5)), (16,)),
    ],
)
def test_an_onnx_export_of_signals_and_values_reads_images(
    module: nn.Module, shape: tuple[int, ...], tmp_path: Path
) -> None:
    built = on_crossbars(import_module(module, torch.rand(2, *shape)), CrossbarSpec())
    backbone, path = built.backbone, tmp_path / "net.onnx"
    images = torch.rand(4, *shape, generator=torch.Generator().manual_seed(3))
    images = images.reshape(4, backbone.image_channels, *backbone.image_size)
    set_input_ranges(built, images)
    write_onnx(path, built, backbone.image_size, {})
    with torch.no_grad():
        wanted = built(images, CrossbarLayer.product).numpy()
    (found,) = onnxruntime.InferenceSession(path).run(None, {"images": images.numpy()})
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * float(np.abs(wanted).max()))


def test_an_onnx_export_of_a_graph_computes_the_network(tmp_path: Path) -> None:
    for name in ("mobilenet", "dense", "mlp", "vit"):
        _, network, shape = imported_case(name)
        built = on_crossbars(network, CrossbarSpec())
        images = torch.rand(4, *shape, generator=torch.Generator().manual_seed(3))
        set_input_ranges(built, images)
        path = tmp_path / "net.onnx"
        write_onnx(path, built, built.backbone.image_size, {})
        session = onnxruntime.InferenceSession(path)
        with torch.no_grad():
            wanted = built(images, CrossbarLayer.product).numpy()
        (found,) = session.run(None, {"images": images.numpy()})
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * float(np.abs(wanted).max()))


def test_an_onnx_model_is_imported_with_its_input_and_weights(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # SqueezeNet, which the package onnx brings for tests of its own.
    model = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / "light_squeezenet.onnx"
    call("import", str(model), "--name", "squeezenet")
    told = capsys.readouterr().out
    assert "26 layers on crossbars" in told
    assert "input of 3 x 224 x 224, 1,000 outputs" in told, "of maps of one pixel"
    (design,) = load_designs(Path("squeezenet.json"))
    assert [layer.channel_depth for layer in design.layers][:4] == [64, 16, 64, 64]
    assert read_start(Path("squeezenet.safetensors")).is_imported


def test_the_output_that_is_used_of_several_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shapes = {"aux": (8, 6), "logits": (8, 4)}
    rng = np.random.default_rng(0)
    weights = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", f"{name}_w"], [name]) for name in shapes],
        "two",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 8])],
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in shapes],
        [onnx.numpy_helper.from_array(own, f"{name}_w") for name, own in weights.items()],
    )
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8), "two.onnx")
    call("import", "two.onnx")
    told = capsys.readouterr().out
    assert "the network has 2 outputs (aux, logits); only logits is used" in told
    assert "input of 8, 4 outputs" in told


def test_an_operator_that_is_not_supported_ends_the_import_before_anything_is_written(here: Path) -> None:
    Path("nets.py").write_text("from torch import nn\ndef up():\n    return nn.ConvTranspose2d(3, 3, 2)\n")
    with pytest.raises(ImportFailedError, match="transposed convolution"):
        call("import", "nets.py:up", "--input", "3,8,8")
    assert not Path("up.toml").exists()
    for source, words in (
        ("nets.py:down", "nets.py has no function down; it has up."),
        ("none.py:up", "none.py does not exist."),
        ("none.onnx", "none.onnx does not exist."),
    ):
        with pytest.raises(XpertEvoError) as failure:
            call("import", source, "--input", "3,8,8")
        assert str(failure.value) == words


def test_a_mask_ends_the_import_in_one_sentence(here: Path) -> None:
    Path("nets.py").write_text(
        "import torch\nfrom torch import nn\n"
        "class Masked(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer = nn.TransformerEncoderLayer(8, 2, 8, batch_first=True)\n"
        "    def forward(self, x):\n"
        "        return self.layer(x, nn.Transformer.generate_square_subsequent_mask(5)).mean(1)\n"
    )
    with pytest.raises(ImportFailedError) as failure:
        call("import", "nets.py:Masked", "--input", "5,8")
    told = "the attention layer.self_attn is given a mask; only attention without a mask is supported"
    assert str(failure.value).removesuffix(".") == told
    assert not Path("Masked.toml").exists()


def test_depth_choices_of_a_node_that_cannot_choose_are_refused_by_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text(
        'name = "own"\ninput = [1, 32, 32]\n'
        'nodes = [\n  { name = "stem", op = "convolution", inputs = ["input"], depth = 8 },\n'
        '  { name = "pooled", op = "mean", inputs = ["stem"], axes = [1, 2], depth_choices = [4, 8] },\n'
        '  { name = "classifier", op = "linear", inputs = ["pooled"], depth = 10 },\n]\n'
    )
    with pytest.raises(ConfigError, match=r"depth_choices of node pooled: only convolutions and linear layers have"):
        call("run", "--set", "space.backbone=own.toml", "--dry-run")
