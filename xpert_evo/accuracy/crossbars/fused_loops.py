"""The loops around the fused kernel, compiled by numba: weight tables, input bit planes, outputs.

Compiled code is cached on disk: beside this file or, if that is read-only, in the user's cache folder
(`NUMBA_CACHE_DIR` overrides it). If neither is writable, each process compiles for itself.
"""

import inspect
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xpert_evo.accuracy.crossbars import fused_kernel
from xpert_evo.accuracy.crossbars.fused_kernel import PIXELS, ROWS_PER_GROUP, Arrays, Converters, Inputs, Scratch
from xpert_evo.accuracy.crossbars.integer_products import ROUNDER_BITS

_TABLE = 1 << ROWS_PER_GROUP
_LARGEST_BYTE = 255

_COLUMNS_PER_TILE = 64
"""Columns whose sums stay in the cache while all arrays are processed."""

_WORDS = PIXELS // 8
_QUARTER = PIXELS // 4
_ONES = np.uint64(0x0101010101010101)
_ODD_PLACES, _ODD_PAIRS, _ODD_FOURS = (np.uint64(n) for n in (0x0100010001000100, 0x0101000001010000, 0x01010101 << 32))
"""Bytes of half a table to which the group's first, second and third row contribute."""

_EVEN_BYTES = np.uint64(0x00FF00FF00FF00FF)

_sums_1, _sums_2, _sums_3, _sums_4 = fused_kernel.CONVERTED_SUMS


def _inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a function that compiled code calls."""
    compiled: Callable[..., Any] = njit(nogil=True)(function)
    return compiled


def _outer(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a function that Python calls: cached on disk, and compiled when first called with its types."""
    try:
        compiled: Callable[..., Any] = njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no writable folder
        compiled = njit(nogil=True)(function)
    return compiled


@_inner
def _groups_in_a_byte(largest: NDArray[np.int64]) -> int:
    """Returns how many groups at a time may be accumulated in bytes, given each group's largest sum."""
    size, n_blocks = len(largest), 1
    while size > 1:
        fits, start = True, 0
        while fits and start < len(largest):
            total = 0
            for group in range(start, min(start + size, len(largest))):
                total += largest[group]
            fits = total <= _LARGEST_BYTE
            start += size
        if fits:
            break
        n_blocks += 1
        size = -(-len(largest) // n_blocks)
    return size


@_inner
def _set_levels(digits: NDArray[np.int16], arrays: Arrays) -> int:
    """Writes `scales` and `offsets` for the columns' digits; returns the highest level."""
    highest = 0
    for column in range(len(digits)):
        least = most = digits[column, 0]
        for row in range(digits.shape[1]):
            least, most = min(least, digits[column, row]), max(most, digits[column, row])
        odd = 0
        for row in range(digits.shape[1]):
            odd |= (digits[column, row] - least) & 1
        arrays.offsets[column] = least
        arrays.scales[column] = 1 if odd else 2
        highest = max(highest, (most - least) >> (1 - odd))
    return highest


@_outer
def fill_tables(digits: NDArray[np.int16], arrays: Arrays) -> bool:
    """Tabulates digits (columns, rows) in half levels; False if the levels of four may exceed a byte."""
    if ROWS_PER_GROUP * _set_levels(digits, arrays) > _LARGEST_BYTE:
        return False
    at = 0
    halves = arrays.tables.view(np.uint64)
    largest = np.empty(arrays.first_groups[-1], np.int64)
    for array in range(len(arrays.first_rows) - 1):
        n_groups = arrays.first_groups[array + 1] - arrays.first_groups[array]
        for column in range(len(digits)):
            shift, offset = arrays.scales[column] >> 1, arrays.offsets[column]
            for group in range(n_groups):
                row = arrays.first_rows[array] + ROWS_PER_GROUP * group
                rest = arrays.first_rows[array + 1] - row
                a = np.uint64((digits[column, row] - offset) >> shift)
                b = np.uint64((digits[column, row + 1] - offset) >> shift if rest > 1 else 0)
                c = np.uint64((digits[column, row + 2] - offset) >> shift if rest > 2 else 0)
                d = np.uint64((digits[column, row + 3] - offset) >> shift if rest > 3 else 0)
                largest[group] = a + b + c + d
                halves[at] = a * _ODD_PLACES + b * _ODD_PAIRS + c * _ODD_FOURS
                halves[at + 1] = halves[at] + d * _ONES
                at += 2
            arrays.block_groups[array, column] = _groups_in_a_byte(largest[:n_groups])
    return True


@_inner
def _pack(inputs: Inputs, arrays: Arrays, pixels: NDArray[np.uint32], scratch: Scratch) -> None:
    """Splits the codes of some pixels' windows into `planes`, and counts `active` rows."""
    lines = np.zeros((ROWS_PER_GROUP, PIXELS), np.uint8)
    eights, planes, active = lines.view(np.uint64), scratch.planes, scratch.active
    active[:] = 0
    group = 0
    for array in range(len(arrays.first_rows) - 1):
        for first in range(arrays.first_rows[array], arrays.first_rows[array + 1], ROWS_PER_GROUP):
            n_rows = min(ROWS_PER_GROUP, arrays.first_rows[array + 1] - first)
            for k in range(n_rows, ROWS_PER_GROUP):
                for i in range(_WORDS):
                    eights[k, i] = 0
            for byte in range(len(inputs.codes)):
                for k in range(n_rows):
                    start = inputs.rows[first + k]
                    for i in range(len(pixels)):
                        lines[k, i] = inputs.codes[byte, pixels[i] + start]
                for bit in range(8 * byte, min(8 * byte + 8, inputs.n_bits)):
                    shift = np.uint64(bit - 8 * byte)
                    for i in range(_WORDS):
                        a, b = eights[0, i] >> shift & _ONES, eights[1, i] >> shift & _ONES
                        c, d = eights[2, i] >> shift & _ONES, eights[3, i] >> shift & _ONES
                        planes[group, bit, i] = a | b << np.uint64(1) | c << np.uint64(2) | d << np.uint64(3)
                        count = a + b + c + d
                        active[array, bit, 0, i] += count & _EVEN_BYTES
                        active[array, bit, 1, i] += count >> np.uint64(8) & _EVEN_BYTES
            group += 1


@_inner
def _accumulate(arrays: Arrays, converters: Converters, scratch: Scratch) -> None:
    """Adds the codes of all arrays and bits to `sums`."""
    planes, active, sums = scratch.planes.ctypes.data, scratch.active.ctypes.data, scratch.sums.ctypes.data
    n_columns, n_bits = len(scratch.sums), scratch.planes.shape[1]
    for first_column in range(0, n_columns, _COLUMNS_PER_TILE):
        for array in range(len(arrays.first_rows) - 1):
            first_group = arrays.first_groups[array]
            n_groups = arrays.first_groups[array + 1] - first_group
            for column in range(first_column, min(n_columns, first_column + _COLUMNS_PER_TILE)):
                converter = (
                    arrays.scales[column],
                    arrays.offsets[column],
                    converters.gains[column],
                    converters.lowest[column],
                    converters.highest[column],
                )
                for bit in range(0, n_bits, 4):
                    places = (
                        arrays.tables.ctypes.data + (first_group * n_columns + column * n_groups) * _TABLE,
                        planes + (first_group * n_bits + bit) * PIXELS,
                        active + (array * n_bits + bit) * 2 * PIXELS,
                        sums + column * 4 * PIXELS,
                        n_bits * PIXELS,
                        n_groups,
                        arrays.block_groups[array, column],
                        bit,
                    )
                    if n_bits - bit >= 4:
                        _sums_4(places, converter)
                    elif n_bits - bit == 3:
                        _sums_3(places, converter)
                    elif n_bits - bit == 2:
                        _sums_2(places, converter)
                    else:
                        _sums_1(places, converter)


@_inner
def _counted(active: NDArray[np.uint64], n_bits: int, counted_offset: int) -> NDArray[np.float32]:
    """Returns the amount subtracted digitally from each pixel's outputs."""
    counts = active.view(np.uint16)
    taken = np.zeros(PIXELS, np.float32)
    for pixel in range(PIXELS):
        total = 0
        for array in range(len(counts)):
            for bit in range(n_bits):
                total += int(counts[array, bit, pixel % 2, pixel // 2]) << bit
        taken[pixel] = np.float32(total * counted_offset)
    return taken


@_inner
def _deliver(
    converters: Converters, sums: NDArray[np.int32], taken: NDArray[np.float32], outputs: NDArray[np.float32]
) -> None:
    """Combines the slices' sums into outputs (pixels, outputs), in float32 and in the order of `converted_product`."""
    n_slices, n_columns = converters.steps.shape
    reference = np.zeros(PIXELS, np.float32)
    line = np.empty(PIXELS, np.float32)
    for number in range(n_columns):
        column = n_columns - 1 - number
        for s in range(n_slices):
            step = converters.steps[s, column]
            for quarter in range(4):
                for i in range(_QUARTER):
                    value = np.float32(sums[s * n_columns + column, quarter * _QUARTER + i]) * step
                    line[4 * i + quarter] = line[4 * i + quarter] + value if s else value
        is_reference = converters.has_reference and number == 0
        for pixel in range(PIXELS):
            if is_reference:
                reference[pixel] = line[pixel]
            elif pixel < len(outputs):
                outputs[pixel, column] = line[pixel] - reference[pixel] - taken[pixel]


def _product(digest: int) -> Callable[..., Any]:
    """Compiles the whole product of some pixels.

    `digest` identifies the other module's code: numba uses enclosed values to decide whether cached code is still
    valid.
    """

    def product(
        inputs: Inputs, arrays: Arrays, converters: Converters, outputs: NDArray[np.float32], blocks: tuple[int, int]
    ) -> int:
        n_columns, n_arrays = len(arrays.scales), len(arrays.first_rows) - 1
        scratch = Scratch(
            np.empty((arrays.first_groups[n_arrays], inputs.n_bits, _WORDS), np.uint64),
            np.empty((n_arrays, inputs.n_bits, 2, _WORDS), np.uint64),
            np.empty((n_columns, PIXELS), np.int32),
        )
        # Sum of the upper bits of the codes' bit patterns, modulo 2^32.
        constant = n_arrays * ((1 << inputs.n_bits) - 1) * ROUNDER_BITS
        for block in range(blocks[0], blocks[1]):
            _pack(inputs, arrays, inputs.pixels[block * PIXELS : (block + 1) * PIXELS], scratch)
            scratch.sums[:] = np.int32(-constant)
            _accumulate(arrays, converters, scratch)
            taken = _counted(scratch.active, inputs.n_bits, converters.counted_offset)
            _deliver(converters, scratch.sums, taken, outputs[block * PIXELS : (block + 1) * PIXELS])
        return digest

    return _outer(product)


product = _product(zlib.crc32(inspect.getsource(fused_kernel).encode()))
"""Computes outputs (pixels, outputs) of blocks of PIXELS pixels, from the first of `blocks` up to the second,
exclusive."""
