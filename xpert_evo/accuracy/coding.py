"""Weight coding: the digits that the columns of a crossbar hold, for NumPy arrays and torch tensors alike.

A weight of `weight_bits` is cut into slices of `cell_bits`, least significant first. All numbers are integers in
*half levels* (two of them are one conductance level of a cell), so that a reference in the middle of the conductance
range, which the field calls a dummy column, is an integer too:

- `offset-analog`: level 0 ... B - 1 less the reference's (B - 1) / 2 before the ADC: digits -(B - 1), ..., B - 1, odd.
- `offset-digital`: the bare level reaches the ADC: digits 0, 2, ..., 2 (B - 1); the reference column, B - 1 in every
  cell, is converted like any other column and subtracted digitally.
- `differential`: a positive and a negative cell, subtracted before the ADC: signed magnitudes -(B - 1) ... B - 1.

The weight is then sum over slices s of B^s (digit - reference), an integer *code*.
"""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hw_models import CrossbarSpec, WeightCoding

if TYPE_CHECKING:
    import torch

Integers = TypeVar("Integers", "NDArray[np.int64]", "torch.Tensor")


def slice_weights(crossbar: CrossbarSpec) -> tuple[int, ...]:
    """What a digit of each slice is worth, least significant slice first."""
    return tuple(2 ** (crossbar.cell_bits * s) for s in range(crossbar.cells_per_weight))


def max_code(crossbar: CrossbarSpec) -> int:
    """The largest weight code; the smallest is its negative."""
    bits = crossbar.weight_bits - (crossbar.coding is WeightCoding.DIFFERENTIAL)
    return (1 << bits) - 1


def code_spacing(crossbar: CrossbarSpec) -> int:
    """Distance of neighbouring codes: offset codes are odd numbers, differential ones all integers."""
    return 1 if crossbar.coding is WeightCoding.DIFFERENTIAL else 2


def reference_digit(crossbar: CrossbarSpec) -> int:
    """What the digital reference column holds in every cell; 0 where the subtraction happens before the ADC."""
    return (1 << crossbar.cell_bits) - 1 if crossbar.coding is WeightCoding.OFFSET_DIGITAL else 0


def digits(codes: Integers, crossbar: CrossbarSpec) -> list[Integers]:
    """The digits of weight codes, one array of the same shape per slice, least significant first."""
    base = 2**crossbar.cell_bits
    values: Any = codes
    if crossbar.coding is WeightCoding.DIFFERENTIAL:
        negative = values < 0
        sign = 1 - 2 * negative
        return [(abs(values) // worth % base) * sign for worth in slice_weights(crossbar)]
    levels = (values + max_code(crossbar)) // 2
    centre = base - 1 if crossbar.coding is WeightCoding.OFFSET_ANALOG else 0
    return [2 * (levels // worth % base) - centre for worth in slice_weights(crossbar)]
