"""ONNX operators in torch, with inputs as traced tensors and constants as NumPy arrays."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.importing import onnx_layers as layers
from xpert_evo.importing import onnx_shapes as shapes
from xpert_evo.importing.building import ImportFailedError
from xpert_evo.importing.onnx_values import Attributes, Tensor, numbers, tensor


def _reduction(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def rule(a: Attributes, x: Tensor, axes: Any = None) -> Tensor:
        given = a.get("axes") if axes is None else numbers(axes, "axes")
        chosen = list(range(x.ndim)) if given is None else list(given)
        return function(x, chosen, keepdim=bool(a.get("keepdims", 1)))

    return rule


def _clip(a: Attributes, x: Tensor, low: Any = None, high: Any = None) -> Tensor:
    least = a.get("min") if low is None else float(np.asarray(low).item())
    most = a.get("max") if high is None else float(np.asarray(high).item())
    return torch.clamp(x, least, most)


def _softmax(a: Attributes, x: Tensor) -> Tensor:
    if a.opset >= 13:
        return F.softmax(x, a.get("axis", -1))
    axis = a.get("axis", 1) % x.ndim
    if all(n == 1 for n in x.shape[axis + 1 :]):
        return F.softmax(x, axis)
    return F.softmax(x.flatten(axis), axis).reshape(x.shape)


def _prelu(_: Attributes, x: Tensor, slope: Any) -> Tensor:
    steep = tensor(slope)
    return torch.clamp_min(x, 0) + steep * torch.clamp(x, None, 0.0)


def _of_many(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda _, *given: reduce(function, map(tensor, given))


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def rule(a: Attributes, first: Any, second: Any) -> Tensor:
        one, other = tensor(first), tensor(second)
        if a.get("broadcast", 0) and a.opset < 7:
            axis = a.get("axis", one.ndim - other.ndim)
            other = other.reshape(*other.shape, *(1,) * (one.ndim - axis - other.ndim))
        return function(one, other)

    return rule


def _unary(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda _, x: function(x)


def _cast(a: Attributes, x: Tensor) -> Tensor:
    if a.get("to") not in {1, 10, 11, 16}:
        raise ImportFailedError("converts activations to integers or Booleans")
    return x


def _hard_swish(_: Attributes, x: Tensor) -> Tensor:
    return F.hardswish(x)


RULES: dict[str, Callable[..., Any]] = {
    "Conv": layers.convolution,
    "Gemm": layers.product,
    "MatMul": lambda _, x, y: torch.matmul(tensor(x), tensor(y)),
    "BatchNormalization": layers.batch_norm,
    "InstanceNormalization": layers.instance_norm,
    "LayerNormalization": layers.layer_norm,
    "LRN": layers.local_response_norm,
    "MaxPool": layers.max_pool,
    "AveragePool": layers.average_pool,
    "GlobalAveragePool": layers.global_pool("mean"),
    "GlobalMaxPool": layers.global_pool("largest"),
    "ReduceMean": _reduction(torch.mean),
    "ReduceSum": _reduction(torch.sum),
    "ReduceMax": _reduction(torch.amax),
    "Relu": _unary(F.relu),
    "LeakyRelu": lambda a, x: F.leaky_relu(x, a.get("alpha", 0.01)),
    "PRelu": _prelu,
    "Elu": lambda a, x: F.elu(x, a.get("alpha", 1.0)),
    "Clip": _clip,
    "HardSigmoid": lambda a, x: torch.clamp(x * a.get("alpha", 0.2) + a.get("beta", 0.5), 0.0, 1.0),
    "HardSwish": _hard_swish,
    "Sigmoid": _unary(torch.sigmoid),
    "Tanh": _unary(torch.tanh),
    "Gelu": lambda a, x: F.gelu(x, approximate=a.get("approximate", "none")),
    "Mish": _unary(F.mish),
    "Softplus": _unary(F.softplus),
    "Exp": _unary(torch.exp),
    "Log": _unary(torch.log),
    "Erf": _unary(torch.erf),
    "Sqrt": _unary(torch.sqrt),
    "Abs": _unary(torch.abs),
    "Neg": _unary(torch.neg),
    "Reciprocal": _unary(torch.reciprocal),
    "Softmax": _softmax,
    "LogSoftmax": lambda a, x: torch.log(_softmax(a, x)),
    "Add": _binary(torch.add),
    "Sub": _binary(torch.sub),
    "Mul": _binary(torch.mul),
    "Div": _binary(torch.div),
    "Pow": lambda _, x, y: torch.pow(x, y if isinstance(y, Tensor) else float(np.asarray(y).item())),
    "Max": _of_many(torch.maximum),
    "Min": _of_many(torch.minimum),
    "Sum": _of_many(torch.add),
    "Concat": lambda a, *given: torch.cat([tensor(x) for x in given], a.get("axis", 1)),
    "Split": shapes.split,
    "Slice": shapes.slice_of,
    "Gather": shapes.gather,
    "Reshape": shapes.reshape,
    "Flatten": shapes.flatten,
    "Squeeze": shapes.squeeze,
    "Unsqueeze": shapes.unsqueeze,
    "Transpose": lambda a, x: x.permute(list(a.get("perm", reversed(range(x.ndim))))),
    "Expand": shapes.expand,
    "Pad": shapes.pad,
    "Resize": shapes.resize,
    "Upsample": shapes.resize,
    "Shape": shapes.shape_of,
    "Cast": _cast,
    "Identity": lambda _, x: x,
    "Dropout": lambda _, x, *__: x,
}
"""Operators by name; those on constants alone need no rule."""
