"""The search space in the words of the hardware model's cost table."""

from typing import Any

from hw_models import LayerChoices
from xpert_evo.genes import GeneKind
from xpert_evo.space import SearchSpace


def table_layers(space: SearchSpace) -> list[LayerChoices]:
    """For each layer its choices, and the genome column that selects each of them."""
    return [_layer(space, i) for i in range(space.n_layers)]


def _layer(space: SearchSpace, i: int) -> LayerChoices:
    layer, source = space.backbone.layers[i], space.backbone.sources[i]
    selected: dict[str, Any] = {}
    for kind in space.kinds:
        selected |= _selection(space, kind.record.cost_attribute, space.column(i, kind), space.backbone.n_classes)
    depth = None if source is None else space.column(source, GeneKind.CHANNEL_DEPTH)
    selected |= _selection(space, "in_channels", depth, space.backbone.image_channels)
    return LayerChoices(
        name=layer.name,
        output_size=space.backbone.output_sizes()[i],
        kernel_size=layer.kernel_size,
        stride=layer.stride,
        **selected,
    )


def _selection(space: SearchSpace, name: str, column: int | None, fixed: int) -> dict[str, Any]:
    """Choices and column of one attribute; `fixed` is its value where no gene decides it."""
    choices = (fixed,) if column is None else space.genes[column].choices
    return {name: choices, f"{name}_column": column}
