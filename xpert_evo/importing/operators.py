"""Conversion of torch's operators into nodes: layers, norms, poolings and changes of shape.

A rule gets the builder and the operator's arguments by name; tensors that depend on the input are `Value`s, all others
are constant tensors.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import torch

from xpert_evo.importing.building import Builder, ImportFailedError, Value
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


def with_positions(rule: Rule) -> Rule:
    """A maximum that torch gives together with its positions, which cannot be imported."""
    return lambda builder, a, result: (cast(Value, rule(builder, a, result)),)


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
