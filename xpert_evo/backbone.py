"""Backbones: the fixed part of a network whose channel depths and peripherals are searched.

A backbone is a graph of crossbar layers and digital operations (`xpert_evo.networks`). It comes from a chain of layers
(`chains`), such as the bundled ones, or from the nodes of an imported network.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hw_models import DigitalWork
from xpert_evo.backbone_file import BackboneDescription
from xpert_evo.chains import BackboneLayer, Chain, Layer, LayerKind, chain_graph
from xpert_evo.errors import ConfigError
from xpert_evo.image_sources import IMAGE_SIZE, ImageSize, size_text
from xpert_evo.networks.channels import IMAGE, Segment
from xpert_evo.networks.graph import Graph
from xpert_evo.networks.nodes import NodeEntry, Op, Shape
from xpert_evo.networks.shapes import as_map

_SIZES = (1 / 2, 3 / 4, 1.0, 3 / 2)
"""Channel depths offered for a layer of an imported network, relative to its own."""

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Backbone:
    """A named network; `Backbone.of_graph` builds one from a graph.

    Attributes:
        name: Name in design files and settings.
        layers: Crossbar layers in execution order.
        image_size: Height and width of the image for which hardware cost is computed [pixels].
        image_channels: Channels of the image.
        n_classes: Number of classes.
        own: Description from which the backbone was built; None for a built-in one.
        given: Graph; None for a chain, whose graph follows from its layers.
    """

    name: str
    layers: tuple[Layer, ...]
    image_size: ImageSize = IMAGE_SIZE
    image_channels: int = 3
    n_classes: int = 10
    own: BackboneDescription | None = None
    given: Graph | None = None

    def __post_init__(self) -> None:
        """Checks the wiring of a chain; raises ConfigError."""
        if self.chain is not None:
            height, width = self.image_size
            for size in (self.image_size, (max(1, height // 2), max(1, width // 2))):
                self.chain.check_sizes(size)

    @classmethod
    def of_graph(
        cls,
        name: str,
        graph: Graph,
        *,
        n_classes: int,
        image_channels: int,
        image_size: ImageSize | None = None,
        own: BackboneDescription | None = None,
    ) -> "Backbone":
        """Returns the backbone of a graph for a data set.

        The classifier, if the graph ends in one, gets an output for each class. Without one, the number of classes is
        that of the graph's outputs.

        Raises:
            ConfigError: The graph cannot process such images.
        """
        adapted = _adapted(name, graph, n_classes, image_channels, image_size)
        output = adapted.shapes()[adapted.nodes[-1].name]
        layers = tuple(
            Layer(
                name=node.name,
                kind=LayerKind.LINEAR if node.op is Op.LINEAR else LayerKind.CONVOLUTION,
                reference_depth=None if i == adapted.classifier else node.depth,
                depth_group=adapted.layers[adapted.channels.first(i)].name,
            )
            for i, node in enumerate(adapted.layers)
        )
        return cls(
            name,
            layers,
            image_size=image_size or _image_size(adapted.input_shape),
            image_channels=image_channels if image_size is not None else adapted.input_shape[0],
            n_classes=int(np.prod(output)),
            own=own,
            given=adapted,
        )

    @cached_property
    def chain(self) -> Chain | None:
        """The layers as a chain; None for a graph."""
        if self.given is not None:
            return None
        return Chain(self.name, tuple(layer for layer in self.layers if isinstance(layer, BackboneLayer)))

    @property
    def told_channels(self) -> int | None:
        """Image channels, for files of weights; None for a chain, whose first weights tell them."""
        return None if self.chain is not None else self.image_channels

    @cached_property
    def graph(self) -> Graph:
        """Nodes and connections."""
        if self.given is not None:
            return self.given
        return chain_graph(self._chain.layers, (self.image_channels, *self.image_size), self.n_classes)

    @cached_property
    def sources(self) -> tuple[int | None, ...]:
        """Position of the layer that each layer of a chain reads; None for the image."""
        return self._chain.sources()

    def output_sizes(self, image_size: ImageSize | None = None) -> tuple[ImageSize, ...]:
        """Returns height and width of each output map of a chain [pixels], before its pooling.

        Args:
            image_size: Size of the image; by default the backbone's own. Smaller images make training cheap.
        """
        heights, widths = (self._chain.sizes(side)[0] for side in image_size or self.image_size)
        return tuple(zip(heights, widths, strict=True))

    @property
    def chain_layers(self) -> tuple[BackboneLayer, ...]:
        """The layers of a chain."""
        return self._chain.layers

    @property
    def _chain(self) -> Chain:
        assert self.chain is not None, "a graph has no chain"
        return self.chain

    @property
    def input_shape(self) -> Shape:
        """Shape of the input for which hardware cost is computed."""
        return self.graph.input_shape

    def scaled_input(self, image_size: ImageSize) -> Shape:
        """Returns the shape of the input for images of another size."""
        return _input_shape(len(self.input_shape), self.image_channels, image_size)

    def check_sizes(self, image_size: ImageSize) -> None:
        """Raises ConfigError if the network cannot process images of a size."""
        if self.chain is not None:
            self.chain.check_sizes(image_size)
            return
        try:
            self.graph.shapes(self.scaled_input(image_size))
        except ConfigError as failure:
            raise ConfigError(f"backbone {self.name} with images of {size_text(image_size)}: {failure}") from None

    @cached_property
    def _index(self) -> dict[str, int]:
        return {layer.name: i for i, layer in enumerate(self.layers)}

    def index(self, name: str) -> int:
        """Position of the layer called `name`; raises KeyError."""
        return self._index[name]

    @cached_property
    def depth_owners(self) -> tuple[int | None, ...]:
        """First layer of each layer's depth group, which owns the gene; None where the depth cannot vary."""
        return self.graph.owners if self.chain is None else self.chain.owners()

    @cached_property
    def fixed_depths(self) -> tuple[int, ...]:
        """Channel depth of each layer in the original network, with an output of the classifier for each class."""
        return self.graph.reference_depths

    def offered_depths(self, position: int) -> tuple[int, ...] | None:
        """Returns the channel depths that the backbone itself offers for a layer; None for those of all layers."""
        if self.chain is not None:
            return None
        node, channels = self.graph.layers[position], self.graph.channels
        if channels.first(position) in {channels.first(layer) for layer in channels.single}:
            return (1,)
        if node.depth_choices:
            return node.depth_choices
        depth = node.depth or 1
        step = 8 if depth >= 32 else 4 if depth >= 16 else 1
        near = {max(1, round(depth * ratio / step) * step) for ratio in _SIZES if ratio != 1}
        return tuple(sorted(near | {depth}))

    @cached_property
    def reads(self) -> tuple[tuple[Segment, ...], ...]:
        """What the input channels of each layer consist of; an empty tuple where they do not depend on depths."""
        return tuple(segments or () for segments in self.graph.channels.reads)

    @cached_property
    def _read_table(self) -> tuple[IntArray, IntArray]:
        """Counts of each layer's depth in each layer's input, (layers, layers), and channels that are fixed."""
        n = len(self.layers)
        counts, fixed = np.zeros((n, n), dtype=np.int64), np.zeros(n, dtype=np.int64)
        shapes = self.graph.shapes()
        for i, (node, segments) in enumerate(zip(self.graph.layers, self.reads, strict=True)):
            if not segments:
                given = shapes[node.inputs[0]]
                fixed[i] = given[-1] if node.op is Op.LINEAR else given[0]
            for segment in segments:
                if segment.layer == IMAGE:
                    fixed[i] += segment.count * self.image_channels
                else:
                    counts[i, segment.layer] += segment.count
        return counts, fixed

    def in_channels(self, depths: IntArray) -> IntArray:
        """Returns the input channels of each layer for channel depths, both (designs, layers)."""
        counts, fixed = self._read_table
        return np.asarray(depths @ counts.T + fixed)

    @cached_property
    def digital_work(self) -> tuple[DigitalWork, ...]:
        """Work of the digital unit for each layer; none for chains, whose costs are those of the published networks."""
        if self.chain is not None:
            return (DigitalWork(),) * len(self.layers)
        return tuple(
            DigitalWork(
                additions=fixed.additions,
                multiplications=fixed.multiplications,
                moved=fixed.moved,
                channel_additions=each.additions,
                channel_multiplications=each.multiplications,
                channel_moved=each.moved,
            )
            for fixed, each in self.graph.work
        )

    @cached_property
    def output_maps(self) -> tuple[tuple[int, int], ...]:
        """Height and width of each layer's output map, before its pooling; positions of a linear layer are a column."""
        return self.maps()

    def maps(self, input_shape: Shape | None = None) -> tuple[tuple[int, int], ...]:
        """Returns `output_maps` for another shape of the input."""
        shapes = self.graph.shapes(input_shape)
        return tuple(map_of(node, shapes[node.name]) for node in self.graph.layers)


def map_of(node: NodeEntry, shape: Shape) -> tuple[int, int]:
    """Returns the height and width of the map of positions that a crossbar layer with an output shape works at."""
    if node.op is Op.LINEAR:
        return (int(np.prod(shape[:-1], dtype=np.int64)), 1)
    _, height, width = as_map(shape)
    return (height, width)


def _input_shape(n_axes: int, image_channels: int, image_size: ImageSize) -> Shape:
    """Returns the shape of an input with a number of axes: maps, sequences of pixels by channel, or values."""
    height, width = image_size
    if n_axes == 1:
        return (image_channels * height * width,)
    return (image_channels, height * width) if n_axes == 2 else (image_channels, height, width)


def _image_size(input_shape: Shape) -> ImageSize:
    """Returns the size of the images that fit an input: sequences and values are images of one row."""
    if len(input_shape) == 1:
        return 1, 1
    return (1, input_shape[1]) if len(input_shape) == 2 else (input_shape[1], input_shape[2])


def _adapted(name: str, graph: Graph, n_classes: int, image_channels: int, image_size: ImageSize | None) -> Graph:
    """Returns a graph with the classes, image channels and size of the data set, where it can have them."""
    shape = (image_channels, *graph.input_shape[1:]) if len(graph.input_shape) > 1 else graph.input_shape
    if image_size is not None:
        shape = _input_shape(len(graph.input_shape), image_channels, image_size)
    nodes = list(graph.nodes)
    if graph.classifier is not None:
        name = graph.layers[graph.classifier].name
        nodes = [node.model_copy(update={"depth": n_classes}) if node.name == name else node for node in nodes]
    try:
        return Graph(tuple(nodes), shape)
    except ConfigError as failure:
        raise ConfigError(f"backbone {name} with inputs of {' x '.join(map(str, shape))}: {failure}") from None
