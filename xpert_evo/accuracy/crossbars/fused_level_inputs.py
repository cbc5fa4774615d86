"""The inputs of `fused_levels` for an array, compiled by numba: tables of digits, input bits, and levels of wires."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xpert_evo.accuracy.crossbars.fused_kernel import Inputs
from xpert_evo.accuracy.crossbars.fused_level_data import GROUP, PIXELS, TABLE, LevelScratch, Wires
from xpert_evo.accuracy.crossbars.fused_level_lookup import ByteLookup, lookup
from xpert_evo.accuracy.crossbars.fused_levels import Form, fill_tables, levels_function
from xpert_evo.accuracy.crossbars.fused_loops import _inner
from xpert_evo.accuracy.crossbars.integer_products import ROUNDER

_HALF = TABLE // 2
_WORDS = PIXELS // 8
_ONES = np.uint64(0x0101010101010101)
_WAY = lookup()
_IN_BYTES = isinstance(_WAY, ByteLookup)
_ORDER = _WAY.order() if isinstance(_WAY, ByteLookup) else np.arange(PIXELS)

_raw = levels_function(Form(raw=True))

_ROUNDER = np.float32(ROUNDER)


def _dividing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles an inner function that may divide by zero, so that its loops become vector instructions."""
    compiled: Callable[..., Any] = njit(nogil=True, error_model="numpy")(function)
    return compiled


@_inner
def _write_words(groups: NDArray[np.uint64], bits: NDArray[np.uint8]) -> None:
    """Writes the places of a pair's groups, (2, eights of pixels), for `WordLookup`."""
    places, words = groups.view(np.uint8), bits.view(np.uint32)
    second = np.uint32(_HALF)
    for i in range(PIXELS):
        low, high = np.uint32(places[0, i]), np.uint32(places[1, i])
        words[i] = low | (high | second) << np.uint32(16)


@_inner
def _write_bytes(groups: NDArray[np.uint64], bits: NDArray[np.uint8]) -> None:
    """The same for `ByteLookup`."""
    bits.view(np.uint64)[:] = groups.reshape(2 * _WORDS)


@_inner
def _place_in_words(bits: NDArray[np.uint8], group: int, pixel: int) -> np.uint32:
    """Place of a pixel in one of a pair's groups; its lowest bits tell which rows are on."""
    return np.uint32(bits.view(np.uint32)[pixel] >> np.uint32(16 * group))


@_inner
def _place_in_bytes(bits: NDArray[np.uint8], group: int, pixel: int) -> np.uint32:
    """The same for `ByteLookup`."""
    return np.uint32(bits[PIXELS * group + _ORDER[pixel]])


_write, _place = (_write_bytes, _place_in_bytes) if _IN_BYTES else (_write_words, _place_in_words)


@_inner
def _reorder(line: NDArray[np.uint8]) -> None:
    """Puts the pixels of a line in the order of `ByteLookup`."""
    before = line.copy()
    for i in range(PIXELS):
        line[_ORDER[i]] = before[i]


@_inner
def set_bits(
    inputs: Inputs,
    pixels: NDArray[np.uint32],
    rows: tuple[int, int],
    bits: NDArray[np.uint8],
    taken: NDArray[np.int64],
) -> None:
    """Writes the `bits` (bits, pairs, bytes) of an array's rows: the groups' places in their tables.

    The codes are added to `taken`, (pixels,).
    """
    lines = np.zeros((2 * GROUP, PIXELS), np.uint8)
    groups = np.zeros((2, _WORDS), np.uint64)
    eights = lines.view(np.uint64)
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
                if _IN_BYTES:
                    _reorder(lines[k])
            for bit in range(8 * byte, min(8 * byte + 8, inputs.n_bits)):
                shift = np.uint64(bit - 8 * byte)
                for half in range(2):
                    for i in range(_WORDS):
                        a = eights[GROUP * half, i] >> shift & _ONES
                        b = eights[GROUP * half + 1, i] >> shift & _ONES
                        c = eights[GROUP * half + 2, i] >> shift & _ONES
                        d = eights[GROUP * half + 3, i] >> shift & _ONES
                        groups[half, i] = a | b << np.uint64(1) | c << np.uint64(2) | d << np.uint64(3)
                _write(groups, bits[bit, pair])


@_inner
def fill_all_tables(integers: NDArray[np.int16], tables: NDArray[np.int16]) -> None:
    """Writes `tables` (columns, pairs, TABLE) for an array's digits (columns, pairs, rows of a pair)."""
    for column in range(len(integers)):
        fill_tables((integers[column].ctypes.data, tables[column].ctypes.data, integers.shape[1]))


@_dividing
def set_levels(wires: Wires, scratch: LevelScratch, array: int, block: int) -> None:
    """Writes the levels and the common term of a block's inputs, in the order of `RoundedDrop.inputs`."""
    bits, levels, common, sums = scratch.bits[block], scratch.levels[block], scratch.common[block], scratch.raw[0]
    n_bits, n_pairs = bits.shape[0], bits.shape[1]
    fill_all_tables(wires.modes[array], scratch.tables[0])
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
                    place = _place(bits[bit, pair], group & 1, i)
                    active = np.float32(place & low) * g[0] + np.float32(place >> np.uint32(1) & low) * g[1]
                    active = active + np.float32(place >> np.uint32(2) & low) * g[2]
                    active = active + np.float32(place >> np.uint32(3) & low) * g[3]
                    common[bit, i] += active * (left * drop)
        for i in range(PIXELS):
            common[bit, i] *= wires.common
