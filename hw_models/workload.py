"""The layers to be mapped onto the chip: shapes of convolutions and linear layers, as arrays (designs, layers)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from hw_models.arrays import IntArray, as_int_array, check_shape
from hw_models.errors import HardwareModelError

_RANGES = {
    "output_size": (1, 4096),
    "in_channels": (1, 65536),
    "kernel_size": (1, 31),
    "out_channels": (1, 65536),
    "output_width": (1, 4096),
    "stride": (1, 16),
    "groups": (1, 65536),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerShapes:
    """Shapes of layers, broadcast against each other to (designs, layers).

    A linear layer is a convolution of kernel 1 on a 1 x 1 map. A residual addition is not a layer of the array: its
    cost is in the digital units of the chip, see `hw_models.chip`.

    Attributes:
        output_size: Height of the output map; also its width unless `output_width` is given.
        in_channels: Input channels.
        kernel_size: Side of the square kernel.
        out_channels: Output channels.
        output_width: Width of a non-square output map.
        stride: Stride of the convolution; it determines the size of the buffered input.
        groups: Groups of a grouped convolution; `groups == in_channels` is a depthwise convolution.
    """

    output_size: npt.ArrayLike
    in_channels: npt.ArrayLike
    kernel_size: npt.ArrayLike
    out_channels: npt.ArrayLike
    output_width: npt.ArrayLike | None = None
    stride: npt.ArrayLike = 1
    groups: npt.ArrayLike = 1

    def __post_init__(self) -> None:
        """Converts every field to an integer array and checks it.

        Raises:
            HardwareModelError: If types, ranges or shapes are invalid, or groups do not divide the channels.
        """
        if self.output_width is None:
            object.__setattr__(self, "output_width", self.output_size)
        arrays: dict[str, IntArray] = {}
        for field in fields(self):
            low, high = _RANGES[field.name]
            arrays[field.name] = as_int_array(field.name, getattr(self, field.name), low=low, high=high)
        check_shape(arrays)
        for name in ("in_channels", "out_channels"):
            if np.any(arrays[name] % arrays["groups"]):
                raise HardwareModelError(f"groups must divide {name}; change one of them.")
        for name, array in arrays.items():
            object.__setattr__(self, name, array)

    def arrays(self) -> dict[str, IntArray]:
        """The fields by name, each with two axes."""
        return {field.name: np.asarray(getattr(self, field.name), dtype=np.int64) for field in fields(self)}

    @property
    def shape(self) -> tuple[int, int]:
        """(designs, layers)."""
        return check_shape(self.arrays())

    def operations(self) -> IntArray:
        """Operations for one image, two per multiply-accumulate, shape (designs, layers)."""
        a = self.arrays()
        weights = a["in_channels"] // a["groups"] * a["kernel_size"] ** 2 * a["out_channels"]
        return 2 * a["output_size"] * a["output_width"] * weights
