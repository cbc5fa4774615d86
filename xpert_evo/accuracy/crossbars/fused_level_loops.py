"""The loops around `fused_levels`, compiled by numba: tables, input bits, noise, outputs."""

import inspect
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xpert_evo.accuracy.crossbars import conversion_noise, fused_levels
from xpert_evo.accuracy.crossbars.conversion_noise import start_of
from xpert_evo.accuracy.crossbars.fused_kernel import Inputs
from xpert_evo.accuracy.crossbars.fused_levels import COLUMNS, CONSTANTS, GROUP, PIXELS, TABLE, Form, levels_function
from xpert_evo.accuracy.crossbars.fused_loops import _inner, _outer
from xpert_evo.accuracy.crossbars.integer_products import ROUNDER_BITS

_TILE = 64
"""Columns whose tables stay in the cache while the pixels of a part are processed."""

_SUM_BYTES = 1 << 20
"""Accumulated sums of a part of the pixels, which stay in the second-level cache."""

_MOST_BLOCKS = 8
"""Most blocks of PIXELS pixels in a part: enough to outweigh the making of the tables."""

_HALF = TABLE // 2
_ROWS = np.array([[-(i >> row & 1) for i in range(_HALF)] for row in range(GROUP)], dtype=np.int16)
"""Masks of the entries of a group's table to which each of its rows contributes."""

_WORDS = PIXELS // 8
_ONES = np.uint64(0x0101010101010101)

_plain, _noisy = (levels_function(Form(noise=noise)) for noise in (False, True))

_start: Any = njit(nogil=True, inline="always")(start_of)


class Digits(NamedTuple):
    """Programmed arrays; columns are those of all slices, slice by slice.

    Attributes:
        first_rows: First row of each array, and the total number of rows.
        integers: Digits in units of the slices' steps, (arrays, columns, pairs of groups, rows of a pair), with zeros
            for missing rows, and for columns up to a multiple of COLUMNS.
    """

    first_rows: NDArray[np.int64]
    integers: NDArray[np.int16]


class Codes(NamedTuple):
    """Converters and the digital processing of their codes.

    Attributes:
        constants: For each array and column, its number padded to a multiple of COLUMNS, what `fused_levels` needs.
        steps: Value of a code in the layer's output, (slices, columns of a slice).
        has_reference: Whether the last column of each slice is subtracted from the others.
        counted_offset: Amount subtracted per unit of an input code.
        numbers: Normal numbers for the conversions' noise; empty for none.
        seed: Seed of the noise.
    """

    constants: NDArray[np.float32]
    steps: NDArray[np.float32]
    has_reference: bool
    counted_offset: np.float32
    numbers: NDArray[np.float32]
    seed: np.uint64


class LevelScratch(NamedTuple):
    """Working memory of a thread.

    Attributes:
        tables: Sums of groups, (columns of a tile, pairs of groups, TABLE).
        bits: Places of the groups' rows in them, 16 bits each, (blocks, input bits, pairs of groups, pixels).
        sums: Accumulated bit patterns of codes, (columns, pixels of all blocks).
    """

    tables: NDArray[np.int16]
    bits: NDArray[np.uint32]
    sums: NDArray[np.int32]


@_inner
def _set_bits(
    inputs: Inputs,
    pixels: NDArray[np.uint32],
    rows: tuple[int, int],
    bits: NDArray[np.uint32],
    taken: NDArray[np.int64],
) -> None:
    """Writes the `bits` (bits, pairs, pixels) of an array's rows: the groups' places in their tables, in 16 bits each.

    The codes are added to `taken`, (pixels,).
    """
    lines = np.zeros((2 * GROUP, PIXELS), np.uint8)
    groups = np.zeros((2, _WORDS), np.uint64)
    eights, places = lines.view(np.uint64), groups.view(np.uint8)
    second = np.uint32(_HALF)
    for pair in range(bits.shape[1]):
        first = rows[0] + 2 * GROUP * pair
        n_rows = max(0, min(2 * GROUP, rows[1] - first))
        lines[n_rows:] = 0
        for byte in range(len(inputs.codes)):
            for k in range(n_rows):
                start = inputs.rows[first + k]
                for i in range(len(pixels)):
                    lines[k, i] = inputs.codes[byte, pixels[i] + start]
                for i in range(len(pixels)):
                    taken[i] += np.int32(lines[k, i]) << 8 * byte
            for bit in range(8 * byte, min(8 * byte + 8, inputs.n_bits)):
                shift = np.uint64(bit - 8 * byte)
                for half in range(2):
                    for i in range(_WORDS):
                        a = eights[GROUP * half, i] >> shift & _ONES
                        b = eights[GROUP * half + 1, i] >> shift & _ONES
                        c = eights[GROUP * half + 2, i] >> shift & _ONES
                        d = eights[GROUP * half + 3, i] >> shift & _ONES
                        groups[half, i] = a | b << np.uint64(1) | c << np.uint64(2) | d << np.uint64(3)
                for i in range(PIXELS):
                    low, high = np.uint32(places[0, i]), np.uint32(places[1, i])
                    bits[bit, pair, i] = low | (high | second) << np.uint32(16)


@_inner
def _fill_tables(integers: NDArray[np.int16], tables: NDArray[np.int16]) -> None:
    """Writes `tables` (columns, pairs, TABLE) for an array's digits (columns, pairs, rows of a pair)."""
    for column in range(len(integers)):
        for pair in range(integers.shape[1]):
            for half in range(2):
                a, b = integers[column, pair, GROUP * half], integers[column, pair, GROUP * half + 1]
                c, d = integers[column, pair, GROUP * half + 2], integers[column, pair, GROUP * half + 3]
                for i in range(_HALF):
                    low = (a & _ROWS[0, i]) + (b & _ROWS[1, i])
                    tables[column, pair, _HALF * half + i] = low + (c & _ROWS[2, i]) + (d & _ROWS[3, i])


@_inner
def _convert(
    codes: Codes, scratch: LevelScratch, array: int, columns: tuple[int, int], blocks: tuple[int, int]
) -> None:
    """Adds the codes of some columns of an array, in some blocks of pixels, to the sums."""
    tables, bits, sums = scratch.tables, scratch.bits, scratch.sums
    n_bits, n_pairs = bits.shape[1], bits.shape[2]
    starts = np.empty(COLUMNS * n_bits, np.int64)
    n_columns, n_arrays = codes.steps.size, len(codes.constants)
    address = codes.numbers.ctypes.data
    for block in range(blocks[1] - blocks[0]):
        for column in range(columns[0], columns[1], COLUMNS):
            if len(codes.numbers):
                for bit in range(n_bits):
                    place = (((blocks[0] + block) * n_arrays + array) * n_bits + bit) * n_columns + column
                    for k in range(COLUMNS):
                        start = _start(codes.seed, np.uint64(place + k))
                        starts[k * n_bits + bit] = address + 4 * np.int64(start)
            places = (
                tables.ctypes.data + (column - columns[0]) * n_pairs * 2 * TABLE,
                bits.ctypes.data + block * bits.strides[0],
                n_pairs,
                n_bits,
                sums.ctypes.data + column * sums.strides[0] + block * 4 * PIXELS,
                sums.strides[0],
                codes.constants.ctypes.data + (array * codes.constants.shape[1] + column) * 4 * CONSTANTS,
                starts.ctypes.data,
            )
            if len(codes.numbers):
                _noisy(places)
            else:
                _plain(places)


@_inner
def _deliver(codes: Codes, sums: NDArray[np.int32], taken: NDArray[np.int64], outputs: NDArray[np.float32]) -> None:
    """Combines the slices' sums into outputs (pixels, outputs), in float32 and in the order of `converted_product`."""
    n_slices, n_columns = codes.steps.shape
    n_pixels = len(outputs)
    reference = np.zeros(n_pixels, np.float32)
    line = np.empty(n_pixels, np.float32)
    away = np.empty(n_pixels, np.float32)
    for pixel in range(n_pixels):
        away[pixel] = np.float32(taken[pixel]) * codes.counted_offset
    for number in range(n_columns):
        column = n_columns - 1 - number
        for s in range(n_slices):
            step = codes.steps[s, column]
            for i in range(n_pixels):
                value = np.float32(sums[s * n_columns + column, i]) * step
                line[i] = line[i] + value if s else value
        if codes.has_reference and number == 0:
            reference[:] = line
        else:
            for i in range(n_pixels):
                outputs[i, column] = line[i] - reference[i] - away[i]


def _product(digest: int) -> Callable[..., Any]:
    """Compiles the whole product; `digest` identifies the other modules' code, as in `fused_loops`."""

    def product(
        inputs: Inputs, digits: Digits, codes: Codes, outputs: NDArray[np.float32], blocks: tuple[int, int]
    ) -> int:
        n_arrays, n_columns, n_bits = len(codes.constants), codes.constants.shape[1], inputs.n_bits
        n_together = max(1, min(_MOST_BLOCKS, blocks[1] - blocks[0], _SUM_BYTES // (4 * PIXELS * n_columns)))
        n_pairs = digits.integers.shape[2]
        size = _TILE * n_pairs * TABLE
        memory = np.empty(size + TABLE, np.int16)
        skipped = (-memory.ctypes.data % (2 * TABLE)) // 2  # no table straddles two cache lines
        scratch = LevelScratch(
            memory[skipped : skipped + size].reshape((_TILE, n_pairs, TABLE)),
            np.empty((n_together, n_bits, n_pairs, PIXELS), np.uint32),
            np.empty((n_columns, n_together * PIXELS), np.int32),
        )
        # Sum of the upper bits of the codes' bit patterns, modulo 2^32.
        constant = n_arrays * ((1 << n_bits) - 1) * ROUNDER_BITS
        for first in range(blocks[0], blocks[1], n_together):
            end = min(first + n_together, blocks[1])
            pixels = inputs.pixels[first * PIXELS : end * PIXELS]
            taken = np.zeros((end - first) * PIXELS, np.int64)
            scratch.sums[:] = np.int32(-constant)
            for array in range(n_arrays):
                rows = (digits.first_rows[array], digits.first_rows[array + 1])
                for block in range(end - first):
                    own = slice(block * PIXELS, (block + 1) * PIXELS)
                    _set_bits(inputs, pixels[own], rows, scratch.bits[block], taken[own])
                for column in range(0, n_columns, _TILE):
                    columns = (column, min(n_columns, column + _TILE))
                    _fill_tables(digits.integers[array, columns[0] : columns[1]], scratch.tables)
                    _convert(codes, scratch, array, columns, (first, end))
            _deliver(codes, scratch.sums, taken, outputs[first * PIXELS : end * PIXELS])
        return digest

    return _outer(product)


product = _product(zlib.crc32((inspect.getsource(fused_levels) + inspect.getsource(conversion_noise)).encode()))
"""Computes outputs (pixels, outputs) of blocks of PIXELS pixels, from the first of `blocks` up to the second,
exclusive."""
