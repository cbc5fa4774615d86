"""The layers to be mapped onto the chip: shapes of convolutions and linear layers, as arrays (designs, layers)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from hw_models.arrays import IntArray, as_int_array, check_shape
from hw_models.errors import HardwareModelError

_MOST = 1 << 20
_RANGES = {
    "output_size": (1, _MOST),
    "in_channels": (1, _MOST),
    "kernel_size": (1, 4096),
    "out_channels": (1, _MOST),
    "output_width": (1, _MOST),
    "stride": (1, 4096),
    "groups": (1, 65536),
    "kernel_width": (1, 4096),
    "stride_width": (1, 4096),
    "dilation": (1, 4096),
    "dilation_width": (1, 4096),
    "passes": (1, 2),
    "additions": (0, 1 << 50),
    "multiplications": (0, 1 << 50),
    "moved": (0, 1 << 50),
}
_LIKE = {
    "output_width": "output_size",
    "kernel_width": "kernel_size",
    "stride_width": "stride",
    "dilation_width": "dilation",
}
"""Fields that equal another one unless they are given."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerShapes:
    """Shapes of layers, broadcast against each other to (designs, layers).

    A linear layer is a convolution of kernel 1 on a 1 x 1 map. A residual addition is not a layer of the array: its
    cost is in the digital units of the chip, see `hw_models.chip` and `hw_models.digital_unit`.

    Attributes:
        output_size: Height of the output map; also its width unless `output_width` is given.
        in_channels: Input channels.
        kernel_size: Height of the kernel; also its width unless `kernel_width` is given.
        out_channels: Output channels.
        output_width: Width of a non-square output map.
        stride: Stride of the convolution; it determines the size of the buffered input. To the right,
            `stride_width` if given.
        groups: Groups of a grouped convolution; `groups == in_channels` is a depthwise convolution.
        kernel_width: Width of a non-square kernel.
        stride_width: Stride to the right.
        dilation: Distance of the kernel's elements; it widens the buffered input. To the right, `dilation_width` if
            given.
        dilation_width: Distance of the kernel's elements to the right.
        passes: Times that every position is read: 2 where inputs can be negative, once for their positive and once
            for their negative part.
        additions: Additions of the digital unit for one image.
        multiplications: Multiplications of the digital unit for one image.
        moved: Values that the digital unit reads from and writes to the global buffer for one image.
    """

    output_size: npt.ArrayLike
    in_channels: npt.ArrayLike
    kernel_size: npt.ArrayLike
    out_channels: npt.ArrayLike
    output_width: npt.ArrayLike | None = None
    stride: npt.ArrayLike = 1
    groups: npt.ArrayLike = 1
    kernel_width: npt.ArrayLike | None = None
    stride_width: npt.ArrayLike | None = None
    dilation: npt.ArrayLike = 1
    dilation_width: npt.ArrayLike | None = None
    passes: npt.ArrayLike = 1
    additions: npt.ArrayLike = 0
    multiplications: npt.ArrayLike = 0
    moved: npt.ArrayLike = 0

    def __post_init__(self) -> None:
        """Converts every field to an integer array and checks it.

        Raises:
            HardwareModelError: If types, ranges or shapes are invalid, or groups do not divide the channels.
        """
        for name, other in _LIKE.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(self, other))
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
        weights = a["in_channels"] // a["groups"] * a["kernel_size"] * a["kernel_width"] * a["out_channels"]
        return 2 * a["output_size"] * a["output_width"] * weights
