"""Properties of a backbone that are allowed but unusual, or of no effect, in sentences for users."""

from xpert_evo.backbones import Backbone
from xpert_evo.errors import ConfigError
from xpert_evo.networks.nodes import Op
from xpert_evo.networks.shapes import as_map

_USUAL_KERNEL = 3


def remarks_on(backbone: Backbone) -> list[str]:
    """Returns a remark for each kernel that is larger than the map it reads, so that much of it covers only padding.

    Kernels of 3 x 3 on the last, small maps of a network are usual.
    """
    found, shapes = [], backbone.graph.shapes()
    for node in backbone.graph.layers:
        if node.op is not Op.CONVOLUTION:
            continue
        _, *sizes = as_map(shapes[node.inputs[0]])
        if any(kernel > max(size, _USUAL_KERNEL) for kernel, size in zip(node.kernel, sizes, strict=True)):
            height, width = node.kernel
            kernel = f"kernel_size = {height}" if height == width else f"a kernel of {height} x {width}"
            found.append(
                f"backbone {backbone.name}: layer {node.name} has {kernel} on a map of {sizes[0]} x {sizes[1]} pixels, "
                "so much of the kernel reads only padding and still takes crossbars"
            )
    return [*found, *(f"backbone {backbone.name}: {note}" for note in _notes(backbone))]


def shared_depths(backbone: Backbone) -> str:
    """Which layers share a channel depth, in a sentence; empty where each layer has a depth of its own."""
    groups: dict[int, list[str]] = {}
    for layer, owner in zip(backbone.layers, backbone.depth_owners, strict=True):
        if owner is not None:
            groups.setdefault(owner, []).append(layer.name)
    shared = [" = ".join(names) for names in groups.values() if len(names) > 1]
    return f"Layers that share one channel depth: {'; '.join(shared)}." if shared else ""


def check_depth_choices(backbone: Backbone) -> None:
    """Raises ConfigError for a node whose `depth_choices` no gene offers: its depth is fixed, or that of another."""
    positions = {layer.name: i for i, layer in enumerate(backbone.layers)}
    for node in backbone.graph.nodes:
        if not node.depth_choices:
            continue
        setting = f"backbone {backbone.name}: depth_choices of node {node.name}"
        if node.name not in positions:
            raise ConfigError(f"{setting}: only convolutions and linear layers have a depth to choose; remove them.")
        position = positions[node.name]
        owner = backbone.depth_owners[position]
        if owner is None and position == backbone.graph.classifier:
            raise ConfigError(f"{setting}: the classifier has one output per class; remove them.")
        if owner is None or backbone.offered_depths(position) != node.depth_choices:
            raise ConfigError(f"{setting}: its depth is fixed by the network; remove them.")
        if owner != position:
            first = backbone.layers[owner].name
            raise ConfigError(
                f"{setting}: it shares its channel depth with {first}; give the choices of {first} instead."
            )


def _notes(backbone: Backbone) -> tuple[str, ...]:
    """What a search cannot vary in a graph."""
    return () if backbone.chain is not None else backbone.graph.notes
