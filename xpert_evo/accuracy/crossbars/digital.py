"""Digital operations of a network in torch, one function for each kind of node, on tensors with a batch axis."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from xpert_evo.networks.nodes import NodeEntry, Op, Shape
from xpert_evo.networks.shapes import pooling_of

Tensors = Sequence[torch.Tensor]


class DigitalParameters(nn.Module):
    """Trained parameters of one digital operation: gain and bias of a norm, or the value of a parameter."""

    mean: torch.Tensor
    variance: torch.Tensor

    def __init__(self, node: NodeEntry, shape: Shape) -> None:
        super().__init__()
        self.node = node
        self.momentum = 0.1
        self.normalised = node.op is Op.BATCH_NORM
        if node.op is Op.PARAMETER:
            self.value = nn.Parameter(torch.zeros(shape))
            return
        own = tuple(shape[axis] for axis in node.axes) if node.op is Op.LAYER_NORM else shape[:1]
        self.gain, self.bias = nn.Parameter(torch.ones(own)), nn.Parameter(torch.zeros(own))
        if self.normalised:
            self.register_buffer("mean", torch.zeros(own))
            self.register_buffer("variance", torch.ones(own))

    def initialise(self, generator: torch.Generator) -> None:
        """Draws a parameter's value; norms begin with a gain of 1."""
        if self.node.op is Op.PARAMETER:
            with torch.no_grad():
                self.value.copy_(0.02 * torch.randn(self.value.shape, generator=generator))

    def forward(self, inputs: torch.Tensor | None) -> torch.Tensor:
        """Returns the normalised inputs, or the value of a parameter."""
        node = self.node
        if inputs is None:
            return self.value[None]
        if node.op is Op.BATCH_NORM:
            return F.batch_norm(
                inputs, self.mean, self.variance, self.gain, self.bias, self.training, self.momentum, node.epsilon
            )
        gain, bias = self.gain.to(inputs.dtype), self.bias.to(inputs.dtype)
        if node.op is Op.LAYER_NORM:
            return F.layer_norm(inputs, tuple(gain.shape), gain, bias, node.epsilon)
        return F.group_norm(inputs, node.groups, gain, bias, node.epsilon)


def digital(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
    """Returns the output of a digital operation without parameters."""
    return _FUNCTIONS[node.op](node, inputs)


def _shifted(axes: Sequence[int]) -> tuple[int, ...]:
    """Axes counted with the batch axis."""
    return tuple(axis + 1 for axis in axes)


def _window(node: NodeEntry, x: torch.Tensor, filler: float) -> tuple[torch.Tensor, bool]:
    """A map, padded on both sides by itself where both paddings differ or are too wide, and whether it was padded."""
    top, left, bottom, right = node.padding
    even = (top, left) == (bottom, right) and 2 * top <= node.kernel[0] and 2 * left <= node.kernel[1]
    return (x, False) if even else (F.pad(x, (left, right, top, bottom), value=filler), True)


def _max_pool(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
    x = inputs[0]
    node = pooling_of(node, x.shape[2:])
    if x.ndim == 3:  # a signal is a map of height 1
        return _max_pool(node, [x.unsqueeze(2)]).squeeze(2)
    x, padded = _window(node, x, float("-inf"))
    padding = (0, 0) if padded else node.padding[:2]
    return F.max_pool2d(x, node.kernel, node.stride, padding, node.dilation, node.ceil)


def _average_pool(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
    x = inputs[0]
    if x.ndim == 3:
        return _average_pool(node, [x.unsqueeze(2)]).squeeze(2)
    x, padded = _window(node, x, 0.0)
    padding = (0, 0) if padded else node.padding[:2]
    return F.avg_pool2d(x, node.kernel, node.stride, padding, node.ceil, node.counts_padding)


def _adaptive(pool: Callable[..., torch.Tensor]) -> Callable[[NodeEntry, Tensors], torch.Tensor]:
    def function(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
        x = inputs[0]
        return pool(x.unsqueeze(2), node.size).squeeze(2) if x.ndim == 3 else pool(x, node.size)

    return function


def _channel_average(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
    padded = F.pad(inputs[0].unsqueeze(1), (0, 0, 0, 0, node.padding[0], node.padding[2]))
    return F.avg_pool3d(padded, (node.kernel[0], 1, 1), stride=1).squeeze(1)


def _reduced(node: NodeEntry, inputs: Tensors, function: Callable[..., torch.Tensor]) -> torch.Tensor:
    return function(inputs[0], _shifted(node.axes), keepdim=node.keep_axes)


def _split(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
    x, axis = inputs[0], node.axes[0] + 1
    return x.reshape(*x.shape[:axis], *node.sizes, *x.shape[axis + 1 :])


def _squeeze(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
    return inputs[0].squeeze(_shifted(node.axes))


def _unsqueeze(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
    x = inputs[0]
    for axis in sorted(node.axes):
        x = x.unsqueeze(axis + 1)
    return x


def _slice(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
    index = [slice(None)] * inputs[0].ndim
    index[node.axes[0] + 1] = slice(node.start, node.stop, node.step)
    return inputs[0][tuple(index)]


def _pad(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
    behind = inputs[0].ndim - 2 - node.axes[0]
    return F.pad(inputs[0], (0, 0) * behind + (node.start, node.stop or 0), value=node.offset)


def _resize(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
    x = inputs[0]
    if x.ndim == 3:
        return _resize(node, [x.unsqueeze(2)]).squeeze(2)
    size = [n * s for n, s in zip(x.shape[2:], node.scale, strict=True)]
    if node.variant == "nearest":
        return F.interpolate(x, size=size, mode="nearest")
    return F.interpolate(x, size=size, mode="bilinear", align_corners=node.variant == "bilinear_corners")


def _concatenated(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
    n = max(len(x) for x in inputs)
    return torch.cat([x.expand(n, *x.shape[1:]) for x in inputs], node.axes[0] + 1)


def _one(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[NodeEntry, Tensors], torch.Tensor]:
    return lambda node, inputs: function(inputs[0])


def _two(
    function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> Callable[[NodeEntry, Tensors], torch.Tensor]:
    def combined(node: NodeEntry, inputs: Tensors) -> torch.Tensor:
        first, second = inputs
        rank = max(first.ndim, second.ndim)
        if first.dtype != second.dtype:  # a parameter beside activations in bfloat16
            first, second = (x if x.dtype == torch.bfloat16 else x.bfloat16() for x in (first, second))
        return function(*(x.reshape(x.shape[:1] + (1,) * (rank - x.ndim) + x.shape[1:]) for x in (first, second)))

    return combined


_FUNCTIONS: dict[Op, Callable[[NodeEntry, Tensors], torch.Tensor]] = {
    Op.ADD: _two(torch.add),
    Op.SUBTRACT: _two(torch.sub),
    Op.MULTIPLY: _two(torch.mul),
    Op.DIVIDE: _two(torch.div),
    Op.MAXIMUM: _two(torch.maximum),
    Op.MINIMUM: _two(torch.minimum),
    Op.MATMUL: _two(torch.matmul),
    Op.CONCATENATE: _concatenated,
    Op.AFFINE: lambda node, inputs: inputs[0] * node.factor + node.offset,
    Op.CLIP: lambda node, inputs: inputs[0].clamp(node.low, node.high),
    Op.RELU: _one(F.relu),
    Op.LEAKY_RELU: lambda node, inputs: F.leaky_relu(inputs[0], node.factor),
    Op.ELU: lambda node, inputs: F.elu(inputs[0], node.factor),
    Op.HARD_SIGMOID: lambda node, inputs: (inputs[0] * node.factor + node.offset).clamp(0.0, 1.0),
    Op.HARD_SWISH: _one(F.hardswish),
    Op.SIGMOID: _one(torch.sigmoid),
    Op.SILU: _one(F.silu),
    Op.GELU: lambda node, inputs: F.gelu(inputs[0], approximate=node.variant or "none"),
    Op.TANH: _one(torch.tanh),
    Op.SOFTPLUS: _one(F.softplus),
    Op.EXP: _one(torch.exp),
    Op.LOG: _one(torch.log),
    Op.ERF: _one(torch.erf),
    Op.SQRT: _one(torch.sqrt),
    Op.ABSOLUTE: _one(torch.abs),
    Op.POWER: lambda node, inputs: inputs[0] ** node.factor,
    Op.RECIPROCAL: _one(torch.reciprocal),
    Op.SOFTMAX: lambda node, inputs: F.softmax(inputs[0], node.axes[0] + 1),
    Op.MAX_POOL: _max_pool,
    Op.AVERAGE_POOL: _average_pool,
    Op.ADAPTIVE_AVERAGE_POOL: _adaptive(F.adaptive_avg_pool2d),
    Op.ADAPTIVE_MAX_POOL: _adaptive(F.adaptive_max_pool2d),
    Op.CHANNEL_AVERAGE: _channel_average,
    Op.MEAN: lambda node, inputs: _reduced(node, inputs, torch.mean),
    Op.SUM: lambda node, inputs: _reduced(node, inputs, torch.sum),
    Op.LARGEST: lambda node, inputs: _reduced(node, inputs, torch.amax),
    Op.FLATTEN: lambda node, inputs: inputs[0].flatten(node.axes[0] + 1, node.axes[1] + 1),
    Op.SPLIT_AXIS: _split,
    Op.PERMUTE: lambda node, inputs: inputs[0].permute(0, *_shifted(node.order)),
    Op.SQUEEZE: _squeeze,
    Op.UNSQUEEZE: _unsqueeze,
    Op.SLICE: _slice,
    Op.PAD: _pad,
    Op.REPEAT: lambda node, inputs: inputs[0].repeat(1, *node.sizes),
    Op.RESIZE: _resize,
}
