"""The shapes of a backbone's layers, as the hardware model takes them."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hw_models import LayerShapes
from xpert_evo.backbones import Backbone


def layer_shapes(backbone: Backbone, depths: NDArray[np.int64]) -> LayerShapes:
    """Returns the shapes of a backbone's layers for channel depths (designs, layers)."""
    nodes, maps = backbone.graph.layers, backbone.output_maps
    in_channels = backbone.in_channels(depths)
    depthwise = np.array([[node.depthwise for node in nodes]])
    work: dict[str, list[NDArray[np.int64]]] = {"additions": [], "multiplications": [], "moved": []}
    for i, digital in enumerate(backbone.digital_work):
        for name, values in digital.shapes(depths[:, i]).items():
            work[name].append(values)

    def row(numbers: Iterable[int]) -> NDArray[np.int64]:
        return np.array([list(numbers)])

    return LayerShapes(
        output_size=row(height for height, _ in maps),
        output_width=row(width for _, width in maps),
        in_channels=in_channels,
        kernel_size=row(node.kernel[0] for node in nodes),
        kernel_width=row(node.kernel[1] for node in nodes),
        out_channels=depths,
        stride=row(node.stride[0] for node in nodes),
        stride_width=row(node.stride[1] for node in nodes),
        dilation=row(node.dilation[0] for node in nodes),
        dilation_width=row(node.dilation[1] for node in nodes),
        groups=np.where(depthwise, in_channels, row(node.groups for node in nodes)),
        passes=row(1 + signed for signed in backbone.graph.signed),
        **{name: np.stack(values, axis=1) for name, values in work.items()},
    )
