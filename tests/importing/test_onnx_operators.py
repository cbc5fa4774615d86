"""Single operators of ONNX: imported, they compute what ONNX Runtime computes, or are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from hw_models import CrossbarSpec
from tests.importing.test_modules import on_crossbars
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.importing.building import ImportFailedError
from xpert_evo.importing.imported import import_module
from xpert_evo.importing.onnx_model import load_model

SHAPE = (3, 6, 5)


def _saved(path: Path, node: Any, opset: int, scales: tuple[float, ...]) -> None:
    """A model of a convolution, which gives h, a node that gives m, and a flattening."""
    weights = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["h"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["h"], ["r"]),
        node,
        helper.make_node("Flatten", ["m"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *SHAPE])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(weights, "w"),
            numpy_helper.from_array(np.array(scales, np.float32), "s"),
            numpy_helper.from_array(np.array([-3, -1]), "from_the_end"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)


def _resize(how: str, rounding: str) -> Any:
    return helper.make_node(
        "Resize",
        ["h", "", "s"],
        ["m"],
        name="grow",
        mode="nearest",
        coordinate_transformation_mode=how,
        nearest_mode=rounding,
    )


@pytest.mark.parametrize(
    ("node", "opset", "factor"),
    [
        (_resize("asymmetric", "floor"), 13, 3),
        (_resize("asymmetric", "round_prefer_floor"), 13, 2),
        (_resize("half_pixel", "round_prefer_floor"), 13, 4),
        (_resize("half_pixel", "round_prefer_ceil"), 13, 3),
        (helper.make_node("Resize", ["h", "s"], ["m"], mode="nearest"), 10, 3),
        (helper.make_node("Max", ["h", "r", "h"], ["m"]), 13, 1),
        (helper.make_node("Min", ["h"], ["m"]), 13, 1),
        (helper.make_node("Gather", ["h", "from_the_end"], ["m"], axis=1), 13, 1),
    ],
)
def test_an_operator_computes_what_onnx_runtime_computes(tmp_path: Path, node: Any, opset: int, factor: int) -> None:
    path, images = tmp_path / "one.onnx", torch.rand(1, *SHAPE, generator=torch.Generator().manual_seed(1))
    _saved(path, node, opset, (1, 1, factor, factor))
    module, _ = load_model(path)
    built = on_crossbars(import_module(module, images), CrossbarSpec())
    (wanted,) = onnxruntime.InferenceSession(path).run(None, {"x": images.numpy()})
    with torch.no_grad():
        found = built(images, CrossbarLayer.float_product).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("node", "opset", "words"),
    [
        (_resize("half_pixel", "floor"), 13, "^Resize in grow resizes with coordinates 'half_pixel' and rounding 'fl"),
        (_resize("asymmetric", "ceil"), 13, "coordinates 'asymmetric' and rounding 'ceil'; only enlargements"),
        (_resize("asymmetric", "round_prefer_floor"), 13, "rounding 'round_prefer_floor'"),
        (helper.make_node("Resize", ["h", "s"], ["m"], mode="linear"), 10, "'linear' with coordinates 'asymmetric'"),
        (helper.make_node("Upsample", ["h", "s"], ["m"], mode="linear"), 9, "'linear' with coordinates 'asymmetric'"),
        (helper.make_node("Resize", ["h", "", "s"], ["m"], axes=[2, 3]), 18, "^Resize in m resizes named axes.$"),
        (
            helper.make_node("AveragePool", ["h"], ["m"], kernel_shape=[2, 2], dilations=[2, 2]),
            19,
            "AveragePool in m averages over pixels that are not neighbours",
        ),
    ],
)
def test_what_would_compute_something_else_is_refused(tmp_path: Path, node: Any, opset: int, words: str) -> None:
    path = tmp_path / "one.onnx"
    _saved(path, node, opset, (1, 1, 3, 3))
    module, _ = load_model(path)
    with pytest.raises(ImportFailedError, match=words):
        import_module(module, torch.rand(1, *SHAPE))
