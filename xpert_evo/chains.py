"""Backbones described layer by layer: a chain of square convolutions and one linear classifier.

Each layer names the layer whose output it reads and, in residual networks, the layer whose output is added to its own.
Layers with the same `depth_group` have the same channel depth, which ties the two sides of a residual addition
together. Batch norm and a ReLU follow every convolution; the classifier averages each map.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from xpert_evo.errors import ConfigError
from xpert_evo.image_sources import ImageSize
from xpert_evo.networks.graph import Graph
from xpert_evo.networks.nodes import INPUT, NodeEntry, Op
from xpert_evo.validation import nearest


class LayerKind(StrEnum):
    """Operation of a layer; both kinds are matrix products on crossbars."""

    CONVOLUTION = "convolution"
    LINEAR = "linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A crossbar layer of any backbone.

    Attributes:
        name: Name, unique within the backbone, as in design files.
        kind: Convolution or linear layer.
        reference_depth: Channel depth of the published network; None for the classifier of a chain.
        depth_group: Layers of one group share a channel depth; defaults to the layer's own name.
    """

    name: str
    kind: LayerKind = LayerKind.CONVOLUTION
    reference_depth: int | None = None
    depth_group: str = ""

    @property
    def group(self) -> str:
        """The channel-depth group; by default the layer is its own group."""
        return self.depth_group or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneLayer(Layer):
    """One convolution of a chain, or its classifier, which has one output per class.

    Attributes:
        kernel_size: Side of the square kernel; 1 for linear layers.
        stride: Stride of the convolution; padding preserves the size at stride 1.
        pool: Whether a 2 x 2 maximum pooling follows (omitted where the map is already 1 x 1).
        source: Layer whose output this one reads; `input` is the image.
        adds: Layer whose output is added to this one's before the activation.
    """

    kernel_size: int = 3
    stride: int = 1
    pool: bool = False
    source: str
    adds: str | None = None


@dataclass(frozen=True)
class Chain:
    """The layers of a chain; the last one is the classifier.

    Attributes:
        name: Name of the backbone, for messages.
        layers: Layers in execution order.
    """

    name: str
    layers: tuple[BackboneLayer, ...]
    _index: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Checks the wiring; raises ConfigError."""
        for i, layer in enumerate(self.layers):
            self._check_reads(layer)
            if layer.name in self._index or layer.name == INPUT:
                raise ConfigError(f"backbone {self.name}: two layers have the name '{layer.name}'; rename one.")
            self._index[layer.name] = i
            if (layer.kind is LayerKind.LINEAR) != (i == len(self.layers) - 1):
                raise ConfigError(
                    f"backbone {self.name}: the last layer, and no other, must be linear; see {layer.name}."
                )
        self._check_all_are_read()

    def _check_reads(self, layer: BackboneLayer) -> None:
        """Raises ConfigError unless a layer reads and adds earlier layers, and adds one with the same depth."""
        for name in filter(None, (layer.source, layer.adds)):
            if name != INPUT and name not in self._index:
                raise ConfigError(
                    f"backbone {self.name}: layer {layer.name} reads '{name}', which is not an earlier layer; "
                    + nearest(name, [INPUT, *self._index])
                )
        if layer.adds == INPUT:
            raise ConfigError(
                f"backbone {self.name}: layer {layer.name} adds the image; add the output of a layer instead."
            )
        if layer.adds and self.layers[self._index[layer.adds]].group != layer.group:
            raise ConfigError(
                f"backbone {self.name}: {layer.name} adds {layer.adds}, so both need the same depth_group, "
                f"got '{layer.group}' and '{self.layers[self._index[layer.adds]].group}'."
            )

    def _check_all_are_read(self) -> None:
        read = {name for layer in self.layers for name in (layer.source, layer.adds)}
        idle = [layer.name for layer in self.layers[:-1] if layer.name not in read]
        if idle:
            raise ConfigError(f"backbone {self.name}: no layer reads the output of {idle[0]}; connect it or remove it.")

    def check_sizes(self, image_size: ImageSize) -> None:
        """Raises ConfigError if maps of different size would be added, for a given image size."""
        for side in dict.fromkeys(image_size):
            self._check_sides(side)

    def _check_sides(self, image_size: int) -> None:
        sizes, passed_on = self.sizes(image_size)
        for layer, size in zip(self.layers, sizes, strict=True):
            if layer.adds and passed_on[self._index[layer.adds]] != size:
                raise ConfigError(
                    f"backbone {self.name}: {layer.name} adds {layer.adds}, whose map has a side of "
                    f"{passed_on[self._index[layer.adds]]} pixels, not {size} (images of {image_size}); give both the "
                    "same strides and poolings."
                )

    def sources(self) -> tuple[int | None, ...]:
        """Position of the layer that each layer reads; None for the image."""
        return tuple(None if layer.source == INPUT else self._index[layer.source] for layer in self.layers)

    def owners(self) -> tuple[int | None, ...]:
        """First layer of each layer's depth group, which owns the gene; None for the classifier."""
        first: dict[str, int] = {}
        return tuple(
            None if layer.kind is LayerKind.LINEAR else first.setdefault(layer.group, i)
            for i, layer in enumerate(self.layers)
        )

    def sizes(self, image_size: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Returns the side of each layer's output map [pixels] before and after its pooling."""
        passed_on: list[int] = []
        sizes: list[int] = []
        for layer, source in zip(self.layers, self.sources(), strict=True):
            size = image_size if source is None else passed_on[source]
            size = 1 if layer.kind is LayerKind.LINEAR else -(-size // layer.stride)
            sizes.append(size)
            passed_on.append(size // 2 if layer.pool and size > 1 else size)
        return tuple(sizes), tuple(passed_on)


def chain_graph(layers: Sequence[BackboneLayer], input_shape: tuple[int, int, int], n_classes: int) -> Graph:
    """Returns the graph of a chain.

    Layers rectify their own inputs, which commutes with maximum pooling; only an output that is added is rectified
    before.
    """
    nodes: list[NodeEntry] = []
    outputs = {INPUT: INPUT}
    for layer in layers:
        source, name = outputs[layer.source], layer.name
        if layer.kind is LayerKind.LINEAR:
            nodes += [
                NodeEntry(name=f"{name}_rectified", op=Op.RELU, inputs=(source,)),
                NodeEntry(name=f"{name}_mean", op=Op.MEAN, inputs=(f"{name}_rectified",), axes=(1, 2), keep_axes=True),
                NodeEntry(name=name, op=Op.CONVOLUTION, inputs=(f"{name}_mean",), depth=n_classes),
                NodeEntry(name=f"{name}_scores", op=Op.FLATTEN, inputs=(name,), axes=(0, 2)),
            ]
            continue
        half = layer.kernel_size // 2
        nodes.append(
            NodeEntry(
                name=name,
                op=Op.CONVOLUTION,
                inputs=(source,),
                depth=layer.reference_depth or 1,
                kernel=(layer.kernel_size, layer.kernel_size),
                stride=(layer.stride, layer.stride),
                padding=(half,) * 4,
                normalised=True,
                rectifies=True,
            )
        )
        outputs[name] = name
        if layer.adds is not None:
            shortcut = f"{name}_shortcut"
            nodes += [
                NodeEntry(name=shortcut, op=Op.RELU, inputs=(outputs[layer.adds],)),
                NodeEntry(name=f"{name}_sum", op=Op.ADD, inputs=(name, shortcut)),
            ]
            outputs[name] = f"{name}_sum"
        if layer.pool:
            pooled = f"{name}_pooled"
            nodes.append(
                NodeEntry(
                    name=pooled,
                    op=Op.MAX_POOL,
                    inputs=(outputs[name],),
                    kernel=(2, 2),
                    stride=(2, 2),
                    keep_single=True,
                )
            )
            outputs[name] = pooled
    return Graph(tuple(nodes), input_shape)
