"""A trained network as an ONNX model: quantised inputs and weights, perfect ADCs, nothing of this program in it.

The graph is put together node by node with the package `onnx` (an extra). torch's own exporter would trace the network
through a second package for the same dozen kinds of nodes; it takes many seconds and warns of its own code.
"""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork
from xpert_evo.accuracy.crossbars.quantisers import quantise_weights
from xpert_evo.backbones import LayerKind
from xpert_evo.errors import UsageError
from xpert_evo.files import write_atomically
from xpert_evo.image_sources import ImageSize, size_text
from xpert_evo.report.exports.onnx_graph import add_graph

_OPSET, _IR_VERSION = 17, 9  # what runtimes of several years read
_EPSILON = 1e-5  # torch's for batch norm


class GraphBuilder:
    """Collects nodes and constants of a graph; names are made from the layer's."""

    def __init__(self, onnx: ModuleType) -> None:
        self._onnx: Any = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: torch.Tensor | NDArray[Any] | float) -> str:
        """Adds an array; floats become 32-bit ones."""
        array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        stored = array.astype(np.float32) if array.dtype.kind == "f" else array
        self.constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(stored), name))
        return name

    def node(self, kind: str, output: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node and returns the name of its output."""
        self.nodes.append(self._onnx.helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output


def write_onnx(path: Path, network: CrossbarNetwork, image_size: ImageSize, metadata: Mapping[str, object]) -> None:
    """Writes a network in evaluation mode as ONNX, whole or not at all.

    The model takes `images` (n, channels, height, width) in [0, 1], of the backbone's size, and gives `scores`
    (n, classes).

    Args:
        path: The file.
        network: With trained weights.
        image_size: Size that the training averaged images down to; the model does so, too.
        metadata: Kept in the model as JSON by name.

    Raises:
        UsageError: The package onnx is not installed.
    """
    onnx = load_onnx()
    graph = GraphBuilder(onnx)
    _network(graph, network, image_size)
    backbone, tensor = network.backbone, onnx.helper.make_tensor_value_info
    floats = onnx.TensorProto.FLOAT
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            backbone.name,
            [tensor("images", floats, ["n", backbone.image_channels, *backbone.image_size])],
            [tensor("scores", floats, ["n", backbone.n_classes])],
            graph.constants,
        ),
        producer_name="xpert-evo",
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    onnx.helper.set_model_props(model, {name: json.dumps(value) for name, value in metadata.items()})
    content = model.SerializeToString()
    write_atomically(path, lambda stream: stream.write(content))


def load_onnx() -> Any:
    """The package onnx; raises UsageError where it is not installed."""
    try:
        return importlib.import_module("onnx")
    except ImportError:
        raise UsageError(
            "--format onnx needs the package onnx: `pip install 'xpert-evo[onnx]'`, or export --format torch."
        ) from None


def _network(graph: GraphBuilder, network: CrossbarNetwork, image_size: ImageSize) -> None:
    """All layers as `CrossbarNetwork.forward` joins them with perfect ADCs."""
    backbone = network.backbone
    images = "images"
    if image_size != backbone.image_size:
        images = _downsampled(graph, images, backbone.image_size, image_size)
    if backbone.chain is None:
        add_graph(graph, network, images, backbone.scaled_input(image_size))
        return
    sizes = backbone.output_sizes(image_size)
    passed_on: list[str] = []
    last = len(backbone.layers) - 1
    columns = zip(backbone.chain_layers, backbone.sources, network.crossbar_layers, sizes, strict=True)
    for i, (spec, source, layer, size) in enumerate(columns):
        name, inputs = spec.name, images if source is None else passed_on[source]
        if spec.kind is LayerKind.LINEAR:
            inputs = graph.node("GlobalAveragePool", f"{name}.mean", graph.node("Relu", f"{name}.rectified", inputs))
        outputs = _layer(graph, name, layer, inputs)
        if spec.adds is not None:
            shortcut = graph.node("Relu", f"{name}.shortcut", passed_on[backbone.index(spec.adds)])
            outputs = graph.node("Add", f"{name}.sum", outputs, shortcut)
        if spec.pool and max(size) > 1:
            window = [2 if n > 1 else 1 for n in size]
            outputs = graph.node("MaxPool", f"{name}.pooled", outputs, kernel_shape=window, strides=window)
        if i == last:
            graph.node("Flatten", "scores", outputs, axis=1)
        passed_on.append(outputs)


def _downsampled(graph: GraphBuilder, images: str, size: ImageSize, wanted: ImageSize) -> str:
    """Averages images; raises UsageError if pixels do not form equal blocks, which ONNX cannot average."""
    if any(n % new for n, new in zip(size, wanted, strict=True)):
        raise UsageError(
            f"--format onnx cannot average images of {size_text(size)} to {size_text(wanted)} pixels as the training "
            "did; use --format torch."
        )
    factors = [n // new for n, new in zip(size, wanted, strict=True)]
    return graph.node("AveragePool", "small", images, kernel_shape=factors, strides=factors)


def _layer(graph: GraphBuilder, name: str, layer: CrossbarLayer, inputs: str) -> str:
    """Quantised input, convolution with quantised weights, then batch norm or bias."""
    g, top = layer.geometry, (1 << layer.geometry.input_precision) - 1
    to_codes = graph.constant(f"{name}.scale", top / layer.clip)
    spacing = graph.constant(f"{name}.spacing", layer.clip / top)
    least, most = graph.constant(f"{name}.least", 0.0), graph.constant(f"{name}.most", float(top))
    scaled = graph.node("Mul", f"{name}.scaled", inputs, to_codes)
    codes = graph.node("Round", f"{name}.codes", graph.node("Clip", f"{name}.clipped", scaled, least, most))
    quantised = graph.node("Mul", f"{name}.inputs", codes, spacing)
    padding = g.kernel_size // 2
    product = graph.node(
        "Conv",
        f"{name}.product",
        quantised,
        graph.constant(f"{name}.weight", quantise_weights(layer.weight, g.crossbar)),
        kernel_shape=[g.kernel_size] * 2,
        strides=[g.stride] * 2,
        pads=[padding] * 4,
    )
    if not layer.normalised:
        return graph.node("Add", f"{name}.biased", product, graph.constant(f"{name}.bias", layer.bias[:, None, None]))
    parts = {"gain": layer.gain, "shift": layer.bias, "mean": layer.mean, "variance": layer.variance}
    names = [graph.constant(f"{name}.{key}", value) for key, value in parts.items()]
    return graph.node("BatchNormalization", f"{name}.normalised", product, *names, epsilon=_EPSILON)
