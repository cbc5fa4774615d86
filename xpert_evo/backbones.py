"""Backbones: the fixed part of a network whose channel depths and peripherals are searched.

A backbone is a chain of layers in the order in which the chip runs them. Each layer names the layer whose output it
reads and, in residual networks, the layer whose output is added to its own. Layers with the same `depth_group` have the
same channel depth, which ties the two sides of a residual addition together.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property

from xpert_evo.backbone_file import BackboneDescription
from xpert_evo.errors import ConfigError, DesignError
from xpert_evo.validation import nearest

INPUT = "input"


class LayerKind(StrEnum):
    """Operation of a layer; both kinds are matrix products on crossbars."""

    CONVOLUTION = "convolution"
    LINEAR = "linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneLayer:
    """One convolution or the classifier.

    Attributes:
        name: Name, unique within the backbone, as in design files.
        kind: Convolutions have a channel depth; the linear classifier has one output per class.
        reference_depth: Channel depth of the published network; None for the classifier.
        kernel_size: Side of the square kernel; 1 for linear layers.
        stride: Stride of the convolution; padding preserves the size at stride 1.
        pool: Whether a 2 x 2 maximum pooling follows (omitted where the map is already 1 x 1).
        source: Layer whose output this one reads; `input` is the image.
        adds: Layer whose output is added to this one's before the activation.
        depth_group: Layers of one group share a channel depth; defaults to the layer's own name.
    """

    name: str
    kind: LayerKind = LayerKind.CONVOLUTION
    reference_depth: int | None = None
    kernel_size: int = 3
    stride: int = 1
    pool: bool = False
    source: str
    adds: str | None = None
    depth_group: str = ""

    @property
    def group(self) -> str:
        """The channel-depth group; by default the layer is its own group."""
        return self.depth_group or self.name


@dataclass(frozen=True)
class Backbone:
    """A named chain of layers; the last one is the classifier.

    Attributes:
        name: Name in design files and settings.
        layers: Layers in execution order.
        image_size: Side of the square image, in pixels, for which hardware cost is computed.
        image_channels: Channels of the image.
        n_classes: Number of classes.
        own: Description from which the backbone was built; None for a built-in one.
    """

    name: str
    layers: tuple[BackboneLayer, ...]
    image_size: int = 32
    image_channels: int = 3
    n_classes: int = 10
    own: BackboneDescription | None = None
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
        for image_size in (self.image_size, self.image_size // 2):
            self.check_sizes(image_size)

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

    def check_sizes(self, image_size: int) -> None:
        """Raises ConfigError if maps of different size would be added, for a given image size [pixels]."""
        sizes, passed_on = self._sizes(image_size)
        for layer, size in zip(self.layers, sizes, strict=True):
            if layer.adds and passed_on[self._index[layer.adds]] != size:
                raise ConfigError(
                    f"backbone {self.name}: {layer.name} adds {layer.adds}, whose map has a side of "
                    f"{passed_on[self._index[layer.adds]]} pixels, not {size} (images of {image_size}); give both the "
                    "same strides and poolings."
                )

    def index(self, name: str) -> int:
        """Position of the layer called `name`; raises KeyError."""
        return self._index[name]

    @cached_property
    def sources(self) -> tuple[int | None, ...]:
        """Position of the layer that each layer reads; None for the image."""
        return tuple(None if layer.source == INPUT else self._index[layer.source] for layer in self.layers)

    @cached_property
    def depth_owners(self) -> tuple[int | None, ...]:
        """First layer of each layer's depth group, which owns the gene; None for the classifier."""
        first: dict[str, int] = {}
        return tuple(
            None if layer.kind is LayerKind.LINEAR else first.setdefault(layer.group, i)
            for i, layer in enumerate(self.layers)
        )

    def output_sizes(self, image_size: int | None = None) -> tuple[int, ...]:
        """Returns the side of each layer's output map in pixels, before its pooling; 1 for the classifier.

        Args:
            image_size: Side of the image; by default the backbone's own. Smaller images make training cheap.
        """
        return self._sizes(image_size or self.image_size)[0]

    def _sizes(self, image_size: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Returns the side of each layer's output map [pixels] before and after its pooling."""
        passed_on: list[int] = []
        sizes: list[int] = []
        for layer, source in zip(self.layers, self.sources, strict=True):
            size = image_size if source is None else passed_on[source]
            size = 1 if layer.kind is LayerKind.LINEAR else -(-size // layer.stride)
            sizes.append(size)
            passed_on.append(size // 2 if layer.pool and size > 1 else size)
        return tuple(sizes), tuple(passed_on)


def _vgg(name: str, depths: tuple[int, ...], pooled: tuple[int, ...], n_classes: int, image_channels: int) -> Backbone:
    """A plain chain of 3 x 3 convolutions; `pooled` counts from 1."""
    layers = [
        BackboneLayer(
            name=f"conv{i}",
            reference_depth=depth,
            pool=i in pooled,
            source=INPUT if i == 1 else f"conv{i - 1}",
        )
        for i, depth in enumerate(depths, 1)
    ]
    classifier = BackboneLayer(name="classifier", kind=LayerKind.LINEAR, kernel_size=1, source=f"conv{len(depths)}")
    return Backbone(name, (*layers, classifier), n_classes=n_classes, image_channels=image_channels)


def _vgg16(n_classes: int, image_channels: int) -> Backbone:
    """VGG16 for small images: 13 convolutions and one classifier (Simonyan and Zisserman, ICLR 2015)."""
    depths = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    return _vgg("vgg16", depths, (2, 4, 7, 10, 13), n_classes, image_channels)


def _vgg8(n_classes: int, image_channels: int) -> Backbone:
    """VGG8, the usual small network of IMC simulators: six convolutions and one classifier."""
    return _vgg("vgg8", (128, 128, 256, 256, 512, 512), (2, 4, 6), n_classes, image_channels)


def _resnet20(n_classes: int, image_channels: int) -> Backbone:
    """ResNet20 for small images (He et al., CVPR 2016) with 1 x 1 projections where the size changes.

    The channel depth is tied along each of the three residual stages.
    """
    layers = [BackboneLayer(name="conv1", reference_depth=16, source=INPUT, depth_group="stage1")]
    last = "conv1"
    for stage, depth in enumerate((16, 32, 64), 1):
        for block in range(1, 4):
            group, stride = f"stage{stage}", 2 if stage > 1 and block == 1 else 1
            first, second, shortcut = f"s{stage}b{block}a", f"s{stage}b{block}b", last
            layers.append(BackboneLayer(name=first, reference_depth=depth, stride=stride, source=last))
            if stride == 2:
                shortcut = f"s{stage}projection"
                layers.append(
                    BackboneLayer(
                        name=shortcut,
                        reference_depth=depth,
                        kernel_size=1,
                        stride=2,
                        source=last,
                        depth_group=group,
                    )
                )
            layers.append(
                BackboneLayer(name=second, reference_depth=depth, source=first, adds=shortcut, depth_group=group)
            )
            last = second
    layers.append(BackboneLayer(name="classifier", kind=LayerKind.LINEAR, kernel_size=1, source=last))
    return Backbone("resnet20", tuple(layers), n_classes=n_classes, image_channels=image_channels)


def _own(description: BackboneDescription, n_classes: int, image_channels: int) -> Backbone:
    """Builds a custom backbone; its name ends in a digest of its layers, which identifies it in designs."""
    layers: list[BackboneLayer] = []
    for entry in description.layers:
        kind = LayerKind(entry.kind)
        layers.append(
            BackboneLayer(
                name=entry.name,
                kind=kind,
                reference_depth=entry.reference_depth,
                kernel_size=1 if kind is LayerKind.LINEAR else entry.kernel_size,
                stride=entry.stride,
                pool=entry.pool,
                source=entry.source or (layers[-1].name if layers else INPUT),
                adds=entry.adds,
                depth_group=entry.depth_group or entry.name,
            )
        )
    text = json.dumps([asdict(layer) for layer in layers], sort_keys=True, separators=(",", ":"))
    name = f"{description.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return Backbone(name, tuple(layers), n_classes=n_classes, image_channels=image_channels, own=description)


def load_backbone(backbone: str | BackboneDescription, *, n_classes: int = 10, image_channels: int = 3) -> Backbone:
    """Returns a built-in backbone by name, or a custom one; raises ConfigError if it is unknown or badly connected.

    Args:
        backbone: Name in `BACKBONES`, or a description.
        n_classes: Number of classes of the data set.
        image_channels: Channels of the images of the data set.
    """
    if isinstance(backbone, BackboneDescription):
        return _own(backbone, n_classes, image_channels)
    if backbone not in BACKBONES:
        raise ConfigError(
            f"unknown backbone '{backbone}'; {nearest(backbone, BACKBONES)} To use your own backbone, give its file: "
            "--set space.backbone=FILE.toml (runs with a custom backbone keep it as backbone.toml in their folder)."
        )
    return BACKBONES[backbone](n_classes, image_channels)


def backbone_of(
    name: str, offered: str | BackboneDescription, *, n_classes: int = 10, image_channels: int = 3
) -> Backbone:
    """Returns the backbone that a design names: the custom one from the settings if it matches, or a built-in one.

    Args:
        name: Name given in the design.
        offered: `space.backbone` of the settings.
        n_classes: Number of classes of the data set.
        image_channels: Channels of the images of the data set.

    Raises:
        DesignError: If the name is neither.
    """
    if isinstance(offered, BackboneDescription):
        own = load_backbone(offered, n_classes=n_classes, image_channels=image_channels)
        if own.name == name:
            return own
    if name not in BACKBONES:
        raise DesignError(
            f"the design is for the unknown backbone '{name}'; known: {', '.join(sorted(BACKBONES))}. A design of a "
            "custom backbone needs its file: --set space.backbone=FILE.toml (runs with a custom backbone keep it as "
            "backbone.toml in their folder)."
        )
    return load_backbone(name, n_classes=n_classes, image_channels=image_channels)


BACKBONES = {"vgg16": _vgg16, "vgg8": _vgg8, "resnet20": _resnet20}
