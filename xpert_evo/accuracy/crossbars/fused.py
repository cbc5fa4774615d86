"""The exact emulation of ideal arrays on a CPU by the fused kernel, where available.

A process begins with the torch form, because loading the kernel takes as long as computing a small layer several
hundred times, and changes over once it has done enough work to expect more. Results are bit-identical.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.accuracy.crossbars.arrays import Cells
from xpert_evo.accuracy.crossbars.coding import slice_weights
from xpert_evo.accuracy.crossbars.converter_draws import Disturbance
from xpert_evo.accuracy.crossbars.converters import AdcRange, fit_in_32_bits
from xpert_evo.accuracy.crossbars.fused_loading import kernel, level_loops
from xpert_evo.accuracy.crossbars.fused_varied import codes_of, digits_of
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.integer_products import ROUNDER_BITS

_WORTH_LOADING = 1 << 30
"""Partial sums after which a process loads the kernel; the torch form takes about a second for them."""

_PARTS_PER_THREAD = 4
"""Number of work items, so that a thread on a busy core leaves some to the others."""

_MOST_CODES = 1 << 32
"""Largest number of input codes that the kernel can address."""


class Changeover:
    """Counts a process's partial sums until loading the kernel pays off."""

    def __init__(self) -> None:
        self.n_sums = 0

    def due(self, n_sums: int) -> bool:
        """Returns whether to use the kernel for the next `n_sums`."""
        self.n_sums += n_sums
        return self.n_sums > _WORTH_LOADING

    def expect(self, n_sums: int) -> bool:
        """Changes over now if `n_sums` to come are worth it, and returns whether they are."""
        is_worth = n_sums > _WORTH_LOADING
        if is_worth:
            self.n_sums = max(self.n_sums, n_sums)
        return is_worth


changeover = Changeover()


def fused_outputs(
    codes: torch.Tensor,
    cells: Cells,
    ranges: tuple[AdcRange, ...],
    geometry: LayerGeometry,
    disturbance: Disturbance | None = None,
) -> torch.Tensor | None:
    """Computes the layer's outputs (n, outputs, size, size) in steps of input code times weight code.

    Args:
        codes: Integer input codes (n, channels, side, side).
        cells: Programmed cells.
        ranges: ADC ranges, one per slice.
        geometry: Shape and precisions.
        disturbance: Disturbance of the ADCs; None for ideal ones.

    Returns:
        The outputs, or None if the kernel is unavailable, not yet worth loading, or does not support such cells.
    """
    g = geometry
    n_pixels = len(codes) * g.n_positions
    n_sums = n_pixels * len(cells.digits) * len(cells.digits[0]) * len(g.array_rows) * g.input_precision
    if not (codes.device.type == "cpu" and n_pixels and changeover.due(n_sums)):
        return None
    if not fit_in_32_bits(ranges, len(g.array_rows), g.input_precision):
        return None
    top, left, bottom, right = g.margins
    padded = F.pad(codes, (left, right, top, bottom))
    if padded.numel() >= _MOST_CODES or not _fits(g, padded):
        return None
    loops: Any = None
    arrays: Any = None
    converters: Any = None
    if cells.exact and disturbance is None:
        loops, arrays = kernel().loops, cells.tabled
        converters = None if arrays is None else _converters(loops, cells, ranges, g)
    elif cells.fits_in_levels:
        loops = level_loops()
        if loops is not None:
            arrays, converters = digits_of(loops, cells), codes_of(loops, cells, ranges, g, disturbance)
    if arrays is None:
        return None
    pixels, rows = _places(g, padded.stride()[1:])
    of_maps = np.arange(len(codes), dtype=np.uint32)[:, None] * np.uint32(padded.stride(0)) + pixels
    in_bytes = _bytes(padded, g.input_precision)
    inputs = loops.Inputs(codes=in_bytes, pixels=of_maps.ravel(), rows=rows, n_bits=g.input_precision)
    outputs = torch.empty((len(codes), g.out_channels, *g.output), memory_format=torch.channels_last)
    flat = outputs.permute(0, 2, 3, 1).view(n_pixels, g.out_channels).numpy()
    _in_threads(loops, inputs, arrays, converters, flat)
    return outputs


def _fits(geometry: LayerGeometry, padded: torch.Tensor) -> bool:
    """Whether windows lie within the maps and these are contiguous in memory; torch refuses maps of another shape."""
    g = geometry
    sides = [(n - 1) * stride + reach for n, stride, reach in zip(g.output, g.strides, g.reach, strict=True)]
    dense = padded.is_contiguous() or padded.is_contiguous(memory_format=torch.channels_last)
    return (
        dense
        and padded.shape[1] == g.in_channels
        and all(0 <= n - side < stride for n, side, stride in zip(padded.shape[2:], sides, g.strides, strict=True))
    )


def _bytes(padded: torch.Tensor, n_bits: int) -> Any:
    """Codes, in memory order, as (bytes of a code, codes), least significant byte first."""
    codes = padded.as_strided((padded.numel(),), (1,))
    if n_bits <= 8:
        return codes[None].numpy()
    return torch.stack([(codes >> shift & 255).to(torch.uint8) for shift in range(0, n_bits, 8)]).numpy()


@lru_cache(maxsize=256)
def _places(geometry: LayerGeometry, strides: tuple[int, ...]) -> tuple[Any, Any]:
    """Offsets of the windows in a padded map, and of the codes for the weight matrix's rows within a window.

    `strides` are those of the map: across channels, downwards and to the right.
    """
    g = geometry
    of_channel, down, right = strides
    top, side = (stride * np.arange(n) for stride, n in zip(g.strides, g.output, strict=True))
    over, beside = (dilation * np.arange(n) for dilation, n in zip(g.dilation, g.kernel, strict=True))
    pixels = (top[:, None] * down + side * right).astype(np.uint32).ravel()
    rows = np.arange(g.in_channels)[:, None, None] * of_channel + over[:, None] * down + beside * right
    return pixels, rows.astype(np.uint32).ravel()


def _converters(loops: Any, cells: Cells, ranges: tuple[AdcRange, ...], geometry: LayerGeometry) -> Any:
    n_columns = len(cells.digits[0])
    worths = np.array(slice_weights(geometry.crossbar), dtype=np.float32)
    steps = np.array([adc.step for adc in ranges], dtype=np.float32) * worths

    def of_all(values: list[float], kind: type[np.number[Any]]) -> Any:
        """Repeats the values of slices for all their columns."""
        return np.array(values).astype(kind).repeat(n_columns)

    return loops.Converters(
        gains=of_all([adc.gain for adc in ranges], np.float32),
        lowest=of_all([ROUNDER_BITS + adc.lowest for adc in ranges], np.int32),
        highest=of_all([ROUNDER_BITS + adc.highest for adc in ranges], np.int32),
        steps=steps.repeat(n_columns).reshape(-1, n_columns),
        has_reference=cells.digital_reference,
        counted_offset=int(cells.counted_offset),
    )


def _in_threads(loops: Any, inputs: Any, arrays: Any, converters: Any, outputs: Any) -> None:
    """Computes outputs (pixels, outputs) with torch's number of threads."""
    n_blocks, n_threads = -(-len(outputs) // loops.PIXELS), torch.get_num_threads()
    if n_threads == 1:
        loops.product(inputs, arrays, converters, outputs, (0, n_blocks))
        return
    n_parts = min(_PARTS_PER_THREAD * n_threads, n_blocks)
    ends = [n_blocks * i // n_parts for i in range(n_parts + 1)]
    with ThreadPoolExecutor(n_threads) as pool:
        parts = [pool.submit(loops.product, inputs, arrays, converters, outputs, blocks) for blocks in pairwise(ends)]
        for part in parts:
            part.result()
