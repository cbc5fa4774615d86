"""A network as a graph of nodes, and all that follows from it: shapes, depths, signs and digital work."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from xpert_evo.errors import ConfigError
from xpert_evo.networks.channels import IMAGE, Depths, Segment, depths_of
from xpert_evo.networks.nodes import INPUT, NodeEntry, Op, Shape
from xpert_evo.networks.shapes import node_shape, parameter_shape
from xpert_evo.networks.signs import not_negative
from xpert_evo.networks.work import Work, charged_to, work_of


@dataclass(frozen=True)
class Graph:
    """Nodes in execution order; the last one is the output.

    Attributes:
        nodes: The nodes; each reads earlier ones or the input.
        input_shape: Shape of the input in the original network: (channels, height, width), (channels, length) or
            (values,).
    """

    nodes: tuple[NodeEntry, ...]
    input_shape: Shape

    def __post_init__(self) -> None:
        """Checks the connections and shapes; raises ConfigError."""
        seen = {INPUT}
        for node in self.nodes:
            if node.name in seen:
                raise ConfigError(f"two nodes have the name '{node.name}'; rename one.")
            missing = [name for name in node.inputs if name not in seen]
            if missing:
                raise ConfigError(f"node {node.name} reads '{missing[0]}', which is not an earlier node.")
            if node.on_crossbars and node.depth is None:
                raise ConfigError(f"node {node.name} ({node.op}) needs a depth, its number of output channels.")
            if not node.inputs and node.op is not Op.PARAMETER:
                raise ConfigError(f"node {node.name} ({node.op}) reads nothing; name its inputs.")
            seen.add(node.name)
        if not self.layers:
            raise ConfigError("the network has no convolution and no linear layer, so nothing runs on crossbars.")
        read = {name for node in self.nodes for name in node.inputs}
        idle = [node.name for node in self.nodes[:-1] if node.name not in read]
        if idle:
            raise ConfigError(f"no node reads the output of {idle[0]}; connect it or remove it.")
        self.shapes()  # raises where inputs do not fit

    @cached_property
    def layers(self) -> tuple[NodeEntry, ...]:
        """The crossbar layers in execution order."""
        return tuple(node for node in self.nodes if node.on_crossbars)

    @cached_property
    def reference_depths(self) -> tuple[int, ...]:
        """Channel depth of each layer in the original network."""
        return tuple(node.depth or 0 for node in self.layers)

    def shapes(self, input_shape: Shape | None = None, depths: Sequence[int] | None = None) -> dict[str, Shape]:
        """Returns the shapes of all nodes and of the input, by name.

        Args:
            input_shape: Shape of the input; by default that of the original network.
            depths: Channel depth of each layer; by default those of the original network.

        Raises:
            ConfigError: The network cannot process such inputs.
        """
        if input_shape is None and depths is None:
            return self._own_shapes
        return self._shapes_of(input_shape or self.input_shape, depths or self.reference_depths)

    @cached_property
    def _own_shapes(self) -> dict[str, Shape]:
        return self._shapes_of(self.input_shape, self.reference_depths)

    def _shapes_of(self, input_shape: Shape, depths: Sequence[int]) -> dict[str, Shape]:
        found: dict[str, Shape] = {INPUT: tuple(input_shape)}
        parameters = {node.name: node for node in self.nodes if node.op is Op.PARAMETER}
        remaining = iter(depths)
        for node in self.nodes:
            if node.op is Op.PARAMETER:
                continue
            for position, name in enumerate(node.inputs):
                if name in parameters and name not in found:
                    partner = next((found[other] for other in node.inputs if other in found), parameters[name].sizes)
                    found[name] = parameter_shape(parameters[name], node, partner, position)
            depth = next(remaining) if node.on_crossbars else None
            found[node.name] = node_shape(node, [found[name] for name in node.inputs], depth, None)
        return found

    @cached_property
    def channels(self) -> Depths:
        """Channel depths: ties, fixed ones and the channels that layers read."""
        found = depths_of(self.nodes, self._own_shapes, INPUT)
        axis = found.axes.get(self.nodes[-1].name)
        if self.classifier is None and axis is not None:
            found.fix_all(axis.segments, "the output of the network depends on it")
        return found

    @cached_property
    def classifier(self) -> int | None:
        """Position of the layer whose outputs are the class scores; None if other operations determine the output."""
        found = depths_of(self.nodes, self._own_shapes, INPUT)
        output = self.nodes[-1].name
        axis, shape = found.axes.get(output), self._own_shapes[output]
        if axis is None or len(axis.segments) != 1 or axis.segments[0].count != 1:
            return None
        layer = axis.segments[0].layer
        if layer == IMAGE or any(n > 1 for i, n in enumerate(shape) if i != axis.position):
            return None
        group = found.first(layer)
        members = [i for i in range(len(self.layers)) if found.first(i) == group]
        read_by = [s.layer for reads in found.reads for s in reads or ()]
        return layer if members == [layer] and layer not in read_by and group not in found.fixed else None

    @cached_property
    def owners(self) -> tuple[int | None, ...]:
        """First layer of each layer's depth group, which owns the gene; None where the depth cannot vary."""
        channels, classifier = self.channels, self.classifier
        return tuple(
            None if i == classifier or channels.first(i) in channels.fixed else channels.first(i)
            for i in range(len(self.layers))
        )

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """A sentence for every group of layers whose depth cannot vary."""
        channels = self.channels
        groups: dict[int, list[str]] = {}
        for i, node in enumerate(self.layers):
            if i != self.classifier and channels.first(i) in channels.fixed:
                groups.setdefault(channels.first(i), []).append(node.name)
        return tuple(
            f"the depth of {_listed(names)} is fixed: {channels.fixed[first]}" for first, names in groups.items()
        )

    @cached_property
    def not_negative(self) -> frozenset[str]:
        """Nodes whose output cannot be negative, and the input."""
        return not_negative(self.nodes)

    @cached_property
    def signed(self) -> tuple[bool, ...]:
        """Whether the input of each layer can be negative, so that the layer takes two passes."""
        return tuple(not node.rectifies and node.inputs[0] not in self.not_negative for node in self.layers)

    @cached_property
    def work(self) -> tuple[tuple[Work, Work], ...]:
        """Digital work charged to each layer for one image: a fixed part, and a part for each of its channels.

        Work on channels belongs to the layers that they come from, all other work to the last layer before it.
        """
        shapes, last = self._own_shapes, charged_to(self.nodes)
        total = [(Work(), Work()) for _ in self.layers]
        for node in self.nodes:
            work = work_of(node, shapes)
            if work == Work():
                continue
            axis = self.channels.axes.get(node.name) or self.channels.axes.get((*node.inputs, "")[0])
            length = sum(s.count * self._depth(s) for s in axis.segments) if axis is not None else 0
            if axis is None or not length or any(n % length for n in work):
                position = last[node.name]
                total[position] = (total[position][0] + work, total[position][1])
                continue
            for segment in axis.segments:
                part = work.times(segment.count, length)
                if segment.layer == IMAGE:
                    total[0] = (total[0][0] + part.times(self.input_shape[0], 1), total[0][1])
                else:
                    fixed, each = total[segment.layer]
                    total[segment.layer] = (fixed, each + part)
        return tuple(total)

    def _depth(self, segment: Segment) -> int:
        return self.input_shape[0] if segment.layer == IMAGE else self.reference_depths[segment.layer]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more layers"
