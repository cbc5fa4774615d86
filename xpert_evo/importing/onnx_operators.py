"""ONNX operators in torch, with inputs as traced tensors and constants as NumPy arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.importing.building import ImportFailedError

Tensor = torch.Tensor


@dataclass(frozen=True, slots=True)
class Attributes:
    """Attributes of a node.

    Attributes:
        values: Values by name.
        opset: Version of the operators.
        n_outputs: Outputs of the node.
    """

    values: Mapping[str, Any]
    opset: int
    n_outputs: int

    def get(self, name: str, default: Any = None) -> Any:
        """Returns an attribute, or the default."""
        return self.values.get(name, default)


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.from_numpy(np.ascontiguousarray(value))


def _numbers(value: Any, what: str) -> list[int]:
    if isinstance(value, Tensor):
        raise ImportFailedError(f"has {what} that depend on the input")
    return [int(n) for n in np.asarray(value).ravel()]


def _optional(given: Sequence[Any], position: int) -> Any:
    return given[position] if len(given) > position else None


def _pads(a: Attributes, x: Tensor, kernel: Sequence[int]) -> list[int]:
    """Padding at the begins and ends of the axes of a map, as in ONNX."""
    n = len(kernel)
    mode = a.get("auto_pad", "NOTSET")
    if mode in {"NOTSET", "VALID"}:
        return list(a.get("pads", [0] * 2 * n)) if mode == "NOTSET" else [0] * 2 * n
    strides, dilations = a.get("strides", [1] * n), a.get("dilations", [1] * n)
    begins, ends = [], []
    for size, k, s, d in zip(x.shape[2:], kernel, strides, dilations, strict=True):
        total = max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size)
        less = total // 2
        begins.append(less if mode == "SAME_UPPER" else total - less)
        ends.append(total - less if mode == "SAME_UPPER" else less)
    return begins + ends


def _padded(x: Tensor, pads: Sequence[int], value: float = 0.0) -> Tensor:
    n = len(pads) // 2
    amounts = [amount for i in reversed(range(n)) for amount in (pads[i], pads[i + n])]
    return F.pad(x, amounts, value=value) if any(amounts) else x


def _conv(a: Attributes, x: Tensor, weight: Any, bias: Any = None) -> Tensor:
    w = _tensor(weight)
    n = w.ndim - 2
    if n not in {1, 2}:
        raise ImportFailedError(f"is a convolution in {n} dimensions; one or two are supported")
    pads = _pads(a, x, w.shape[2:])
    padding: Any = pads[:n]
    if pads[:n] != pads[n:]:
        x, padding = _padded(x, pads), 0
    convolve = F.conv2d if n == 2 else F.conv1d
    b = None if bias is None else _tensor(bias)
    return convolve(x, w, b, a.get("strides", 1), padding, a.get("dilations", 1), a.get("group", 1))


def _gemm(a: Attributes, x: Any, weight: Any, bias: Any = None) -> Tensor:
    first, second = _tensor(x), _tensor(weight)
    first = first.T if a.get("transA", 0) else first
    second = second if a.get("transB", 0) else second.T
    alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
    result = F.linear(first, second if alpha == 1 else alpha * second)
    return result if bias is None else result + (_tensor(bias) if beta == 1 else beta * _tensor(bias))


def _batch_norm(a: Attributes, x: Tensor, *given: Any) -> Tensor:
    gain, bias, mean, variance = map(_tensor, given)
    return F.batch_norm(x, mean, variance, gain, bias, False, 0.0, a.get("epsilon", 1e-5))


def _instance_norm(a: Attributes, x: Tensor, gain: Any, bias: Any) -> Tensor:
    return F.instance_norm(x, weight=_tensor(gain), bias=_tensor(bias), eps=a.get("epsilon", 1e-5))


def _layer_norm(a: Attributes, x: Tensor, gain: Any, bias: Any = None) -> Tensor:
    axis = a.get("axis", -1)
    shape = tuple(x.shape[axis:])
    own = None if bias is None else _tensor(bias).expand(shape)
    return F.layer_norm(x, shape, _tensor(gain).expand(shape), own, a.get("epsilon", 1e-5))


def _lrn(a: Attributes, x: Tensor) -> Tensor:
    return F.local_response_norm(x, a.get("size"), a.get("alpha", 1e-4), a.get("beta", 0.75), a.get("bias", 1.0))


def _max_pool(a: Attributes, x: Tensor) -> Tensor:
    kernel = list(a.get("kernel_shape"))
    n, pads = len(kernel), _pads(a, x, kernel)
    padding: Any = pads[:n]
    if pads[:n] != pads[n:] or any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        x, padding = _padded(x, pads, -3e38), 0
    pool = F.max_pool2d if n == 2 else F.max_pool1d
    return pool(x, kernel, a.get("strides", [1] * n), padding, a.get("dilations", [1] * n), bool(a.get("ceil_mode", 0)))


def _average_pool(a: Attributes, x: Tensor) -> Tensor:
    kernel = list(a.get("kernel_shape"))
    n, pads, counts = len(kernel), _pads(a, x, kernel), bool(a.get("count_include_pad", 0))
    padding: Any = pads[:n]
    if pads[:n] != pads[n:]:
        if not counts:
            return _uneven_average(a, x, kernel, pads)
        x, padding = _padded(x, pads), 0
    pool = F.avg_pool2d if n == 2 else F.avg_pool1d
    return pool(x, kernel, a.get("strides", [1] * n), padding, bool(a.get("ceil_mode", 0)), counts)


def _uneven_average(a: Attributes, x: Tensor, kernel: Sequence[int], pads: Sequence[int]) -> Tensor:
    """Average without the padding, which differs between both ends: a sum divided by the number of pixels."""
    pool = F.avg_pool2d if len(kernel) == 2 else F.avg_pool1d
    strides = a.get("strides", [1] * len(kernel))
    ones = torch.ones(1, 1, *x.shape[2:])
    share = pool(_padded(ones, pads), list(kernel), strides)
    return pool(_padded(x, pads), list(kernel), strides) * (1 / share)


def _global(reduce: str) -> Callable[..., Tensor]:
    def rule(_: Attributes, x: Tensor) -> Tensor:
        axes = list(range(2, x.ndim))
        return x.mean(axes, keepdim=True) if reduce == "mean" else torch.amax(x, axes, keepdim=True)

    return rule


def _reduction(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def rule(a: Attributes, x: Tensor, axes: Any = None) -> Tensor:
        given = a.get("axes") if axes is None else _numbers(axes, "axes")
        chosen = list(range(x.ndim)) if given is None else list(given)
        return function(x, chosen, keepdim=bool(a.get("keepdims", 1)))

    return rule


def _clip(a: Attributes, x: Tensor, low: Any = None, high: Any = None) -> Tensor:
    least = a.get("min") if low is None else float(np.asarray(low).item())
    most = a.get("max") if high is None else float(np.asarray(high).item())
    return torch.clamp(x, least, most)


def _reshape(a: Attributes, x: Tensor, shape: Any = None) -> Tensor:
    wanted = list(a.get("shape") or []) if shape is None else _numbers(shape, "a shape")
    if not a.get("allowzero", 0):
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    return x.reshape(wanted)


def _flatten(a: Attributes, x: Tensor) -> Tensor:
    axis = a.get("axis", 1) % (x.ndim + 1)
    return x.reshape(int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:])))


def _squeeze(a: Attributes, x: Tensor, axes: Any = None) -> Tensor:
    given = a.get("axes") if axes is None else _numbers(axes, "axes")
    return x.squeeze() if given is None else x.squeeze(tuple(given))


def _unsqueeze(a: Attributes, x: Tensor, axes: Any = None) -> Tensor:
    given = list(a.get("axes") if axes is None else _numbers(axes, "axes"))
    for axis in sorted(n % (x.ndim + len(given)) for n in given):
        x = x.unsqueeze(axis)
    return x


def _slice(a: Attributes, x: Tensor, *given: Any) -> Tensor:
    starts, ends, axes, steps = ([*given, None, None, None, None])[:4]
    first = list(a.get("starts")) if starts is None else _numbers(starts, "starts")
    last = list(a.get("ends")) if ends is None else _numbers(ends, "ends")
    along = a.get("axes") if axes is None else _numbers(axes, "axes")
    step = [1] * len(first) if steps is None else _numbers(steps, "steps")
    index = [slice(None)] * x.ndim
    for axis, start, stop, stride in zip(along or range(len(first)), first, last, step, strict=True):
        if stride < 0:
            raise ImportFailedError("slices backwards")
        index[axis] = slice(*slice(start, stop, stride).indices(x.shape[axis]))
    return x[tuple(index)]


def _split(a: Attributes, x: Tensor, sizes: Any = None) -> tuple[Tensor, ...]:
    axis = a.get("axis", 0)
    given = a.get("split") if sizes is None else _numbers(sizes, "sizes")
    if given is None:
        n = a.get("num_outputs", a.n_outputs)
        return torch.split(x, -(-x.shape[axis] // n), axis)
    return torch.split(x, list(given), axis)


def _gather(a: Attributes, x: Any, index: Any) -> Tensor:
    if isinstance(index, Tensor):
        raise ImportFailedError("looks up values at positions that depend on the input")
    axis, rows = a.get("axis", 0), np.asarray(index)
    if rows.ndim == 0:
        return _tensor(x).select(axis, int(rows))
    steps = np.diff(rows)
    if rows.ndim != 1 or (len(steps) and (steps != steps[0]).any()) or (len(steps) and steps[0] < 1):
        raise ImportFailedError("gathers positions that are not evenly spaced")
    step = int(steps[0]) if len(steps) else 1
    place = [slice(None)] * _tensor(x).ndim
    place[axis] = slice(int(rows[0]), int(rows[-1]) + 1, step)
    return _tensor(x)[tuple(place)]


def _pad(a: Attributes, x: Tensor, pads: Any = None, value: Any = None, axes: Any = None) -> Tensor:
    if a.get("mode", "constant") != "constant":
        raise ImportFailedError(f"pads in the mode '{a.get('mode')}'; only constants are supported")
    amounts = list(a.get("pads", a.get("paddings"))) if pads is None else _numbers(pads, "padding")
    if axes is not None:
        raise ImportFailedError("pads named axes")
    return _padded(x, amounts, a.get("value", 0.0) if value is None else float(np.asarray(value).item()))


def _resize(a: Attributes, x: Tensor, *given: Any) -> Tensor:
    if len(given) == 1:
        scales, sizes = given[0], None
    else:
        scales, sizes = _optional(given, 1), _optional(given, 2)
    if sizes is not None and np.asarray(sizes).size:
        shape = _numbers(sizes, "sizes")[2:]
    else:
        factors = a.get("scales") if scales is None else np.asarray(scales).ravel().tolist()
        shape = [int(n * f) for n, f in zip(x.shape[2:], list(factors)[2:], strict=True)]
    mode, how = a.get("mode", "nearest"), a.get("coordinate_transformation_mode", "half_pixel")
    if mode == "nearest":
        if how not in {"asymmetric", "half_pixel"}:
            raise ImportFailedError(f"resizes with coordinates '{how}'")
        return F.interpolate(x, size=shape, mode="nearest")
    if mode == "linear" and x.ndim == 4 and how in {"half_pixel", "pytorch_half_pixel", "align_corners"}:
        return F.interpolate(x, size=shape, mode="bilinear", align_corners=how == "align_corners")
    raise ImportFailedError(f"resizes in the mode '{mode}' with coordinates '{how}'")


def _softmax(a: Attributes, x: Tensor) -> Tensor:
    if a.opset >= 13:
        return F.softmax(x, a.get("axis", -1))
    axis = a.get("axis", 1) % x.ndim
    if all(n == 1 for n in x.shape[axis + 1 :]):
        return F.softmax(x, axis)
    return F.softmax(x.flatten(axis), axis).reshape(x.shape)


def _prelu(_: Attributes, x: Tensor, slope: Any) -> Tensor:
    steep = _tensor(slope)
    return torch.clamp_min(x, 0) + steep * torch.clamp(x, None, 0.0)


def _sum(_: Attributes, first: Any, *others: Any) -> Tensor:
    total = _tensor(first)
    for other in others:
        total = total + _tensor(other)
    return total


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def rule(a: Attributes, first: Any, second: Any) -> Tensor:
        one, other = _tensor(first), _tensor(second)
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


def _shape(a: Attributes, x: Tensor) -> Any:
    return np.array(x.shape[a.get("start", 0) : a.get("end")], dtype=np.int64)


def _expand(_: Attributes, x: Tensor, shape: Any) -> Tensor:
    wanted = _numbers(shape, "a shape")
    rank = max(x.ndim, len(wanted))
    own, other = [1] * (rank - x.ndim) + list(x.shape), [1] * (rank - len(wanted)) + wanted
    return x.expand([max(a, b) for a, b in zip(own, other, strict=True)])


def _hard_swish(_: Attributes, x: Tensor) -> Tensor:
    return F.hardswish(x)


RULES: dict[str, Callable[..., Any]] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": lambda _, x, y: torch.matmul(_tensor(x), _tensor(y)),
    "BatchNormalization": _batch_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LRN": _lrn,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global("mean"),
    "GlobalMaxPool": _global("largest"),
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
    "Max": _binary(torch.maximum),
    "Min": _binary(torch.minimum),
    "Sum": _sum,
    "Concat": lambda a, *given: torch.cat([_tensor(x) for x in given], a.get("axis", 1)),
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": lambda a, x: x.permute(list(a.get("perm", reversed(range(x.ndim))))),
    "Expand": _expand,
    "Pad": _pad,
    "Resize": _resize,
    "Upsample": _resize,
    "Shape": _shape,
    "Cast": _cast,
    "Identity": lambda _, x: x,
    "Dropout": lambda _, x, *__: x,
}
"""Operators by name; those on constants alone need no rule."""
