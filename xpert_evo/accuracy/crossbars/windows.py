"""Windows of a layer's input codes: what the rows of its crossbars receive for each output pixel."""

import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.accuracy.crossbars.blocks import windows_of
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.crossbars.quantisers import input_codes

_CALIBRATION_PIXELS = 512
_CALIBRATION_SUMS = 1 << 22
"""Largest calibration sample, in pixels and in partial sums of one bit and slice; wide layers use fewer pixels."""


def integer_codes(inputs: torch.Tensor, clip: float, n_bits: int) -> torch.Tensor:
    """Input codes in the smallest integer type that can hold them."""
    return input_codes(inputs, clip, n_bits).to(torch.uint8 if n_bits <= 8 else torch.int32)


def unfolded(codes: torch.Tensor, geometry: LayerGeometry) -> torch.Tensor:
    """Unfolds input codes (n, channels, height, width) into windows (rows, pixels); rows run channel by channel.

    Pixels run image by image; values outside the image are 0.
    """
    (top, left, bottom, right), (down, across) = geometry.margins, geometry.strides
    padded = F.pad(codes, (left, right, top, bottom))
    windows = padded.unfold(2, geometry.reach[0], down).unfold(3, geometry.reach[1], across)
    taps = windows[..., :: geometry.dilation[0], :: geometry.dilation[1]]
    return taps.permute(1, 4, 5, 0, 2, 3).reshape(geometry.n_rows, -1)


def input_windows(layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
    """Returns the windows of a layer's unquantised inputs as integer codes (rows, pixels)."""
    return _windows(layer.geometry, layer.clip, inputs)


def _windows(geometry: LayerGeometry, clip: float, inputs: torch.Tensor) -> torch.Tensor:
    """Windows of all passes of a layer's inputs, as integer codes."""

    def of_pass(given: torch.Tensor) -> torch.Tensor:
        return unfolded(integer_codes(given, clip, geometry.input_precision), geometry)

    return windows_of(of_pass, inputs, signed=geometry.signed)


def calibration_windows(geometry: LayerGeometry, clip: float, inputs: torch.Tensor) -> torch.Tensor:
    """Returns a random sample of the windows of unquantised inputs of a layer or block, (rows, pixels)."""
    g, windows = geometry, _windows(geometry, clip, inputs)
    # Pixels at equal distances would all come from the same columns of the map.
    order = torch.randperm(windows.shape[1], generator=torch.Generator().manual_seed(0))
    n_pixels = max(32, min(_CALIBRATION_PIXELS, _CALIBRATION_SUMS // (g.out_channels * len(g.array_rows))))
    return windows[:, order[:n_pixels].to(windows.device)]
