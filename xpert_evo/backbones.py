"""Backbones by name: the built-in ones, and those of a user's own description."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from xpert_evo.backbone import Backbone
from xpert_evo.backbone_file import BackboneDescription
from xpert_evo.bundled import BUNDLED_CHAINS
from xpert_evo.bundled_graphs import BUNDLED_GRAPHS
from xpert_evo.chains import BackboneLayer, LayerKind
from xpert_evo.errors import ConfigError, DesignError
from xpert_evo.image_sources import IMAGE_SIZE, ImageSize
from xpert_evo.networks.graph import Graph
from xpert_evo.networks.nodes import INPUT
from xpert_evo.validation import nearest

__all__ = [
    "BACKBONES",
    "INPUT",
    "Backbone",
    "BackboneLayer",
    "LayerKind",
    "backbone_of",
    "load_backbone",
]


def _own(
    description: BackboneDescription, n_classes: int, image_channels: int, image_size: ImageSize | None
) -> Backbone:
    """Builds a custom backbone; its name ends in a digest of its layers, which identifies it in designs."""
    if description.nodes:
        plain = description.model_dump(mode="json", exclude_defaults=True, include={"input", "nodes"})
        name = f"{description.name}-{_digest(plain)}"
        try:
            graph = Graph(description.nodes, description.input)
        except ConfigError as failure:
            raise ConfigError(f"backbone {description.name}: {failure}") from None
        return Backbone.of_graph(
            name, graph, n_classes=n_classes, image_channels=image_channels, image_size=image_size, own=description
        )
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
    name = f"{description.name}-{_digest([asdict(layer) for layer in layers])}"
    return Backbone(
        name,
        tuple(layers),
        image_size=image_size or IMAGE_SIZE,
        n_classes=n_classes,
        image_channels=image_channels,
        own=description,
    )


def _digest(plain: object) -> str:
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def load_backbone(
    backbone: str | BackboneDescription,
    *,
    n_classes: int = 10,
    image_channels: int = 3,
    image_size: ImageSize | None = None,
) -> Backbone:
    """Returns a built-in backbone by name, or a custom one; raises ConfigError if it is unknown or badly connected.

    Args:
        backbone: Name in `BACKBONES`, or a description.
        n_classes: Number of classes of the data set.
        image_channels: Channels of the images of the data set.
        image_size: Size of the images of the data set; None for the network's own size, which is 32 x 32 for chains.
    """
    if isinstance(backbone, BackboneDescription):
        return _own(backbone, n_classes, image_channels, image_size)
    if backbone in BUNDLED_CHAINS:
        layers = BUNDLED_CHAINS[backbone]()
        return Backbone(
            backbone,
            tuple(layers),
            image_size=image_size or IMAGE_SIZE,
            n_classes=n_classes,
            image_channels=image_channels,
        )
    if backbone in BUNDLED_GRAPHS:
        return Backbone.of_graph(
            backbone,
            BUNDLED_GRAPHS[backbone](),
            n_classes=n_classes,
            image_channels=image_channels,
            image_size=image_size,
        )
    raise ConfigError(
        f"unknown backbone '{backbone}'; {nearest(backbone, BACKBONES)} To use your own backbone, give its file: "
        "--set space.backbone=FILE.toml (runs with a custom backbone keep it as backbone.toml in their folder)."
    )


def backbone_of(
    name: str,
    offered: str | BackboneDescription,
    *,
    n_classes: int = 10,
    image_channels: int = 3,
    image_size: ImageSize | None = None,
) -> Backbone:
    """Returns the backbone that a design names: the custom one from the settings if it matches, or a built-in one.

    Args:
        name: Name given in the design.
        offered: `space.backbone` of the settings.
        n_classes: Number of classes of the data set.
        image_channels: Channels of the images of the data set.
        image_size: Size of the images of the data set; None for the network's own.

    Raises:
        DesignError: If the name is neither.
    """
    if isinstance(offered, BackboneDescription):
        own = load_backbone(offered, n_classes=n_classes, image_channels=image_channels, image_size=image_size)
        if own.name == name:
            return own
    if name not in BACKBONES:
        raise DesignError(
            f"the design is for the unknown backbone '{name}'; known: {', '.join(sorted(BACKBONES))}. A design of a "
            "custom backbone needs its file: --set space.backbone=FILE.toml (runs with a custom backbone keep it as "
            "backbone.toml in their folder)."
        )
    return load_backbone(name, n_classes=n_classes, image_channels=image_channels, image_size=image_size)


BACKBONES: Sequence[str] = (*BUNDLED_CHAINS, *BUNDLED_GRAPHS)
"""Names of the built-in backbones."""
