"""Loads the fused kernel, tests it, and tabulates weights for it."""

import importlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpert_evo.accuracy.crossbars.integer_products import ROUNDER, ROUNDER_BITS

_CACHE_LINE = 64

_TRIAL_ROWS, _TRIAL_BITS, _TRIAL_COLUMNS, _TRIAL_PIXELS = (64, 9, 6), 7, 3, 70
_TRIAL_GAIN, _TRIAL_LOWEST, _TRIAL_HIGHEST, _TRIAL_OFFSET = 0.3125, -30, 33, 2


@dataclass(frozen=True, slots=True)
class Kernel:
    """The compiled kernel, or the reason why there is none.

    Attributes:
        loops: Module `fused_loops`; None if it cannot be used.
        refusal: Reason why it cannot be used, for users.
    """

    loops: Any
    refusal: str = ""


@lru_cache(maxsize=1)
def kernel() -> Kernel:
    """Loads the kernel, which takes half a second, or several seconds if nothing is compiled yet."""
    try:
        config = importlib.import_module("numba.core.config")
        if config.CPU_NAME or config.CPU_FEATURES or config.DISABLE_JIT:
            return Kernel(None, "numba is configured for another processor or disabled")
        if not importlib.import_module("xpert_evo.accuracy.crossbars.fused_kernel").PIXELS:
            return Kernel(None, "this processor has no byte shuffle that the kernel supports")
        loops = importlib.import_module("xpert_evo.accuracy.crossbars.fused_loops")
        return Kernel(loops) if _is_right(loops) else Kernel(None, "its results differ from integer arithmetic's")
    except Exception as failure:  # whatever the compiler's fault, the torch form gives the same results
        return Kernel(None, f"{type(failure).__name__}: {failure}")


@lru_cache(maxsize=1)
def level_loops() -> Any:
    """Loads the kernel for cells and converters that vary, the module `fused_level_loops`; None without one."""
    if kernel().loops is None:
        return None
    try:
        loops = importlib.import_module("xpert_evo.accuracy.crossbars.fused_level_loops")
        return loops if _is_right_with_levels(loops) else None
    except Exception:  # as in `kernel`
        return None


def tabled(loops: Any, digits: NDArray[np.int16], array_rows: tuple[int, ...]) -> Any:
    """Returns the kernel's `Arrays` for digits (columns, rows) in half levels; None if its tables cannot hold them."""
    first_rows = np.cumsum([0, *array_rows])
    first_groups = np.cumsum([0, *(-(-n // loops.ROWS_PER_GROUP) for n in array_rows)])
    n_columns = len(digits)
    arrays = loops.Arrays(
        first_rows=first_rows,
        first_groups=first_groups,
        tables=_aligned(int(first_groups[-1]) * n_columns * 2**loops.ROWS_PER_GROUP),
        block_groups=np.empty((len(array_rows), n_columns), np.int64),
        scales=np.empty(n_columns, np.int16),
        offsets=np.empty(n_columns, np.int16),
    )
    return arrays if loops.fill_tables(digits, arrays) else None


def in_pairs(integers: NDArray[np.int16], array_rows: tuple[int, ...]) -> NDArray[np.int16]:
    """Returns integers (columns, rows) as (arrays, columns, pairs of groups, rows of a pair).

    Missing rows are 0, and so are the columns that make up a multiple of four.
    """
    n_columns, per_pair = len(integers), 8
    shape = (len(array_rows), -(-n_columns // 4) * 4, -(-max(array_rows) // per_pair) * per_pair)
    paired = np.zeros(shape, np.int16)
    ends = list(accumulate(array_rows, initial=0))
    for array, start, end in zip(paired, ends, ends[1:], strict=False):
        array[:n_columns, : end - start] = integers[:, start:end]
    return paired.reshape(*shape[:2], shape[2] // per_pair, per_pair)


@lru_cache(maxsize=1)
def no_wires() -> dict[str, Any]:
    """Returns what the kernel for cells that vary is told of wires without resistance, by name."""
    integers, floats = np.empty((0, 0, 0, 8), np.int16), np.empty((0, 0, 0), np.float32)
    return {
        "modes": integers,
        "block_modes": floats,
        "conductances": floats,
        "common": np.float32(0),
        "n_levels": np.float32(0),
        "first": integers,
        "second": integers,
    }


def _aligned(n_bytes: int) -> NDArray[np.uint8]:
    """Allocates memory aligned to a cache line, so that no table straddles two."""
    whole = np.empty(n_bytes + _CACHE_LINE, np.uint8)
    start = -whole.ctypes.data % _CACHE_LINE
    return whole[start : start + n_bytes]


def _trial_layer(largest: int) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Digits (columns, rows) up to a magnitude, and input codes (rows, pixels), of a small layer."""
    random, n_rows = np.random.default_rng(0), sum(_TRIAL_ROWS)
    digits = random.integers(-largest, largest + 1, (_TRIAL_COLUMNS, n_rows)).astype(np.int16)
    return digits, random.integers(2**_TRIAL_BITS, size=(n_rows, _TRIAL_PIXELS))


def _trial_inputs(loops: Any, codes: NDArray[np.int64]) -> Any:
    return loops.Inputs(
        codes=codes.astype(np.uint8).reshape(1, -1),
        pixels=np.arange(_TRIAL_PIXELS, dtype=np.uint32),
        rows=np.arange(len(codes), dtype=np.uint32) * np.uint32(_TRIAL_PIXELS),
        n_bits=_TRIAL_BITS,
    )


def _expected(digits: NDArray[np.int16], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Outputs (columns, pixels) of the small layer by integer arithmetic."""
    expected: NDArray[np.int64] = -_TRIAL_OFFSET * codes.sum(0)
    starts = accumulate(_TRIAL_ROWS, initial=0)
    for start, n in zip(starts, _TRIAL_ROWS, strict=False):
        for bit in range(_TRIAL_BITS):
            sums = digits[:, start : start + n].astype(np.int64) @ (codes[start : start + n] >> bit & 1)
            converted = np.rint(sums * _TRIAL_GAIN).clip(_TRIAL_LOWEST, _TRIAL_HIGHEST)
            expected = expected + (converted.astype(np.int64) << bit)
    return expected


def _is_right(loops: Any) -> bool:
    """Checks the kernel's result for a small layer against integer arithmetic."""
    digits, codes = _trial_layer(15)
    outputs = np.empty((_TRIAL_PIXELS, _TRIAL_COLUMNS), np.float32)
    converters = loops.Converters(
        gains=np.full(_TRIAL_COLUMNS, _TRIAL_GAIN, np.float32),
        lowest=np.full(_TRIAL_COLUMNS, ROUNDER_BITS + _TRIAL_LOWEST, np.int32),
        highest=np.full(_TRIAL_COLUMNS, ROUNDER_BITS + _TRIAL_HIGHEST, np.int32),
        steps=np.ones((1, _TRIAL_COLUMNS), np.float32),
        has_reference=False,
        counted_offset=_TRIAL_OFFSET,
    )
    n_blocks = -(-_TRIAL_PIXELS // loops.PIXELS)
    loops.product(_trial_inputs(loops, codes), tabled(loops, digits, _TRIAL_ROWS), converters, outputs, (0, n_blocks))
    return bool((_expected(digits, codes) == outputs.T).all())


def _is_right_with_levels(loops: Any) -> bool:
    """Checks the result of the kernel for cells that vary likewise."""
    digits, codes = _trial_layer(100)
    outputs = np.empty((_TRIAL_PIXELS, _TRIAL_COLUMNS), np.float32)
    arrays = loops.Digits(
        first_rows=np.cumsum([0, *_TRIAL_ROWS]),
        integers=in_pairs(digits, _TRIAL_ROWS),
        wires=loops.Wires(**no_wires()),
    )
    constants = np.zeros((len(_TRIAL_ROWS), arrays.integers.shape[1], loops.CONSTANTS), np.float32)
    constants[:, :, 0] = _TRIAL_GAIN
    constants[:, :, 2], constants[:, :, 3] = ROUNDER + _TRIAL_LOWEST, ROUNDER + _TRIAL_HIGHEST
    converters = loops.Codes(
        constants=constants,
        steps=np.ones((1, _TRIAL_COLUMNS), np.float32),
        has_reference=False,
        counted_offset=np.float32(_TRIAL_OFFSET),
        numbers=np.empty(0, np.float32),
        seed=np.uint64(0),
    )
    n_blocks = -(-_TRIAL_PIXELS // loops.PIXELS)
    loops.product(_trial_inputs(loops, codes), arrays, converters, outputs, (0, n_blocks))
    return bool((_expected(digits, codes) == outputs.T).all())
