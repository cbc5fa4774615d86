"""Channel depths of a graph: which layers share one, which cannot vary, and how many channels each layer reads.

Every tensor has at most one axis of channels, made of segments: so many times the depth of a layer. Operations pass
the axis on, join segments, or tie the depths of the layers behind two axes. Where an operation needs a certain number
of channels, the depths behind its axis are fixed, with a note.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xpert_evo.networks.nodes import BINARY, ELEMENTWISE, NodeEntry, Op, Shape

IMAGE = -1
"""Position that stands for the channels of the input."""

_MOST_DEPTHS = 2
"""Most depths that vary behind the inputs of one layer: costs are tabled for all their combinations."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of an axis of channels: `count` times the depth of the layer at position `layer`."""

    layer: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of channels.

    Attributes:
        position: Position of the axis in the tensor's shape.
        segments: Its parts, in order.
    """

    position: int
    segments: tuple[Segment, ...]


@dataclass(slots=True)
class Depths:
    """Channel depths of a graph's layers.

    Attributes:
        reads: Segments of the channels that each layer reads; None if they do not depend on depths.
        fixed: Reason why the depth of a layer cannot vary, by the first layer of its group.
        single: Layers whose only channel is spread over many, so that their depth has to remain 1.
        widths: Channels of the input and of each layer in the original network.
        axes: Axis of channels of each node; missing without one.
        parameters: Names of the parameters, whose shapes follow those of the tensors that they are combined with.
    """

    reads: list[tuple[Segment, ...] | None] = field(default_factory=list)
    fixed: dict[int, str] = field(default_factory=dict)
    single: set[int] = field(default_factory=set)
    widths: dict[int, int] = field(default_factory=dict)
    axes: dict[str, Axis] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    _parent: dict[int, int] = field(default_factory=dict)

    def first(self, layer: int) -> int:
        """Returns the first layer of a layer's group."""
        while layer != self._parent.setdefault(layer, layer):
            layer = self._parent[layer]
        return layer

    def tie(self, one: int, other: int, why: str) -> None:
        """Ties the depths of two layers, or fixes one that is tied to the input."""
        first, second = sorted((self.first(one), self.first(other)))
        if first == second:
            return
        if first == IMAGE:
            self.fix(second, why)
            return
        self._parent[second] = first
        if second in self.fixed:
            self.fixed.setdefault(first, self.fixed.pop(second))

    def fix(self, layer: int, why: str) -> None:
        """Fixes the depth of a layer's group."""
        if layer != IMAGE:
            self.fixed.setdefault(self.first(layer), why)

    def fix_all(self, segments: Sequence[Segment], why: str) -> None:
        """Fixes all depths behind an axis."""
        for segment in segments:
            self.fix(segment.layer, why)


def depths_of(nodes: Sequence[NodeEntry], shapes: Mapping[str, Shape], input_name: str) -> Depths:
    """Traces the channels of a graph whose nodes have the given shapes."""
    found = Depths(parameters=frozenset(node.name for node in nodes if node.op is Op.PARAMETER))
    found.axes[input_name] = Axis(0, (Segment(IMAGE),))
    found.widths = dict(enumerate(node.depth or 0 for node in nodes if node.on_crossbars))
    found.widths[IMAGE] = shapes[input_name][0]
    n_layers = 0
    for node in nodes:
        axis = _Tracer(found, node, shapes, n_layers if node.on_crossbars else None).axis()
        n_layers += node.on_crossbars
        if axis is not None:
            found.axes[node.name] = axis
    for segments in found.reads:
        varying = {found.first(s.layer) for s in segments or () if s.layer != IMAGE} - set(found.fixed)
        if len(varying) > _MOST_DEPTHS:
            found.fix_all(
                segments or (), f"more than {_MOST_DEPTHS} depths that could vary are joined in the input of a layer"
            )
    return found


@dataclass(frozen=True, slots=True)
class _Tracer:
    """Finds the axis of channels of one node's output."""

    found: Depths
    node: NodeEntry
    shapes: Mapping[str, Shape]
    layer: int | None

    def axis(self) -> Axis | None:
        node = self.node
        if self.layer is not None:
            return self._of_layer(self.layer)
        if node.op is Op.PARAMETER:
            return None
        if node.op in BINARY:
            return self._of_two()
        if node.op is Op.CONCATENATE:
            return self._joined()
        if node.op is Op.MATMUL:
            for position in (0, 1):
                self._refuse(self._given(position), "multiplies activations with activations")
            return None
        axis = self._given()
        return None if axis is None else self._passed(axis)

    def _given(self, position: int = 0) -> Axis | None:
        return self.found.axes.get(self.node.inputs[position])

    def _shape(self, position: int = 0) -> Shape:
        return self.shapes[self.node.inputs[position]]

    def _refuse(self, axis: Axis | None, why: str) -> None:
        if axis is not None:
            self.found.fix_all(axis.segments, f"{self.node.name} ({self.node.op}) {why}")

    def _of_layer(self, layer: int) -> Axis:
        node, axis, shape = self.node, self._given(), self._shape()
        position = len(shape) - 1 if node.op is Op.LINEAR else 0
        if axis is not None and axis.position != position:
            self._refuse(axis, "works along another axis than that of the channels")
            axis = None
        self.found.reads.append(None if axis is None else axis.segments)
        if node.depthwise:
            self._tie_depthwise(layer, axis)
        elif node.groups > 1:
            self._refuse(axis, f"has {node.groups} groups")
            self.found.fix(layer, f"{node.name} has {node.groups} groups")
        return Axis(position, (Segment(layer),))

    def _tie_depthwise(self, layer: int, axis: Axis | None) -> None:
        whole = axis is not None and len(axis.segments) == 1 and axis.segments[0].count == 1
        if axis is not None and whole and self.node.depth == self._shape()[0]:
            self.found.tie(axis.segments[0].layer, layer, f"{self.node.name} reads the channels of the image")
            return
        why = "is depthwise and its channels are not those of a single layer"
        self._refuse(axis, why)
        self.found.fix(layer, f"{self.node.name} {why}")

    def _of_two(self) -> Axis | None:
        """The axis after an operation on two tensors, whose channels are tied where both have some."""
        rank = len(self.shapes[self.node.name])
        sides = []
        for position in range(len(self.node.inputs)):
            axis = self._given(position)
            shift = rank - len(self._shape(position))
            sides.append(None if axis is None else Axis(axis.position + shift, axis.segments))
        one, other = sides
        if one is None or other is None:
            return self._beside(one or other, without=1 if other is None else 0)
        if one.position != other.position:
            self._refuse(one, "combines channels with another axis")
            self._refuse(other, "combines channels with another axis")
            return None
        lengths = [self._length(position, one.position, rank) for position in (0, 1)]
        if 1 in lengths and lengths[0] != lengths[1]:
            narrow, wide = (other, one) if lengths[1] == 1 else (one, other)
            self.found.single.update(s.layer for s in narrow.segments)
            return wide
        self._tie_all(one, other, "combines")
        return one

    def _tie_all(self, one: Axis, other: Axis, verb: str) -> None:
        """Ties the depths behind two axes part by part, or fixes them if the parts are not equally wide."""
        widths = self.found.widths
        parts, others = ([(s.count, widths[s.layer]) for s in axis.segments] for axis in (one, other))
        if parts != others:
            for axis in (one, other):
                self._refuse(axis, f"{verb} channels of different layers")
            return
        for a, b in zip(one.segments, other.segments, strict=True):
            self._tie(a.layer, b.layer)

    def _tie(self, a: int, b: int) -> None:
        """Ties two layers whose channels are combined one by one."""
        if IMAGE in {a, b}:
            self.found.fix(max(a, b), f"{self.node.name} combines it with the channels of the image")
            return
        self.found.tie(a, b, "")

    def _length(self, position: int, axis: int, rank: int) -> int:
        place = axis - rank + len(self._shape(position))
        return self._shape(position)[place] if place >= 0 else 1

    def _beside(self, axis: Axis | None, *, without: int) -> Axis | None:
        """The axis if only one input has channels; the other one must not depend on how many."""
        if axis is None:
            return None
        name, place, shape = self.node.inputs[without], axis.position, self.shapes[self.node.name]
        if self._length(1 - without, place, len(shape)) < shape[place]:
            self.found.single.update(s.layer for s in axis.segments)
            return None
        if name in self.found.parameters or self._length(without, place, len(shape)) == 1:
            return axis
        self._refuse(axis, "combines channels with an axis of fixed length")
        return None

    def _joined(self) -> Axis | None:
        along, parts = self.node.axes[0], [self._given(i) for i in range(len(self.node.inputs))]
        known = [part for part, name in zip(parts, self.node.inputs, strict=True) if name not in self.found.parameters]
        if all(part is None for part in known):
            return None
        if all(part is not None and part.position == along for part in parts):
            return Axis(along, tuple(s for part in parts if part is not None for s in part.segments))
        places = {part.position for part in known if part is not None}
        if None in known or len(places) > 1 or along in places:
            for part in parts:
                self._refuse(part, "joins channels with another axis")
            return None
        first, *others = [part for part in known if part is not None]
        for other in others:
            self._tie_all(first, other, "joins")
        return first

    def _passed(self, axis: Axis) -> Axis | None:
        """The axis after an operation on a single input."""
        node, place = self.node, axis.position
        if node.op is Op.GROUP_NORM and node.groups > 1:
            self._refuse(axis, f"has {node.groups} groups")
        if node.op in ELEMENTWISE or node.op in _MAPS:
            return axis
        if node.op is Op.FLATTEN:
            return self._flattened(axis)
        if node.op in _REDUCTIONS or node.op in {Op.SQUEEZE, Op.UNSQUEEZE, Op.PERMUTE}:
            moved = self._moved(place)
            return None if moved is None else Axis(moved, axis.segments)
        if place in (node.axes or range(len(node.sizes))) and not self._leaves_alone(place):
            self._refuse(axis, "changes the number of channels")
            return None
        shift = len(node.sizes) - 1 if node.op is Op.SPLIT_AXIS and node.axes[0] < place else 0
        return Axis(place + shift, axis.segments)

    def _moved(self, place: int) -> int | None:
        """The position of an axis after others were removed, inserted or permuted; None if it was removed."""
        node = self.node
        if node.op is Op.PERMUTE:
            return node.order.index(place)
        if node.op is Op.UNSQUEEZE:
            for inserted in sorted(node.axes):
                place += inserted <= place
            return place
        if node.op in _REDUCTIONS and node.keep_axes:
            return None if place in node.axes else place
        return None if place in node.axes else place - sum(axis < place for axis in node.axes)

    def _leaves_alone(self, place: int) -> bool:
        return self.node.op is Op.REPEAT and self.node.sizes[place] == 1

    def _flattened(self, axis: Axis) -> Axis:
        (first, last), place, shape = self.node.axes, axis.position, self._shape()
        if place < first:
            return axis
        if place > last:
            return Axis(place - (last - first), axis.segments)
        others = math.prod(shape[first : last + 1]) // shape[place]
        if others > 1 and len(axis.segments) > 1 and place > first:
            self._refuse(axis, "mixes the channels of several layers with other axes")
        return Axis(first, tuple(Segment(s.layer, s.count * others) for s in axis.segments))


_MAPS = frozenset(
    {
        *(Op.MAX_POOL, Op.AVERAGE_POOL, Op.ADAPTIVE_AVERAGE_POOL, Op.ADAPTIVE_MAX_POOL, Op.CHANNEL_AVERAGE),
        Op.RESIZE,
    }
)
"""Operations that leave the number and the position of channels alone."""
_REDUCTIONS = frozenset({Op.MEAN, Op.SUM, Op.LARGEST})
