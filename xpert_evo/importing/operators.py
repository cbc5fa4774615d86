"""Conversion of torch's operators into nodes: layers, norms, poolings and changes of shape.

A rule gets the builder and the operator's arguments by name; tensors that depend on the input are `Value`s, all others
are constant tensors.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch

from xpert_evo.importing.building import Builder, ImportFailedError, Value
from xpert_evo.importing.reshaping import reshaped
from xpert_evo.networks.nodes import Op, Shape
from xpert_evo.networks.shapes import node_shape

Arguments: TypeAlias = Mapping[str, Any]
Result: TypeAlias = Value | tuple[Value, ...]
Rule: TypeAlias = Callable[[Builder, Arguments, Any], Result]
"""Arguments of a rule: the builder, the operator's arguments, and the shape of its result (with the batch axis)."""


def constant(given: Any, what: str) -> torch.Tensor:
    """Returns a constant tensor; raises ImportFailedError if it depends on the input."""
    if isinstance(given, Value):
        raise ImportFailedError(f"has {what} that depend on the input")
    return torch.as_tensor(given)


def first_axis(value: Value) -> Value:
    """Checks that the images of a batch come first, as operators on maps need."""
    if value.batch != 0:
        raise ImportFailedError("reads maps whose first axis is not that of the batch")
    return value


def _pair(given: Any, rank: int) -> tuple[int, int]:
    """A height and a width; a signal has a height of 1 or 0, as the first default says."""
    numbers = [int(given)] if isinstance(given, int) else [int(n) for n in given]
    if len(numbers) == 1:
        numbers *= rank
    return (numbers[0], numbers[1]) if rank == 2 else (1, numbers[0])


def _padding(given: Any, rank: int) -> tuple[int, int, int, int]:
    down, right = _pair(given, rank) if rank == 2 else (0, _pair(given, 1)[1])
    return (down, right, down, right)


def convolution(builder: Builder, a: Arguments, _: Any) -> Value:
    """A convolution in one or two dimensions."""
    value, weight = first_axis(a["input"]), constant(a["weight"], "weights")
    if a.get("transposed"):
        raise ImportFailedError("is a transposed convolution, which crossbars cannot compute as a convolution")
    rank = weight.ndim - 2
    if rank not in {1, 2}:
        raise ImportFailedError(f"is a convolution in {rank} dimensions; one or two are supported")
    kernel, stride = _pair(tuple(weight.shape[2:]), rank), _pair(a.get("stride", 1), rank)
    dilation, groups, given = _pair(a.get("dilation", 1), rank), int(a.get("groups", 1)), a.get("padding", 0)
    if given == "valid":
        padding = (0, 0, 0, 0)
    elif given == "same":
        reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        padding = (reach[0] // 2, reach[1] // 2, reach[0] - reach[0] // 2, reach[1] - reach[1] // 2)
    else:
        padding = _padding(given, rank)
    return add_convolution(
        builder,
        value,
        weight,
        a.get("bias"),
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


def add_convolution(builder: Builder, value: Value, weight: torch.Tensor, bias: Any, **fields: Any) -> Value:
    """Adds a convolution with its weights."""
    groups, depth = fields.pop("groups"), int(weight.shape[0])
    depthwise = groups > 1 and groups == value.shape[0]
    node_fields = dict(fields, depth=depth, depthwise=depthwise, groups=1 if depthwise else groups)
    result = builder.add(Op.CONVOLUTION, [value.node], (), **node_fields)
    shape = node_shape(builder.nodes[-1], [value.shape], depth, None)
    tensors = {"weight": weight.detach().float().reshape(depth, weight.shape[1], *fields["kernel"]).clone()}
    if bias is not None:
        tensors["bias"] = constant(bias, "offsets").detach().float().clone()
    builder.tensors[result.node] = tensors
    return Value(result.node, shape)


def linear(builder: Builder, a: Arguments, _: Any) -> Value:
    """A linear layer on the last axis."""
    return add_linear(builder, a["input"], constant(a["weight"], "weights"), a.get("bias"))


def add_linear(builder: Builder, value: Value, weight: torch.Tensor, bias: Any) -> Value:
    """Adds a linear layer with weights (outputs, inputs)."""
    if value.batch == len(value.shape):
        raise ImportFailedError("works along the batch axis")
    depth = int(weight.shape[0])
    result = builder.add(Op.LINEAR, [value.node], (*value.shape[:-1], depth), batch=value.batch, depth=depth)
    tensors = {"weight": weight.detach().float()[:, :, None, None].clone()}
    if bias is not None:
        tensors["bias"] = constant(bias, "offsets").detach().float().clone()
    builder.tensors[result.node] = tensors
    return result


def matmul(builder: Builder, a: Arguments, _: Any) -> Value:
    """A product with constant weights, or of activations with activations."""
    first, second = list(a.values())[:2]
    if isinstance(first, Value) and isinstance(second, torch.Tensor):
        if second.ndim == 3 and len(second) in {1, builder.batch} and bool((second == second[:1]).all()):
            second = second[0]
        if second.ndim == 2:
            return add_linear(builder, first, second.T, None)
    if not isinstance(first, Value) or not isinstance(second, Value):
        raise ImportFailedError("multiplies a constant matrix from the left, or more than one of them")
    if first.batch or second.batch or min(len(first.shape), len(second.shape)) < 2:
        raise ImportFailedError("multiplies matrices that contain the batch axis")
    return builder.add(Op.MATMUL, [first.node, second.node], (*first.shape[:-1], second.shape[-1]))


def addmm(builder: Builder, a: Arguments, _: Any) -> Value:
    """A linear layer written as a product and a sum."""
    if a.get("alpha", 1) != 1 or a.get("beta", 1) != 1 or not isinstance(a["mat1"], Value):
        raise ImportFailedError("scales its operands or has constant inputs")
    return add_linear(builder, a["mat1"], constant(a["mat2"], "weights").T, a["self"])


def batch_norm(builder: Builder, a: Arguments, _: Any) -> Value:
    """Batch norm with the statistics of the training."""
    value = first_axis(a["input"])
    mean, variance = a.get("running_mean"), a.get("running_var")
    if mean is None or variance is None:
        raise ImportFailedError("normalises with the statistics of the batch; use a module with running statistics")
    mean = constant(mean, "statistics").detach().float()
    gain, bias = a.get("weight"), a.get("bias")
    result = builder.after(value, Op.BATCH_NORM, epsilon=float(a.get("eps", 1e-5)))
    builder.tensors[result.node] = {
        "gain": torch.ones_like(mean) if gain is None else constant(gain, "gains").detach().float().clone(),
        "bias": torch.zeros_like(mean) if bias is None else constant(bias, "offsets").detach().float().clone(),
        "mean": mean.clone(),
        "variance": constant(variance, "statistics").detach().float().clone(),
    }
    return result


def _norm(builder: Builder, value: Value, shape: Shape, a: Arguments, **fields: Any) -> Value:
    gain, bias = a.get("weight"), a.get("bias")
    result = builder.after(value, epsilon=float(a.get("eps", 1e-5)), **fields)
    builder.tensors[result.node] = {
        "gain": torch.ones(shape) if gain is None else constant(gain, "gains").detach().float().reshape(shape).clone(),
        "bias": torch.zeros(shape)
        if bias is None
        else constant(bias, "offsets").detach().float().reshape(shape).clone(),
    }
    return result


def layer_norm(builder: Builder, a: Arguments, _: Any) -> Value:
    """Layer norm over the last axes."""
    value, shape = a["input"], tuple(int(n) for n in a["normalized_shape"])
    if value.batch > len(value.shape) - len(shape):
        raise ImportFailedError("normalises across the images of a batch")
    axes = tuple(range(len(value.shape) - len(shape), len(value.shape)))
    return _norm(builder, value, shape, a, op=Op.LAYER_NORM, axes=axes)


def group_norm(builder: Builder, a: Arguments, _: Any) -> Value:
    """Group norm; one group is a norm over the whole map."""
    value = first_axis(a["input"])
    return _norm(builder, value, value.shape[:1], a, op=Op.GROUP_NORM, groups=int(a["num_groups"]))


def instance_norm(builder: Builder, a: Arguments, _: Any) -> Value:
    """Instance norm: a group norm with a group for each channel."""
    value = first_axis(a["input"])
    if a.get("running_mean") is not None and not a.get("use_input_stats", True):
        return batch_norm(builder, a, _)
    return _norm(builder, value, value.shape[:1], a, op=Op.GROUP_NORM, groups=value.shape[0])


def max_pool(builder: Builder, a: Arguments, result: Any) -> Value:
    """Maximum pooling in one or two dimensions."""
    return _pool(builder, a, Op.MAX_POOL)


def average_pool(builder: Builder, a: Arguments, result: Any) -> Value:
    """Average pooling in one or two dimensions; one over the whole map becomes a mean."""
    if a.get("divisor_override") is not None:
        raise ImportFailedError("has a divisor of its own")
    value = first_axis(a["input"] if "input" in a else a["self"])
    rank = len(value.shape) - 1
    if _pair(a["kernel_size"], rank)[2 - rank :] == value.shape[1:] and not any(_padding(a.get("padding", 0), rank)):
        return _mean(builder, value, tuple(range(1, rank + 1)), keep_axes=True)
    return _pool(builder, a, Op.AVERAGE_POOL)


def _pool(builder: Builder, a: Arguments, op: Op) -> Value:
    value = first_axis(a["input"] if "input" in a else a["self"])
    rank = len(value.shape) - 1
    if rank not in {1, 2}:
        raise ImportFailedError(f"pools over {rank} dimensions; one or two are supported")
    kernel = _pair(a["kernel_size"], rank)
    fields = {
        "kernel": kernel,
        "stride": _pair(a.get("stride") or a["kernel_size"], rank),
        "padding": _padding(a.get("padding", 0), rank),
        "dilation": _pair(a.get("dilation", 1), rank),
        "ceil": bool(a.get("ceil_mode", False)),
    }
    return add_pool(builder, value, op, counts_padding=bool(a.get("count_include_pad", True)), **fields)


def add_pool(builder: Builder, value: Value, op: Op, *, counts_padding: bool, **fields: Any) -> Value:
    """Adds a pooling."""
    counts = op is Op.AVERAGE_POOL and counts_padding
    result = builder.add(op, [value.node], (), counts_padding=counts, **fields)
    return Value(result.node, node_shape(builder.nodes[-1], [value.shape], None, None))


def adaptive_pool(op: Op, reduction: Op) -> Rule:
    """A pooling to a fixed size; one to a single pixel becomes a reduction."""

    def rule(builder: Builder, a: Arguments, result: Any) -> Value:
        value = first_axis(a["self"] if "self" in a else a["input"])
        rank = len(value.shape) - 1
        size = _pair(a["output_size"], rank)
        axes = tuple(range(1, rank + 1))
        shape = (value.shape[0], *size[2 - rank :])
        if set(shape[1:]) == {1}:
            return builder.add(reduction, [value.node], shape, axes=axes, keep_axes=True)
        return builder.add(op, [value.node], shape, size=size)

    return rule


def _mean(builder: Builder, value: Value, axes: Sequence[int], *, keep_axes: bool, op: Op = Op.MEAN) -> Value:
    shape = tuple(1 if i in axes else n for i, n in enumerate(value.shape) if keep_axes or i not in axes)
    before = 0 if keep_axes else sum(axis < value.batch for axis in axes)
    return builder.add(
        op, [value.node], shape, batch=value.batch - before, axes=tuple(sorted(axes)), keep_axes=keep_axes
    )


def reduction(op: Op) -> Rule:
    """A mean, sum or maximum over axes."""

    def rule(builder: Builder, a: Arguments, _: Any) -> Value:
        value, given = a["self"], a.get("dim")
        if given is None or given == []:
            raise ImportFailedError("reduces all images of a batch to one value")
        axes = [value.axis(axis) for axis in ([given] if isinstance(given, int) else given)]
        return _mean(builder, value, axes, keep_axes=bool(a.get("keepdim", False)), op=op)

    return rule


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


def channel_average(builder: Builder, a: Arguments, result: Any) -> Value:
    """Average over neighbouring channels: the padding and three-dimensional pooling of local response norm."""
    value, kernel = a["self"], [int(n) for n in a["kernel_size"]]
    made = {node.name: node for node in builder.nodes}
    padding = made.get(value.node)
    before = made.get(padding.inputs[0]) if padding is not None and padding.op is Op.PAD else None
    usual = before is not None and before.op is Op.UNSQUEEZE and before.axes == (0,)
    if padding is None or before is None or not usual or padding.axes != (1,) or kernel[1:] != [1, 1]:
        raise ImportFailedError("pools over three dimensions; only the pooling of local response norm is supported")
    shape = tuple(int(n) for n in result[2:])
    ends = (padding.start, 0, padding.stop or 0, 0)
    averaged = builder.add(Op.CHANNEL_AVERAGE, [before.inputs[0]], shape, kernel=(kernel[0], 1), padding=ends)
    return builder.add(Op.UNSQUEEZE, [averaged.node], (1, *shape), axes=(0,))


def attention(builder: Builder, a: Arguments, _: Any) -> Value:
    """Scaled dot-product attention: two products of activations with activations around a softmax."""
    query, key, value = a["query"], a["key"], a["value"]
    if a.get("is_causal") or a.get("attn_mask") is not None:
        raise ImportFailedError("masks its attention; only attention without a mask is supported")
    if query.batch or key.batch or value.batch:
        raise ImportFailedError("has a batch axis that is not the first")
    rank = len(key.shape)
    order = (*range(rank - 2), rank - 1, rank - 2)
    turned = builder.add(Op.PERMUTE, [key.node], tuple(key.shape[i] for i in order), order=order)
    scores = builder.add(Op.MATMUL, [query.node, turned.node], (*query.shape[:-1], turned.shape[-1]))
    factor = a.get("scale") or 1 / math.sqrt(query.shape[-1])
    scaled = builder.after(scores, Op.AFFINE, factor=float(factor))
    weights = builder.after(scaled, Op.SOFTMAX, axes=(len(scaled.shape) - 1,))
    return builder.add(Op.MATMUL, [weights.node, value.node], (*weights.shape[:-1], value.shape[-1]))
