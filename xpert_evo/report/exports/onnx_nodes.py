"""Digital operations of a network as ONNX nodes of opset 17."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from xpert_evo.accuracy.crossbars.digital import DigitalParameters
from xpert_evo.errors import UsageError
from xpert_evo.networks.nodes import NodeEntry, Op, Shape


class Graph(Protocol):
    """Where nodes and constants are added."""

    def constant(self, name: str, value: Any) -> str:
        """Adds an array and returns its name."""

    def node(self, kind: str, output: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node and returns the name of its output."""


_SIMPLE = {
    Op.ADD: "Add",
    Op.SUBTRACT: "Sub",
    Op.MULTIPLY: "Mul",
    Op.DIVIDE: "Div",
    Op.MAXIMUM: "Max",
    Op.MINIMUM: "Min",
    Op.MATMUL: "MatMul",
    Op.RELU: "Relu",
    Op.HARD_SWISH: "HardSwish",
    Op.SIGMOID: "Sigmoid",
    Op.TANH: "Tanh",
    Op.SOFTPLUS: "Softplus",
    Op.EXP: "Exp",
    Op.LOG: "Log",
    Op.ERF: "Erf",
    Op.SQRT: "Sqrt",
    Op.ABSOLUTE: "Abs",
    Op.RECIPROCAL: "Reciprocal",
}


def digital_node(graph: Graph, node: NodeEntry, inputs: Sequence[str], shapes: Sequence[Shape], shape: Shape) -> str:
    """Adds a digital operation without parameters and returns the name of its output.

    Args:
        graph: Where it is added.
        node: The operation.
        inputs: Names of its inputs.
        shapes: Their shapes, without the batch axis.
        shape: Shape of its output.

    Raises:
        UsageError: The operation has no counterpart.
    """
    if node.op in _SIMPLE:
        names = _with_equal_axes(graph, node, inputs, shapes) if len(inputs) > 1 else inputs
        return graph.node(_SIMPLE[node.op], node.name, *names)
    rule = _RULES.get(node.op)
    if rule is None:
        raise UsageError(f"--format onnx does not support {node.name} ({node.op}); export --format torch.")
    return rule(graph, node, inputs, shape)


def _with_equal_axes(graph: Graph, node: NodeEntry, inputs: Sequence[str], shapes: Sequence[Shape]) -> Sequence[str]:
    """Inserts axes behind the batch axis where inputs have fewer than others."""
    rank = max(map(len, shapes))
    names = []
    for i, (name, own) in enumerate(zip(inputs, shapes, strict=True)):
        if len(own) < rank:
            axes = graph.constant(f"{node.name}.axes{i}", np.arange(1, rank - len(own) + 1))
            name = graph.node("Unsqueeze", f"{node.name}.wide{i}", name, axes)  # noqa: PLW2901
        names.append(name)
    return names


def parameter_node(graph: Graph, node: NodeEntry, module: DigitalParameters, inputs: Sequence[str]) -> str:
    """Adds a norm or a parameter."""
    name = node.name
    if node.op is Op.PARAMETER:
        return graph.constant(name, module.value[None])
    parts = [graph.constant(f"{name}.gain", module.gain), graph.constant(f"{name}.bias", module.bias)]
    if node.op is Op.BATCH_NORM:
        parts += [graph.constant(f"{name}.mean", module.mean), graph.constant(f"{name}.variance", module.variance)]
        return graph.node("BatchNormalization", name, *inputs, *parts, epsilon=node.epsilon)
    if node.op is Op.LAYER_NORM:
        return graph.node("LayerNormalization", name, *inputs, *parts, axis=-len(node.axes), epsilon=node.epsilon)
    raise UsageError(f"--format onnx does not support {name} ({node.op}); export --format torch.")


def _number(graph: Graph, node: NodeEntry, key: str, value: float) -> str:
    return graph.constant(f"{node.name}.{key}", torch.tensor(value))


def _affine(graph: Graph, node: NodeEntry, inputs: Sequence[str], _: Shape) -> str:
    scaled = graph.node("Mul", f"{node.name}.scaled", inputs[0], _number(graph, node, "factor", node.factor))
    return graph.node("Add", node.name, scaled, _number(graph, node, "offset", node.offset))


def _clip(graph: Graph, node: NodeEntry, inputs: Sequence[str], _: Shape) -> str:
    limits = [
        "" if value is None else _number(graph, node, key, value)
        for key, value in (("low", node.low), ("high", node.high))
    ]
    return graph.node("Clip", node.name, inputs[0], *limits)


def _silu(graph: Graph, node: NodeEntry, inputs: Sequence[str], _: Shape) -> str:
    return graph.node("Mul", node.name, inputs[0], graph.node("Sigmoid", f"{node.name}.gate", inputs[0]))


def _gelu(graph: Graph, node: NodeEntry, inputs: Sequence[str], _: Shape) -> str:
    x, name = inputs[0], node.name
    if node.variant == "tanh":
        cube = graph.node("Pow", f"{name}.cube", x, _number(graph, node, "three", 3.0))
        third = graph.node("Mul", f"{name}.third", cube, _number(graph, node, "share", 0.044715))
        inner = graph.node("Add", f"{name}.inner", x, third)
        scaled = graph.node("Mul", f"{name}.scaled", inner, _number(graph, node, "root", float(np.sqrt(2 / np.pi))))
        bent = graph.node("Tanh", f"{name}.bent", scaled)
    else:
        scaled = graph.node("Mul", f"{name}.scaled", x, _number(graph, node, "root", float(np.sqrt(0.5))))
        bent = graph.node("Erf", f"{name}.bent", scaled)
    gate = graph.node("Add", f"{name}.gate", bent, _number(graph, node, "one", 1.0))
    half = graph.node("Mul", f"{name}.half", x, _number(graph, node, "one_half", 0.5))
    return graph.node("Mul", name, half, gate)


def _power(graph: Graph, node: NodeEntry, inputs: Sequence[str], _: Shape) -> str:
    return graph.node("Pow", node.name, inputs[0], _number(graph, node, "exponent", node.factor))


def _pool(kind: str) -> Callable[[Graph, NodeEntry, Sequence[str], Shape], str]:
    def rule(graph: Graph, node: NodeEntry, inputs: Sequence[str], shape: Shape) -> str:
        is_map = len(shape) == 3
        first = 0 if is_map else 1
        top, left, bottom, right = node.padding
        fields: dict[str, Any] = {
            "kernel_shape": list(node.kernel[first:]),
            "strides": list(node.stride[first:]),
            "pads": [top, left, bottom, right] if is_map else [left, right],
            "ceil_mode": int(node.ceil),
        }
        if kind == "AveragePool":
            fields["count_include_pad"] = int(node.counts_padding)
        elif node.dilation != (1, 1):
            fields["dilations"] = list(node.dilation[first:])
        return graph.node(kind, node.name, inputs[0], **fields)

    return rule


def _reduction(kind: str, *, as_input: bool = False) -> Callable[[Graph, NodeEntry, Sequence[str], Shape], str]:
    """A reduction; in opset 17 the axes are an attribute, except those of a sum."""

    def rule(graph: Graph, node: NodeEntry, inputs: Sequence[str], _: Shape) -> str:
        axes = [axis + 1 for axis in node.axes]
        kept = int(node.keep_axes)
        if as_input:
            given = graph.constant(f"{node.name}.axes", np.array(axes))
            return graph.node(kind, node.name, inputs[0], given, keepdims=kept)
        return graph.node(kind, node.name, inputs[0], axes=axes, keepdims=kept)

    return rule


def _reshaped(graph: Graph, node: NodeEntry, inputs: Sequence[str], shape: Shape) -> str:
    return graph.node("Reshape", node.name, inputs[0], graph.constant(f"{node.name}.shape", np.array([-1, *shape])))


def _slice(graph: Graph, node: NodeEntry, inputs: Sequence[str], _: Shape) -> str:
    stop = np.iinfo(np.int64).max if node.stop is None else node.stop
    bounds = {"starts": node.start, "ends": stop, "axes": node.axes[0] + 1, "steps": node.step}
    names = [graph.constant(f"{node.name}.{key}", np.array([value])) for key, value in bounds.items()]
    return graph.node("Slice", node.name, inputs[0], *names)


def _pad(graph: Graph, node: NodeEntry, inputs: Sequence[str], shape: Shape) -> str:
    pads = np.zeros(2 * (len(shape) + 1), dtype=np.int64)
    pads[node.axes[0] + 1], pads[len(shape) + 1 + node.axes[0] + 1] = node.start, node.stop or 0
    return graph.node(
        "Pad",
        node.name,
        inputs[0],
        graph.constant(f"{node.name}.pads", pads),
        _number(graph, node, "value", node.offset),
    )


_RULES: dict[Op, Callable[[Graph, NodeEntry, Sequence[str], Shape], str]] = {
    Op.AFFINE: _affine,
    Op.CLIP: _clip,
    Op.SILU: _silu,
    Op.GELU: _gelu,
    Op.POWER: _power,
    Op.LEAKY_RELU: lambda g, n, i, _: g.node("LeakyRelu", n.name, i[0], alpha=n.factor),
    Op.ELU: lambda g, n, i, _: g.node("Elu", n.name, i[0], alpha=n.factor),
    Op.HARD_SIGMOID: lambda g, n, i, _: g.node("HardSigmoid", n.name, i[0], alpha=n.factor, beta=n.offset),
    Op.SOFTMAX: lambda g, n, i, _: g.node("Softmax", n.name, i[0], axis=n.axes[0] + 1),
    Op.CONCATENATE: lambda g, n, i, _: g.node("Concat", n.name, *i, axis=n.axes[0] + 1),
    Op.MAX_POOL: _pool("MaxPool"),
    Op.AVERAGE_POOL: _pool("AveragePool"),
    Op.MEAN: _reduction("ReduceMean"),
    Op.LARGEST: _reduction("ReduceMax"),
    Op.SUM: _reduction("ReduceSum", as_input=True),
    Op.PERMUTE: lambda g, n, i, _: g.node("Transpose", n.name, i[0], perm=[0, *(axis + 1 for axis in n.order)]),
    Op.SLICE: _slice,
    Op.PAD: _pad,
    **dict.fromkeys((Op.FLATTEN, Op.SPLIT_AXIS, Op.SQUEEZE, Op.UNSQUEEZE), _reshaped),
}
