"""A trained network of any graph as ONNX nodes: crossbar layers with quantised inputs, and digital operations."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from xpert_evo.accuracy.crossbars.digital import DigitalParameters
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork, Step
from xpert_evo.accuracy.crossbars.quantisers import quantise_weights
from xpert_evo.networks.nodes import INPUT, WITH_PARAMETERS, NodeEntry, Op, Shape
from xpert_evo.report.exports.onnx_nodes import Graph, digital_node, parameter_node

_EPSILON = 1e-5  # torch's for batch norm


def add_graph(graph: Graph, network: CrossbarNetwork, images: str, input_shape: Shape) -> None:
    """Adds all nodes of a network; the last one is named scores.

    Args:
        graph: Where nodes are added.
        network: With trained weights.
        images: Name of the input.
        input_shape: Shape of the input, without the batch axis.
    """
    nodes = network.backbone.graph.nodes
    depths = [layer.geometry.out_channels for layer in network.crossbar_layers]
    shapes = network.backbone.graph.shapes(input_shape, depths)
    layers = iter(network.crossbar_layers)
    parameters = {node.name for node in nodes if node.op is Op.PARAMETER}
    names = {INPUT: _as_input(graph, images, input_shape)}
    for node in nodes:
        inputs = [names[name] for name in node.inputs]
        if node.on_crossbars:
            names[node.name] = _layer(graph, node, next(layers), inputs[0], shapes)
        elif node.op in WITH_PARAMETERS:
            module: Any = network.digital[node.name]
            assert isinstance(module, DigitalParameters)
            names[node.name] = parameter_node(graph, node, module, inputs)
        else:
            own = [shapes[name] for name in node.inputs]
            if node.op is Op.CONCATENATE:
                inputs = _for_each_image(graph, node, inputs, parameters)
            names[node.name] = digital_node(graph, node, inputs, own, shapes[node.name])
    graph.node("Flatten", "scores", names[nodes[-1].name], axis=1)


def _as_input(graph: Graph, images: str, input_shape: Shape) -> str:
    """Images as the network reads them: maps, or their pixels in a row, with or without an axis of channels."""
    if len(input_shape) == 3:
        return images
    return graph.node("Reshape", "pixels", images, graph.constant("pixels.shape", np.array([-1, *input_shape])))


def _for_each_image(graph: Graph, node: NodeEntry, inputs: list[str], parameters: set[str]) -> list[str]:
    """Repeats parameters that are joined with activations for each image: zeros from these, plus the parameter."""
    other = next(name for name, source in zip(inputs, node.inputs, strict=True) if source not in parameters)
    result = []
    for name, source in zip(inputs, node.inputs, strict=True):
        if source not in parameters:
            result.append(name)
            continue
        bounds = [graph.constant(f"{source}.{key}", np.array([n])) for key, n in (("from", 0), ("to", 1))]
        axis = graph.constant(f"{source}.along", np.array([node.axes[0] + 1]))
        first = graph.node("Slice", f"{source}.first", other, *bounds, axis)
        nothing = graph.node("Mul", f"{source}.nothing", first, graph.constant(f"{source}.zero", torch.tensor(0.0)))
        result.append(graph.node("Add", f"{source}.repeated", nothing, name))
    return result


def _layer(graph: Graph, node: NodeEntry, layer: CrossbarLayer, inputs: str, shapes: Mapping[str, Shape]) -> str:
    """Quantised input, convolution or linear layer with quantised weights, then the digital step."""
    given, name, g = shapes[node.inputs[0]], node.name, layer.geometry
    top = (1 << g.input_precision) - 1
    to_codes = graph.constant(f"{name}.scale", torch.tensor(top / layer.clip))
    spacing = graph.constant(f"{name}.spacing", torch.tensor(layer.clip / top))
    least = graph.constant(f"{name}.least", torch.tensor(float(-top if g.signed else 0)))
    most = graph.constant(f"{name}.most", torch.tensor(float(top)))
    scaled = graph.node("Mul", f"{name}.scaled", inputs, to_codes)
    codes = graph.node("Round", f"{name}.codes", graph.node("Clip", f"{name}.clipped", scaled, least, most))
    quantised = graph.node("Mul", f"{name}.inputs", codes, spacing)
    weights = quantise_weights(layer.weight, g.crossbar).detach()
    if node.op is Op.LINEAR:
        matrix = graph.constant(f"{name}.weight", weights[:, :, 0, 0].T)
        product = graph.node("MatMul", f"{name}.product", quantised, matrix)
        return _step(graph, name, layer, product, ())
    is_signal = len(given) == 2
    first = 1 if is_signal else 0
    top_pad, left, bottom, right = g.margins
    product = graph.node(
        "Conv",
        f"{name}.product",
        quantised,
        graph.constant(f"{name}.weight", weights[:, :, 0] if is_signal else weights),
        kernel_shape=list(g.kernel[first:]),
        strides=list(g.strides[first:]),
        pads=[left, right] if is_signal else [top_pad, left, bottom, right],
        dilations=list(g.dilation[first:]),
        group=g.groups,
    )
    return _step(graph, name, layer, product, (1,) * (len(given) - 1))


def _step(graph: Graph, name: str, layer: CrossbarLayer, product: str, behind: tuple[int, ...]) -> str:
    """The digital step as a factor and an offset of each output; `behind` are axes of length 1 after them."""
    bias = layer.bias.detach()
    factor = torch.ones_like(bias)
    if layer.step is Step.NORM:
        factor = layer.gain.detach() / (layer.variance + _EPSILON).sqrt()
        bias = bias - layer.mean * factor
    elif layer.step is Step.GAIN:
        factor = layer.gain.detach()
    parts = [np.asarray(part.cpu()).reshape(-1, *behind) for part in (factor, bias)]
    scaled = graph.node("Mul", f"{name}.gained", product, graph.constant(f"{name}.gain", parts[0]))
    return graph.node("Add", name, scaled, graph.constant(f"{name}.offset", parts[1]))
