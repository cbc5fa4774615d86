"""The loops around `fused_levels`, compiled by numba: noise, columns, outputs."""

import inspect
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xpert_evo.accuracy.crossbars import (
    conversion_noise,
    fused_level_data,
    fused_level_inputs,
    fused_level_lookup,
    fused_levels,
)
from xpert_evo.accuracy.crossbars.conversion_noise import start_of
from xpert_evo.accuracy.crossbars.fused_kernel import Inputs
from xpert_evo.accuracy.crossbars.fused_level_data import (
    COLUMNS,
    CONSTANTS,
    PIXELS,
    TABLE,
    Codes,
    Digits,
    LevelScratch,
    Wires,
)
from xpert_evo.accuracy.crossbars.fused_level_inputs import fill_all_tables, set_bits, set_levels
from xpert_evo.accuracy.crossbars.fused_level_lookup import lookup
from xpert_evo.accuracy.crossbars.fused_levels import Form, levels_function
from xpert_evo.accuracy.crossbars.fused_loops import _inner, _outer
from xpert_evo.accuracy.crossbars.integer_products import ROUNDER_BITS

_TILE = 64
"""Columns whose tables stay in the cache while the pixels of a part are processed."""

_SUM_BYTES = 1 << 20
"""Accumulated sums of a part of the pixels, which stay in the second-level cache."""

_MOST_BLOCKS = 8
"""Most blocks of PIXELS pixels in a part: enough to outweigh the making of the tables."""

_PLAIN, _SQUARE, _BENT, _COMMON, _BENT_COMMON = range(5)
"""Kinds of wires: none, those whose bend follows from the sums, or needs sums of its own, or with a common term."""

_PAIR_BYTES = lookup().pair_bytes

_raw_levels = levels_function(Form(raw=True, levels=True))


_start: Any = njit(nogil=True, inline="always")(start_of)


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


def _either(form: Form) -> Callable[..., None]:
    """Makes the innermost function of a form that takes the tuple of places and whether conversions are noisy."""
    quiet, noisy = levels_function(form), levels_function(form._replace(noise=True))

    def function(places: Any, has_noise: bool) -> None:
        if has_noise:
            noisy(places)
        else:
            quiet(places)

    return _inner(function)


_plain, _square = _either(Form()), _either(Form(levels=True, square=True))
_bent, _common = _either(Form(levels=True, bends=True)), _either(Form(levels=True, common=True))
_bent_common = _either(Form(levels=True, bends=True, common=True))


@_inner
def _call(places: Any, kind: int, has_noise: bool) -> None:
    """Calls the innermost function of a kind of wires."""
    if kind == _PLAIN:
        _plain(places, has_noise)
    elif kind == _SQUARE:
        _square(places, has_noise)
    elif kind == _BENT:
        _bent(places, has_noise)
    elif kind == _COMMON:
        _common(places, has_noise)
    else:
        _bent_common(places, has_noise)


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
            np.empty((n_together, n_bits, n_pairs, _PAIR_BYTES), np.uint8),
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
                    set_bits(inputs, pixels[own], rows, scratch.bits[block], taken[own])
                    if kind:
                        set_levels(digits.wires, scratch, array, block)
                for column in range(0, n_columns, _TILE):
                    columns = (column, min(n_columns, column + _TILE))
                    fill_all_tables(digits.integers[array, columns[0] : columns[1]], scratch.tables[0])
                    if _has_bends(kind):
                        fill_all_tables(digits.wires.first[array, columns[0] : columns[1]], scratch.tables[1])
                        fill_all_tables(digits.wires.second[array, columns[0] : columns[1]], scratch.tables[2])
                    _convert(codes, scratch, array, columns, (first, end))
            _deliver(codes, scratch.sums, taken, outputs[first * PIXELS : end * PIXELS])
        return digest

    return _outer(product)


_OTHERS = (fused_levels, fused_level_data, fused_level_inputs, fused_level_lookup, conversion_noise)

product = _product(zlib.crc32("".join(map(inspect.getsource, _OTHERS)).encode()))
"""Computes outputs (pixels, outputs) of blocks of PIXELS pixels, from the first of `blocks` up to the second,
exclusive."""
