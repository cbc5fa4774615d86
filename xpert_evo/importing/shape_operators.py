"""Conversion of torch's operators into nodes: changes of shape, slices, joins, padding and enlargement."""

from collections.abc import Sequence
from typing import Any

import torch

from xpert_evo.importing.building import Builder, ImportFailedError, Value
from xpert_evo.importing.operators import Arguments, Rule, first_axis
from xpert_evo.importing.reshaping import reshaped
from xpert_evo.networks.nodes import Op, Shape


def change_of_shape(builder: Builder, a: Arguments, result: Any) -> Value:
    """Any operator that only changes the shape."""
    return reshaped(builder, _only(a), tuple(result))


def _only(a: Arguments) -> Value:
    return next(value for value in a.values() if isinstance(value, Value))


def permute(builder: Builder, a: Arguments, result: Any) -> Value:
    """A permutation of axes."""
    value = _only(a)
    rank = len(value.shape) + 1
    if "dims" in a:
        order = [axis % rank for axis in a["dims"]]
    else:
        order = list(range(rank))
        one, other = (a.get("dim0", 0) % rank, a.get("dim1", 1) % rank)
        order[one], order[other] = order[other], order[one]
    batch = order.index(value.batch)
    own = tuple(axis - (axis > value.batch) for axis in order if axis != value.batch)
    if own == tuple(range(len(own))):
        return Value(value.node, value.shape, batch)
    return builder.add(Op.PERMUTE, [value.node], tuple(value.shape[i] for i in own), batch=batch, order=own)


def add_slice(builder: Builder, value: Value, axis: int, bounds: tuple[int, int, int]) -> Value:
    """Adds a slice along an axis without the batch; none where it keeps everything."""
    length, (start, stop, step) = value.shape[axis], bounds
    n = len(range(start, min(stop, length), step))
    if n == length:
        return value
    shape = (*value.shape[:axis], n, *value.shape[axis + 1 :])
    end = None if stop >= length else stop
    return builder.add(Op.SLICE, [value.node], shape, batch=value.batch, axes=(axis,), start=start, stop=end, step=step)


def slice_of(builder: Builder, a: Arguments, _: Any) -> Value:
    """A slice with start, end and step."""
    value = a["self"]
    if int(a.get("dim", 0)) % (len(value.shape) + 1) == value.batch:
        return _whole_batch(value, a)
    axis = value.axis(int(a.get("dim", 0)))
    start, stop, step = slice(a.get("start"), a.get("end"), a.get("step", 1)).indices(value.shape[axis])
    return add_slice(builder, value, axis, (start, stop, step))


def _whole_batch(value: Value, a: Arguments) -> Value:
    if a.get("start") in {None, 0} and (a.get("end") is None or a["end"] >= 1 << 31) and a.get("step", 1) == 1:
        return value
    raise ImportFailedError("selects some images of a batch")


def select(builder: Builder, a: Arguments, result: Any) -> Value:
    """One element of an axis."""
    value, axis = a["self"], a["self"].axis(int(a["dim"]))
    start = int(a["index"]) % value.shape[axis]
    value = add_slice(builder, value, axis, (start, start + 1, 1))
    return reshaped(builder, value, tuple(result))


def split(builder: Builder, a: Arguments, result: Any) -> tuple[Value, ...]:
    """Parts of an axis, as split, chunk and unbind give them."""
    value, axis = a["self"], a["self"].axis(int(a.get("dim", 0)))
    full = int(a.get("dim", 0)) % (len(value.shape) + 1)
    parts, start = [], 0
    for shape in result:
        gone = len(shape) == len(value.shape)
        n = 1 if gone else int(shape[full])
        part = add_slice(builder, value, axis, (start, start + n, 1))
        parts.append(reshaped(builder, part, tuple(shape)) if gone else part)
        start += n
    return tuple(parts)


def concatenate(builder: Builder, a: Arguments, result: Any) -> Value:
    """Tensors joined along an axis; constants become parameters."""
    values = [value for value in a["tensors"] if isinstance(value, Value)]
    batch = values[0].batch
    if any(value.batch != batch for value in values):
        raise ImportFailedError("joins tensors with different batch axes")
    rank = len(values[0].shape) + 1
    full = int(a.get("dim", 0)) % rank
    if full == batch:
        raise ImportFailedError("joins tensors along the batch axis")
    names = [
        part.node if isinstance(part, Value) else builder.parameter(without_batch(builder, part, batch, rank))
        for part in a["tensors"]
    ]
    shape = tuple(int(n) for i, n in enumerate(result) if i != batch)
    return builder.add(Op.CONCATENATE, names, shape, batch=batch, axes=(full - (full > batch),))


def without_batch(builder: Builder, tensor: torch.Tensor, batch: int, rank: int) -> torch.Tensor:
    """Returns a constant without the batch axis, along which it must be the same everywhere."""
    axis = batch - (rank - tensor.ndim)
    if axis < 0:
        return tensor
    if tensor.shape[axis] > 1 and not bool((tensor == tensor.narrow(axis, 0, 1)).all()):
        raise ImportFailedError("has a constant that differs from image to image of a batch")
    return tensor.select(axis, 0)


def expand(builder: Builder, a: Arguments, result: Any) -> Value:
    """Repetition of axes of length 1, and `repeat`."""
    value = _only(a)
    shape = tuple(int(n) for n in result)
    if len(shape) != len(value.shape) + 1 or shape[value.batch] != builder.batch:
        raise ImportFailedError("repeats images of a batch or adds an axis")
    own = shape[: value.batch] + shape[value.batch + 1 :]
    counts = tuple(b // n for b, n in zip(own, value.shape, strict=True))
    if set(counts) == {1}:
        return value
    return builder.add(Op.REPEAT, [value.node], own, batch=value.batch, sizes=counts)


def pad(builder: Builder, a: Arguments, _: Any) -> Value:
    """Padding with a constant."""
    if a.get("mode", "constant") != "constant":
        raise ImportFailedError(f"pads in the mode '{a['mode']}'; only constants are supported")
    return add_padding(builder, a["self"], [int(n) for n in a["pad"]], float(a.get("value") or 0.0))


def add_padding(builder: Builder, value: Value, amounts: Sequence[int], filler: float) -> Value:
    """Adds padding; `amounts` are pairs (before, after), the last axis first."""
    rank = len(value.shape) + 1
    for i in range(0, len(amounts), 2):
        before, after = amounts[i], amounts[i + 1]
        if not before and not after:
            continue
        axis = value.axis(rank - 1 - i // 2)
        length = value.shape[axis]
        if before < 0 or after < 0:
            value = add_slice(builder, value, axis, (max(0, -before), length - max(0, -after), 1))
            before, after, length = max(0, before), max(0, after), value.shape[axis]
        if before or after:
            shape = (*value.shape[:axis], before + length + after, *value.shape[axis + 1 :])
            value = builder.add(
                Op.PAD, [value.node], shape, batch=value.batch, axes=(axis,), start=before, stop=after, offset=filler
            )
    return value


def resize(variant: str) -> Rule:
    """Enlargement of maps by whole factors."""

    def rule(builder: Builder, a: Arguments, result: Any) -> Value:
        value = first_axis(a["input"] if "input" in a else a["self"])
        shape = tuple(int(n) for n in result[1:])
        corners = variant == "bilinear" and bool(a.get("align_corners"))
        return add_resize(builder, value, shape, f"{variant}_corners" if corners else variant)

    return rule


def add_resize(builder: Builder, value: Value, shape: Shape, variant: str) -> Value:
    """Adds an enlargement by whole factors; raises ImportFailedError for others."""
    factors = [b / n for b, n in zip(shape[1:], value.shape[1:], strict=True)]
    if any(f < 1 or f != int(f) for f in factors) or len(factors) not in {1, 2}:
        raise ImportFailedError(f"resizes by {factors}; only enlargement by whole factors is supported")
    scale = (1, int(factors[0])) if len(factors) == 1 else (int(factors[0]), int(factors[1]))
    return builder.add(Op.RESIZE, [value.node], shape, scale=scale, variant=variant)
