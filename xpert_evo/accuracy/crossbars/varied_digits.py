"""Digits of cells that vary, rounded to integers far below what the ADCs resolve.

Sums of integers do not depend on the order of their terms, so every form of the emulation, on every processor, gives
the same results; and they are cheap (`fused_levels`).
"""

import math
from dataclasses import replace

import torch

from xpert_evo.accuracy.crossbars.arrays import Cells
from xpert_evo.accuracy.crossbars.wire_levels import rounded_drop

DIGIT_LEVELS = (127, 511, 2047, 8191)
"""Largest rounded digit: the smallest that suffices is used. Sums of four fit in 16 bits."""

_MOST_SUM = 2**31
"""Bound on sums, which are computed in 32 bits."""

_FELT_STEPS = 0.015
"""Root mean square of the sums' rounding error that is too large [ADC steps]; converting adds 0.29."""

_RANGE_DEVIATIONS = 6.2
"""Approximate span of an ADC's range in standard deviations of partial sums."""


def rounded(cells: Cells, adc_precision: int | None) -> Cells:
    """Returns the cells with a step for each slice, to which `Cells.integers` rounds its digits.

    Args:
        cells: Drawn cells.
        adc_precision: Bits of the ADCs; None returns the cells as they are, and so do digits that no step suits.
    """
    if adc_precision is None:
        return cells
    drop = cells.column_drop
    wires = None if drop is None else rounded_drop(drop, cells.array_rows, adc_precision)
    digits = cells.digits if wires is None else tuple(digit * wires.row_factors for digit in cells.digits)
    for n_levels in DIGIT_LEVELS:
        if not any(rounding_is_felt(digit, n_levels, adc_precision) for digit in digits):
            steps = tuple(max(float(digit.abs().max()), 1e-30) / n_levels for digit in digits)
            new = replace(cells, digit_steps=steps, rounded_drop=wires)
            return new if new.largest_sum * (wires.n_levels if wires else 1) < _MOST_SUM else cells
    return cells


def rounding_is_felt(digit: torch.Tensor, n_levels: int, adc_precision: int) -> bool:
    """Whether rounding a slice's digits (columns, rows) to `n_levels` of their largest could change an ADC's codes.

    Rounding errors of digits add up like the digits themselves, which determine the standard deviation of the sums.
    """
    ratio = float(digit.abs().max() / digit.square().mean().sqrt().clamp_min(1e-12)) / n_levels / math.sqrt(12)
    steps: float = ratio * (2**adc_precision - 1) / _RANGE_DEVIATIONS
    return steps > _FELT_STEPS
