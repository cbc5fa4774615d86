"""Shapes of the nodes of a graph, for any shape of the input and any channel depths."""

import math
from collections.abc import Callable, Sequence

from xpert_evo.errors import ConfigError
from xpert_evo.networks.nodes import BINARY, ELEMENTWISE, NodeEntry, Op, Shape


def node_shape(node: NodeEntry, inputs: Sequence[Shape], depth: int | None, channels: int | None) -> Shape:
    """Returns the shape of a node's output.

    Args:
        node: The node; not a parameter, whose shape follows from its reader (`parameter_shape`).
        inputs: Shapes of its inputs.
        depth: Output channels, for crossbar layers.
        channels: Input channels for which a crossbar layer was built; None for any.

    Raises:
        ConfigError: The inputs do not fit the operation.
    """
    if node.on_crossbars:
        assert depth is not None
        return _crossbar_shape(node, inputs[0], depth, channels)
    if node.op in ELEMENTWISE:
        return inputs[0]
    if node.op in BINARY:
        return broadcast(node.name, inputs)
    return _RULES[node.op](node, inputs)


def broken(node: NodeEntry, why: str) -> ConfigError:
    """Returns the error for a node whose inputs do not fit."""
    return ConfigError(f"node {node.name} ({node.op}): {why}.")


def window_output(size: int, node: NodeEntry, axis: int) -> int:
    """Returns the number of positions of a window along an axis: 0 for height, 1 for width."""
    padding = node.padding[axis] + node.padding[axis + 2]
    reach = node.dilation[axis] * (node.kernel[axis] - 1) + 1
    room = size + padding - reach
    if room < 0:
        raise broken(node, f"its window of {reach} does not fit into {size} pixels with {padding} of padding")
    n = room // node.stride[axis] + 1
    if node.ceil and room % node.stride[axis] and n * node.stride[axis] < size + node.padding[axis]:
        n += 1  # an incomplete last window, if it begins inside the map
    return n


def as_map(shape: Shape) -> Shape:
    """Returns a shape as channels, height and width; a signal becomes a map of height 1."""
    return (shape[0], 1, shape[1]) if len(shape) == 2 else shape


def _crossbar_shape(node: NodeEntry, given: Shape, depth: int, channels: int | None) -> Shape:
    if node.op is Op.LINEAR:
        if not given:
            raise broken(node, "a linear layer needs at least one axis")
        if channels is not None and given[-1] != channels:
            raise broken(node, f"it reads {channels} values at a position, got {given[-1]}")
        return (*given[:-1], depth)
    if len(given) not in {2, 3}:
        raise broken(node, f"it reads maps or signals with channels, got {len(given)} axes")
    n_in = given[0]
    if channels is not None and n_in != channels:
        raise broken(node, f"it reads {channels} channels, got {n_in}")
    if not node.depthwise and (n_in % node.groups or depth % node.groups):
        raise broken(node, f"its {node.groups} groups do not divide {n_in} input and {depth} output channels")
    if node.depthwise and depth % n_in:
        raise broken(node, f"a depthwise layer of {n_in} channels cannot have {depth} outputs")
    return _windows(node, given, depth)


def _windows(node: NodeEntry, given: Shape, depth: int) -> Shape:
    """Shape after windows over a map (channels, height, width) or a signal (channels, length)."""
    if len(given) not in {2, 3}:
        raise broken(node, f"it reads maps or signals with channels, got {len(given)} axes")
    _, height, width = as_map(given)
    across = window_output(width, node, 1)
    return (depth, across) if len(given) == 2 else (depth, window_output(height, node, 0), across)


def broadcast(name: str, inputs: Sequence[Shape]) -> Shape:
    """Returns the shape to which two shapes are broadcast; raises ConfigError if they do not fit."""
    first, second = inputs
    rank = max(len(first), len(second))
    pairs = zip(_aligned(first, rank), _aligned(second, rank), strict=True)
    result = []
    for a, b in pairs:
        if a != b and 1 not in {a, b}:
            raise ConfigError(f"node {name}: its inputs of {_text(first)} and {_text(second)} do not fit together.")
        result.append(max(a, b))
    return tuple(result)


def _aligned(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + shape


def parameter_shape(parameter: NodeEntry, reader: NodeEntry, partner: Shape, position: int) -> Shape:
    """Returns the shape of a parameter that `reader` combines with a tensor of shape `partner`.

    Its axes of length 1 stay; the others are as long as the partner's, except the one along which it is concatenated.

    Args:
        parameter: The parameter, with its shape in the original network.
        reader: The only node that reads it.
        partner: Shape of the reader's other input.
        position: Position of the parameter among the reader's inputs.
    """
    own = parameter.sizes
    if reader.op is Op.CONCATENATE:
        return tuple(n if axis in reader.axes else partner[axis] for axis, n in enumerate(own))
    if reader.op is Op.MATMUL:
        contracted = (-1, -2) if position == 0 else (-2, -1)
        lengths = list(own)
        lengths[contracted[0]] = partner[contracted[1]] if len(partner) > 1 else own[contracted[0]]
        return tuple(lengths)
    there = _aligned(partner, len(own))[-len(own) :] if own else ()
    return tuple(1 if n == 1 else (b if b > 1 else n) for n, b in zip(own, there, strict=True))


def pooling_of(node: NodeEntry, sizes: Sequence[int]) -> NodeEntry:
    """Returns a pooling for maps of a height and width; that of a chain leaves an axis of one pixel alone."""
    if not node.keep_single or 1 not in sizes:
        return node
    kernel, stride = (
        tuple(1 if size == 1 else n for n, size in zip(pair, sizes, strict=True)) for pair in (node.kernel, node.stride)
    )
    return node.model_copy(update={"kernel": kernel, "stride": stride})


def _pooled(node: NodeEntry, inputs: Sequence[Shape]) -> Shape:
    given = inputs[0]
    return _windows(pooling_of(node, given[1:]), given, given[0])


def _adaptive(node: NodeEntry, inputs: Sequence[Shape]) -> Shape:
    given = inputs[0]
    return (given[0], node.size[1]) if len(given) == 2 else (given[0], *node.size)


def _reduced(node: NodeEntry, inputs: Sequence[Shape]) -> Shape:
    axes = set(node.axes)
    return tuple(1 if i in axes else n for i, n in enumerate(inputs[0]) if node.keep_axes or i not in axes)


def _concatenated(node: NodeEntry, inputs: Sequence[Shape]) -> Shape:
    axis = node.axes[0]
    others = {shape[:axis] + shape[axis + 1 :] for shape in inputs}
    if len(others) > 1:
        raise broken(node, f"inputs of shapes {', '.join(map(_text, inputs))} cannot be joined along axis {axis}")
    return (*inputs[0][:axis], sum(shape[axis] for shape in inputs), *inputs[0][axis + 1 :])


def _multiplied(node: NodeEntry, inputs: Sequence[Shape]) -> Shape:
    first, second = inputs
    if len(first) < 2 or len(second) < 2 or first[-1] != second[-2]:
        raise broken(node, f"matrices of {_text(first)} and {_text(second)} cannot be multiplied")
    lead = broadcast(node.name, [first[:-2], second[:-2]])
    return (*lead, first[-2], second[-1])


def _flattened(node: NodeEntry, inputs: Sequence[Shape]) -> Shape:
    first, last = node.axes
    given = inputs[0]
    return (*given[:first], math.prod(given[first : last + 1]), *given[last + 1 :])


def _split(node: NodeEntry, inputs: Sequence[Shape]) -> Shape:
    axis, given = node.axes[0], inputs[0]
    known = math.prod(n for n in node.sizes if n > 0)
    if given[axis] % known or (-1 not in node.sizes and given[axis] != known):
        raise broken(node, f"an axis of {given[axis]} cannot be split into {_text(node.sizes)}")
    sizes = tuple(given[axis] // known if n < 0 else n for n in node.sizes)
    return (*given[:axis], *sizes, *given[axis + 1 :])


def _sliced(node: NodeEntry, inputs: Sequence[Shape]) -> Shape:
    axis, given = node.axes[0], inputs[0]
    n = len(range(*slice(node.start, node.stop, node.step).indices(given[axis])))
    if not n:
        raise broken(node, f"nothing is left of an axis of {given[axis]} between {node.start} and {node.stop}")
    return (*given[:axis], n, *given[axis + 1 :])


def _padded(node: NodeEntry, inputs: Sequence[Shape]) -> Shape:
    axis, given = node.axes[0], inputs[0]
    return (*given[:axis], node.start + given[axis] + (node.stop or 0), *given[axis + 1 :])


def _resized(node: NodeEntry, inputs: Sequence[Shape]) -> Shape:
    given = inputs[0]
    if len(given) == 2:
        return (given[0], given[1] * node.scale[1])
    return (given[0], given[1] * node.scale[0], given[2] * node.scale[1])


def _squeezed(node: NodeEntry, inputs: Sequence[Shape]) -> Shape:
    if any(inputs[0][axis] != 1 for axis in node.axes):
        raise broken(node, f"only axes of length 1 can be removed, got {_text(inputs[0])}")
    return tuple(n for axis, n in enumerate(inputs[0]) if axis not in node.axes)


def _unsqueezed(node: NodeEntry, inputs: Sequence[Shape]) -> Shape:
    result = list(inputs[0])
    for axis in sorted(node.axes):
        result.insert(axis, 1)
    return tuple(result)


def _text(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "a single value"


_RULES: dict[Op, Callable[[NodeEntry, Sequence[Shape]], Shape]] = {
    Op.MATMUL: _multiplied,
    Op.CONCATENATE: _concatenated,
    Op.MAX_POOL: _pooled,
    Op.AVERAGE_POOL: _pooled,
    Op.ADAPTIVE_AVERAGE_POOL: _adaptive,
    Op.ADAPTIVE_MAX_POOL: _adaptive,
    Op.CHANNEL_AVERAGE: lambda node, inputs: inputs[0],
    Op.MEAN: _reduced,
    Op.SUM: _reduced,
    Op.LARGEST: _reduced,
    Op.FLATTEN: _flattened,
    Op.SPLIT_AXIS: _split,
    Op.PERMUTE: lambda node, inputs: tuple(inputs[0][axis] for axis in node.order),
    Op.SQUEEZE: _squeezed,
    Op.UNSQUEEZE: _unsqueezed,
    Op.SLICE: _sliced,
    Op.PAD: _padded,
    Op.REPEAT: lambda node, inputs: tuple(n * m for n, m in zip(inputs[0], node.sizes, strict=True)),
    Op.RESIZE: _resized,
}
