"""Noise of single conversions: normal numbers from a fixed table, at positions that a seed determines.

Drawing a normal number takes as long as some twenty conversions. So a run of 64 pixels takes its numbers from a table,
one after another, and only where they start is random: a hash of the seed and of the conversions' place (run of pixels,
array, input bit, column). It depends neither on the order in which conversions are computed nor on the form that
computes them.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

RUN = 64
"""Neighbouring pixels that take neighbouring numbers."""

N_STARTS = 1 << 16
"""Possible starts in the table."""

_ODD, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_SHIFTS = tuple(np.uint64(n) for n in (30, 27, 31))
_MASK = np.uint64(N_STARTS - 1)


@lru_cache(maxsize=1)
def normal_numbers() -> NDArray[np.float32]:
    """The table of standard normal numbers."""
    numbers: NDArray[np.float32] = torch.randn(N_STARTS + RUN, generator=torch.Generator().manual_seed(0)).numpy()
    return numbers


def start_of(seed: Any, place: Any) -> Any:
    """Starts in the table for the numbered places of conversions; both uint64, numbers or arrays of NumPy.

    The finaliser of SplitMix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014). numba compiles this function as it is.
    """
    mixed = seed + place * _ODD
    mixed = (mixed ^ (mixed >> _SHIFTS[0])) * _FIRST
    mixed = (mixed ^ (mixed >> _SHIFTS[1])) * _SECOND
    return (mixed ^ (mixed >> _SHIFTS[2])) & _MASK


def noise_of(seed: int, first_place: int, n_columns: int, stride: int, pixels: range) -> torch.Tensor:
    """Numbers for the conversions (columns, pixels) of an array, input bit and slice.

    Args:
        seed: Seed of the layer's call.
        first_place: Number of the place of the first column in the first run of pixels.
        n_columns: Columns, whose places have consecutive numbers.
        stride: Places of one run of pixels.
        pixels: Consecutive pixels of the call.
    """
    runs = np.arange(pixels.start // RUN, -(-pixels.stop // RUN))
    places = first_place + np.arange(n_columns)[:, None] + runs * stride
    with np.errstate(over="ignore"):
        starts = start_of(np.uint64(seed), places.astype(np.uint64)).astype(np.int64)
    numbers = normal_numbers()[starts[:, :, None] + np.arange(RUN)].reshape(n_columns, -1)
    skipped = pixels.start - RUN * int(runs[0]) if len(runs) else 0
    return torch.from_numpy(numbers[:, skipped : skipped + len(pixels)])
