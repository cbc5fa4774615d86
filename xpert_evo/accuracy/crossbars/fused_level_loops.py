"""The loops around `fused_levels`, compiled by numba: tables, input bits, noise, outputs."""

import inspect
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xpert_evo.accuracy.crossbars import conversion_noise, fused_levels
from xpert_evo.accuracy.crossbars.conversion_noise import start_of
from xpert_evo.accuracy.crossbars.fused_kernel import Inputs
from xpert_evo.accuracy.crossbars.fused_level_data import Codes, Digits, LevelScratch, Wires
from xpert_evo.accuracy.crossbars.fused_levels import (
    COLUMNS,
    CONSTANTS,
    GROUP,
    PIXELS,
    TABLE,
    Form,
    fill_tables,
    levels_function,
)
from xpert_evo.accuracy.crossbars.fused_loops import _inner, _outer
from xpert_evo.accuracy.crossbars.integer_products import ROUNDER, ROUNDER_BITS

_TILE = 64
"""Columns whose tables stay in the cache while the pixels of a part are processed."""

_SUM_BYTES = 1 << 20
"""Accumulated sums of a part of the pixels, which stay in the second-level cache."""

_MOST_BLOCKS = 8
"""Most blocks of PIXELS pixels in a part: enough to outweigh the making of the tables."""

_HALF = TABLE // 2
_WORDS = PIXELS // 8
_ONES = np.uint64(0x0101010101010101)

_PLAIN, _SQUARE, _BENT, _COMMON, _BENT_COMMON = range(5)
"""Kinds of wires: none, those whose bend follows from the sums, or needs sums of its own, or with a common term."""

_plain, _noisy_plain = (levels_function(Form(noise=noise)) for noise in (False, True))
_square, _noisy_square = (levels_function(Form(noise=noise, levels=True, square=True)) for noise in (False, True))
_bent, _noisy_bent = (levels_function(Form(noise=noise, levels=True, bends=True)) for noise in (False, True))
_common, _noisy_common = (levels_function(Form(noise=noise, levels=True, common=True)) for noise in (False, True))
_bent_common, _noisy_bent_common = (
    levels_function(Form(noise=noise, levels=True, bends=True, common=True)) for noise in (False, True)
)
_raw, _raw_levels = levels_function(Form(raw=True)), levels_function(Form(raw=True, levels=True))

_ROUNDER = np.float32(ROUNDER)


def _dividing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles an inner function that may divide by zero, so that its loops become vector instructions."""
    compiled: Callable[..., Any] = njit(nogil=True, error_model="numpy")(function)
    return compiled


_start: Any = njit(nogil=True, inline="always")(start_of)


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
        fill_tables((integers[column].ctypes.data, tables[column].ctypes.data, integers.shape[1]))


@_dividing
def _set_levels(wires: Wires, scratch: LevelScratch, array: int, block: int) -> None:
    """Writes the levels and the common term of a block's inputs, in the order of `RoundedDrop.inputs`."""
    bits, levels, common, sums = scratch.bits[block], scratch.levels[block], scratch.common[block], scratch.raw[0]
    n_bits, n_pairs = bits.shape[0], bits.shape[1]
    _fill_tables(wires.modes[array], scratch.tables[0])
    tables, raw = scratch.tables.ctypes.data, scratch.raw.ctypes.data
    _raw((tables, bits.ctypes.data, 0, n_pairs, n_bits, raw, 0, 0, 0, 0, 0, 0))
    one, low = np.float32(1), np.uint32(1)
    for bit in range(n_bits):
        common[bit] = 0
        for group in range(2 * n_pairs):
            pair, shift = group >> 1, np.uint32(16 * (group & 1))
            a, b = wires.block_modes[array, group, 0], wires.block_modes[array, group, 1]
            c, d = wires.block_modes[array, group, 2], wires.block_modes[array, group, 3]
            g = wires.conductances[array, group]
            for i in range(PIXELS):
                drop = a * np.float32(sums[bit, 0, i]) + b * np.float32(sums[bit, 1, i])
                drop = drop + c * np.float32(sums[bit, 2, i]) + d * np.float32(sums[bit, 3, i])
                left = drop + one
                left = one / (left * left)
                level = np.uint32(np.int32((left * wires.n_levels + _ROUNDER) - _ROUNDER))
                levels[bit, pair, i] = level << shift | (levels[bit, pair, i] if shift else np.uint32(0))
                if wires.common:
                    place = bits[bit, pair, i] >> shift
                    active = np.float32(place & low) * g[0] + np.float32(place >> np.uint32(1) & low) * g[1]
                    active = active + np.float32(place >> np.uint32(2) & low) * g[2]
                    active = active + np.float32(place >> np.uint32(3) & low) * g[3]
                    common[bit, i] += active * (left * drop)
        for i in range(PIXELS):
            common[bit, i] *= wires.common


@_inner
def _kind(wires: Wires) -> int:
    if not len(wires.modes):
        return _PLAIN
    if wires.first.shape[1]:
        return _BENT_COMMON if wires.common else _BENT
    return _COMMON if wires.common else _SQUARE


@_inner
def _has_bends(kind: int) -> bool:
    return kind == _BENT or kind == _BENT_COMMON  # noqa: PLR1714  (numba has no such sets)


@_inner
def _call(places: Any, kind: int, noisy: bool) -> None:
    """Calls the innermost function."""
    if noisy:
        if kind == _PLAIN:
            _noisy_plain(places)
        elif kind == _SQUARE:
            _noisy_square(places)
        elif kind == _BENT:
            _noisy_bent(places)
        elif kind == _COMMON:
            _noisy_common(places)
        else:
            _noisy_bent_common(places)
    elif kind == _PLAIN:
        _plain(places)
    elif kind == _SQUARE:
        _square(places)
    elif kind == _BENT:
        _bent(places)
    elif kind == _COMMON:
        _common(places)
    else:
        _bent_common(places)


@_inner
def _convert(
    codes: Codes, scratch: LevelScratch, array: int, columns: tuple[int, int], blocks: tuple[int, int]
) -> None:
    """Adds the codes of some columns of an array, in some blocks of pixels, to the sums."""
    kind, tables, bits, sums = scratch.kind, scratch.tables, scratch.bits, scratch.sums
    n_bits, n_pairs = bits.shape[1], bits.shape[2]
    starts = np.empty(COLUMNS * n_bits, np.int64)
    n_columns, n_arrays = codes.steps.size, len(codes.constants)
    raw = scratch.raw.ctypes.data
    raw_bytes = scratch.raw.strides[0]
    address = codes.numbers.ctypes.data
    for block in range(blocks[1] - blocks[0]):
        for column in range(columns[0], columns[1], COLUMNS):
            if len(codes.numbers):
                for bit in range(n_bits):
                    place = (((blocks[0] + block) * n_arrays + array) * n_bits + bit) * n_columns + column
                    for k in range(COLUMNS):
                        start = _start(codes.seed, np.uint64(place + k))
                        starts[k * n_bits + bit] = address + 4 * np.int64(start)
            own = tables.ctypes.data + (column - columns[0]) * n_pairs * 2 * TABLE
            planes = bits.ctypes.data + block * bits.strides[0]
            levels = scratch.levels.ctypes.data + block * scratch.levels.strides[0]
            if _has_bends(kind):
                for k in range(2):
                    bend = own + (k + 1) * tables.strides[0]
                    _raw_levels((bend, planes, levels, n_pairs, n_bits, raw + k * raw_bytes, 0, 0, 0, 0, 0, 0))
            places = (
                own,
                planes,
                levels,
                n_pairs,
                n_bits,
                sums.ctypes.data + column * sums.strides[0] + block * 4 * PIXELS,
                sums.strides[0],
                codes.constants.ctypes.data + (array * codes.constants.shape[1] + column) * 4 * CONSTANTS,
                starts.ctypes.data,
                scratch.common.ctypes.data + block * scratch.common.strides[0],
                raw,
                raw + raw_bytes,
            )
            _call(places, kind, len(codes.numbers) > 0)


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
        kind = _kind(digits.wires)
        size = 3 * _TILE * n_pairs * TABLE
        memory = np.empty(size + TABLE, np.int16)
        skipped = (-memory.ctypes.data % (2 * TABLE)) // 2  # no table straddles two cache lines
        scratch = LevelScratch(
            kind,
            memory[skipped : skipped + size].reshape((3, _TILE, n_pairs, TABLE)),
            np.empty((n_together, n_bits, n_pairs, PIXELS), np.uint32),
            np.empty((n_together if kind else 0, n_bits, n_pairs, PIXELS), np.uint32),
            np.empty((n_together if kind else 0, n_bits, PIXELS), np.float32),
            np.empty((2, n_bits, COLUMNS, PIXELS), np.int32),
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
                    if kind:
                        _set_levels(digits.wires, scratch, array, block)
                for column in range(0, n_columns, _TILE):
                    columns = (column, min(n_columns, column + _TILE))
                    _fill_tables(digits.integers[array, columns[0] : columns[1]], scratch.tables[0])
                    if _has_bends(kind):
                        _fill_tables(digits.wires.first[array, columns[0] : columns[1]], scratch.tables[1])
                        _fill_tables(digits.wires.second[array, columns[0] : columns[1]], scratch.tables[2])
                    _convert(codes, scratch, array, columns, (first, end))
            _deliver(codes, scratch.sums, taken, outputs[first * PIXELS : end * PIXELS])
        return digest

    return _outer(product)


product = _product(zlib.crc32((inspect.getsource(fused_levels) + inspect.getsource(conversion_noise)).encode()))
"""Computes outputs (pixels, outputs) of blocks of PIXELS pixels, from the first of `blocks` up to the second,
exclusive."""
