"""Conversion of operators that work element by element."""

from typing import Any

import torch

from xpert_evo.importing.building import Builder, ImportFailedError, Value
from xpert_evo.importing.operators import Arguments, Result, Rule, reduction, with_positions
from xpert_evo.importing.shape_operators import without_batch
from xpert_evo.networks.nodes import Op
from xpert_evo.networks.shapes import broadcast


def same(builder: Builder, a: Arguments, _: Any) -> Value:
    """An operator that changes nothing in a network that is used, such as dropout."""
    return next(value for value in a.values() if isinstance(value, Value))


def function(op: Op, **fields: Any) -> Rule:
    """A function of one argument."""

    def rule(builder: Builder, a: Arguments, _: Any) -> Value:
        return builder.after(same(builder, a, None), op, **fields)

    return rule


def converted(builder: Builder, a: Arguments, _: Any) -> Value:
    """A conversion between floats, which changes nothing; raises ImportFailedError for integers and Booleans."""
    other = a.get("other")
    kind = other.dtype if isinstance(other, torch.Tensor) else a.get("dtype")
    if kind is not None and not kind.is_floating_point:
        raise ImportFailedError("converts activations to integers or Booleans, which is not supported")
    return same(builder, a, None)


def softplus(builder: Builder, a: Arguments, _: Any) -> Value:
    """Softplus; a factor other than 1 is applied before and divided by after it."""
    beta, threshold = float(a.get("beta", 1)), float(a.get("threshold", 20))
    if beta <= 0 or threshold < _LEAST_THRESHOLD:
        raise ImportFailedError(f"has beta={beta:g} and threshold={threshold:g}, which is not supported")
    if beta == 1:
        return builder.after(a["self"], Op.SOFTPLUS)
    scaled = builder.after(a["self"], Op.AFFINE, factor=beta)
    return builder.after(builder.after(scaled, Op.SOFTPLUS), Op.AFFINE, factor=1 / beta)


_LEAST_THRESHOLD = 15.0
"""Beyond this input a softplus is its input to the precision of floats, whatever the threshold."""


def gelu(builder: Builder, a: Arguments, _: Any) -> Value:
    """GELU, exact or by tanh."""
    return builder.after(a["self"], Op.GELU, variant="tanh" if a.get("approximate") == "tanh" else "")


def leaky_relu(builder: Builder, a: Arguments, _: Any) -> Value:
    """ReLU with a slope below 0."""
    return builder.after(a["self"], Op.LEAKY_RELU, factor=float(a.get("negative_slope", 0.01)))


def elu(builder: Builder, a: Arguments, _: Any) -> Value:
    """ELU without scales."""
    if a.get("scale", 1) != 1 or a.get("input_scale", 1) != 1:
        raise ImportFailedError("is an ELU with scales")
    return builder.after(a["self"], Op.ELU, factor=float(a.get("alpha", 1.0)))


def clip(low: str, high: str) -> Rule:
    """A clip between the limits with the given names."""

    def rule(builder: Builder, a: Arguments, _: Any) -> Value:
        limits = [a.get(name) for name in (low, high)]
        if any(isinstance(limit, Value) for limit in limits):
            raise ImportFailedError("has limits that depend on the input")
        least, most = (None if limit is None else float(limit) for limit in limits)
        if least == 0 and most is None:
            return builder.after(a["self"], Op.RELU)
        return builder.after(a["self"], Op.CLIP, low=least, high=most)

    return rule


def softmax(builder: Builder, a: Arguments, _: Any) -> Value:
    """Softmax along an axis."""
    return builder.after(a["self"], Op.SOFTMAX, axes=(a["self"].axis(int(a["dim"])),))


def log_softmax(builder: Builder, a: Arguments, _: Any) -> Value:
    """Logarithm of a softmax."""
    return builder.after(softmax(builder, a, None), Op.LOG)


def power(builder: Builder, a: Arguments, _: Any) -> Value:
    """A constant power."""
    if not isinstance(a["self"], Value) or isinstance(a["exponent"], Value):
        raise ImportFailedError("has an exponent that depends on the input")
    exponent = torch.as_tensor(a["exponent"])
    if exponent.numel() != 1:
        raise ImportFailedError("has a different exponent for each element")
    return add_power(builder, a["self"], float(exponent))


def add_power(builder: Builder, value: Value, exponent: float) -> Value:
    """Adds a power; simple ones as simpler operations."""
    if exponent == 1:
        return value
    if exponent == 2:
        return builder.add(Op.MULTIPLY, [value.node, value.node], value.shape, batch=value.batch)
    if exponent == 0.5:
        return builder.after(value, Op.SQRT)
    if exponent == -1:
        return builder.after(value, Op.RECIPROCAL)
    return builder.after(value, Op.POWER, factor=exponent)


def rsqrt(builder: Builder, a: Arguments, _: Any) -> Value:
    """Reciprocal of the square root."""
    return builder.after(builder.after(a["self"], Op.SQRT), Op.RECIPROCAL)


def mish(builder: Builder, a: Arguments, _: Any) -> Value:
    """X tanh(softplus(x))."""
    value = a["self"]
    gate = builder.after(builder.after(value, Op.SOFTPLUS), Op.TANH)
    return builder.add(Op.MULTIPLY, [value.node, gate.node], value.shape, batch=value.batch)


def prelu(builder: Builder, a: Arguments, _: Any) -> Value:
    """ReLU with one learned slope; raises ImportFailedError for several."""
    slope = a["weight"]
    if isinstance(slope, Value) or slope.numel() != 1:
        raise ImportFailedError("has a learned slope for each channel; one slope is supported")
    return builder.after(a["self"], Op.LEAKY_RELU, factor=float(slope.detach()))


def negative(builder: Builder, a: Arguments, _: Any) -> Value:
    """The negative value."""
    return builder.after(a["self"], Op.AFFINE, factor=-1.0)


def added(builder: Builder, a: Arguments, _: Any) -> Value:
    """A sum, with a factor on the second operand."""
    return combined(builder, Op.ADD, a["self"], _scaled(builder, a["other"], float(a.get("alpha", 1))))


def subtracted(builder: Builder, a: Arguments, _: Any) -> Value:
    """A difference."""
    return combined(builder, Op.SUBTRACT, a["self"], _scaled(builder, a["other"], float(a.get("alpha", 1))))


def reversed_difference(builder: Builder, a: Arguments, _: Any) -> Value:
    """The second operand minus the first."""
    return combined(builder, Op.SUBTRACT, a["other"], _scaled(builder, a["self"], float(a.get("alpha", 1))))


def binary(op: Op) -> Rule:
    """An operation on two operands."""

    def rule(builder: Builder, a: Arguments, _: Any) -> Value:
        first, second = list(a.values())[:2]
        return combined(builder, op, first, second)

    return rule


def divided(builder: Builder, a: Arguments, _: Any) -> Value:
    """A quotient."""
    if a.get("rounding_mode") is not None:
        raise ImportFailedError("rounds a quotient")
    return combined(builder, Op.DIVIDE, a["self"], a["other"])


def maximum(builder: Builder, a: Arguments, result: Any) -> Result:
    """The larger one of two tensors, or the largest values along an axis with their positions."""
    if "other" in a:
        return binary(Op.MAXIMUM)(builder, a, result)
    return with_positions(reduction(Op.LARGEST))(builder, a, result)


def _scaled(builder: Builder, operand: Any, factor: float) -> Any:
    if factor == 1:
        return operand
    if isinstance(operand, Value):
        return builder.after(operand, Op.AFFINE, factor=factor)
    return operand * factor


def combined(builder: Builder, op: Op, first: Any, second: Any) -> Value:
    """Adds an operation on two operands, of which at least one depends on the input."""
    if isinstance(first, Value) and isinstance(second, Value):
        return _of_values(builder, op, first, second)
    value, other, flipped = (first, second, False) if isinstance(first, Value) else (second, first, True)
    tensor = torch.as_tensor(other, dtype=torch.float32)
    if tensor.numel() == 1:
        return _with_number(builder, op, value, float(tensor), flipped=flipped)
    rank = max(len(value.shape) + 1, tensor.ndim)
    if rank > len(value.shape) + 1:
        raise ImportFailedError("adds an axis in front of the batch")
    tensor = without_batch(builder, tensor, value.batch, rank)
    if op is Op.DIVIDE and not flipped:
        op, tensor = Op.MULTIPLY, 1 / tensor
    elif op is Op.SUBTRACT and not flipped:
        op, tensor = Op.ADD, -tensor
    if tensor.numel() == 1:
        return _with_number(builder, op, value, float(tensor), flipped=flipped)
    name = builder.parameter(tensor)
    names = [name, value.node] if flipped and op in {Op.DIVIDE, Op.SUBTRACT} else [value.node, name]
    shape = broadcast(builder.place, (value.shape, tuple(tensor.shape)))
    return builder.add(op, names, shape, batch=value.batch + len(shape) - len(value.shape))


def _of_values(builder: Builder, op: Op, first: Value, second: Value) -> Value:
    if len(first.shape) - first.batch != len(second.shape) - second.batch:
        raise ImportFailedError("combines tensors with different batch axes")
    shape = broadcast(builder.place, (first.shape, second.shape))
    longer = first if len(first.shape) >= len(second.shape) else second
    return builder.add(op, [first.node, second.node], shape, batch=longer.batch)


def _with_number(builder: Builder, op: Op, value: Value, number: float, *, flipped: bool) -> Value:
    if op is Op.MAXIMUM:
        return builder.after(value, Op.RELU) if number == 0 else builder.after(value, Op.CLIP, low=number)
    if op is Op.MINIMUM:
        return builder.after(value, Op.CLIP, high=number)
    if op is Op.DIVIDE and flipped:
        return builder.after(builder.after(value, Op.RECIPROCAL), Op.AFFINE, factor=number)
    factor, offset = {
        Op.ADD: (1.0, number),
        Op.SUBTRACT: (-1.0, number) if flipped else (1.0, -number),
        Op.MULTIPLY: (number, 0.0),
        Op.DIVIDE: (1 / number if number else 0.0, 0.0),
    }[op]
    if (factor, offset) == (1.0, 0.0):
        return value
    return builder.after(value, Op.AFFINE, factor=factor, offset=offset)
