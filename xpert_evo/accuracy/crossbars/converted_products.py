"""Products of codes as the converters deliver them, from operations of torch; `fused` computes most of them faster."""

import torch

from xpert_evo.accuracy.crossbars.arrays import Cells, partial_sums
from xpert_evo.accuracy.crossbars.coding import slice_weights
from xpert_evo.accuracy.crossbars.converter_draws import Disturbance
from xpert_evo.accuracy.crossbars.converters import Accumulator, AdcRange, fit_in_32_bits
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry

_CHUNK_SUMS = 1 << 18
"""Partial sums of a slice processed at once on a CPU: few enough for the cache, enough to outweigh the call
overhead."""

_ACCELERATOR_CHUNK_SUMS = 1 << 25
"""The same where call overhead outweighs the cache: 128 MiB for each tensor in flight."""


def converted_product(
    windows: torch.Tensor,
    cells: Cells,
    ranges: tuple[AdcRange, ...],
    geometry: LayerGeometry,
    disturbance: Disturbance | None = None,
    *,
    first_pixel: int = 0,
) -> torch.Tensor:
    """Products (outputs, pixels) of input codes (rows, pixels) with weight codes, as delivered by the converters.

    `first_pixel` is the number of the first pixel in the layer's call, on which the noise depends.
    """
    worths = slice_weights(geometry.crossbar)
    fits = fit_in_32_bits(ranges, len(cells.array_rows), geometry.input_precision)
    parts = []
    for chunk in torch.split(windows, max(1, chunk_sums(windows) // geometry.out_channels), dim=1):
        like = chunk.new_empty((len(cells.digits[0]), chunk.shape[1]), dtype=torch.float32)
        accumulators = [Accumulator(adc, like, fits=fits) for adc in ranges]
        for sums in partial_sums(chunk, cells, geometry.input_precision):
            noise, gains = None, None
            if disturbance is not None:
                noise = disturbance.of(sums, geometry.input_precision, first_pixel)
                gains = disturbance.gains_of(sums)
            accumulators[sums.slice_index].add(sums, noise, gains)
        first_pixel += chunk.shape[1]
        total = accumulators[0].half_levels().mul_(worths[0])
        for worth, accumulator in zip(worths[1:], accumulators[1:], strict=True):
            total.add_(accumulator.half_levels().mul_(worth))
        if cells.digital_reference:
            total = total[:-1] - total[-1:]
        if cells.counted_offset:
            total.sub_((chunk.sum(0, dtype=torch.int64) * cells.counted_offset).float())
        parts.append(total)
    return torch.cat(parts, dim=1)


def chunk_sums(like: torch.Tensor) -> int:
    """Partial sums of a slice that are processed at once where a tensor is."""
    return _CHUNK_SUMS if like.device.type == "cpu" else _ACCELERATOR_CHUNK_SUMS
