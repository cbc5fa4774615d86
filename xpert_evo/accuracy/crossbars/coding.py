"""Weight coding: the digits stored in the columns of a crossbar, for NumPy arrays and torch tensors alike.

A weight of `weight_bits` is split into slices of `cell_bits`, least significant first. All numbers are integers in
*half levels* (half of a cell's conductance level), so that a reference in the middle of the conductance range, known as
a dummy column, is an integer, too:

- `offset-analog`: level 0 ... B - 1, minus the reference's (B - 1) / 2 before the ADC: digits -(B - 1), ..., B - 1,
  odd.
- `offset-digital`: the plain level reaches the ADC: digits 0, 2, ..., 2 (B - 1). The offset is subtracted digitally:
  exactly, by a counter of active rows, or, with `reference_columns`, by a column with B - 1 in every cell that is
  converted like any other.
- `differential`: a positive and a negative cell, subtracted before the ADC: signed magnitudes -(B - 1) ... B - 1.

The weight is then the sum over slices s of B^s (digit - reference), minus the counted offset: an integer *code*. If
`cell_bits` does not divide `weight_bits`, the cells have more levels than offset codes need; the codes then use the
middle ones, around the reference.
"""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hw_models import CrossbarSpec, WeightCoding

if TYPE_CHECKING:
    import torch

Integers = TypeVar("Integers", "NDArray[np.int64]", "torch.Tensor")


def slice_weights(crossbar: CrossbarSpec) -> tuple[int, ...]:
    """Weight of a digit of each slice, least significant slice first."""
    return tuple(2 ** (crossbar.cell_bits * s) for s in range(crossbar.cells_per_weight))


def max_code(crossbar: CrossbarSpec) -> int:
    """The largest weight code; the smallest is its negative."""
    bits = crossbar.weight_bits - (crossbar.coding is WeightCoding.DIFFERENTIAL)
    return (1 << bits) - 1


def code_spacing(crossbar: CrossbarSpec) -> int:
    """Distance between neighbouring codes: offset codes are odd numbers, differential ones are all integers."""
    return 1 if crossbar.coding is WeightCoding.DIFFERENTIAL else 2


def reference_digit(crossbar: CrossbarSpec) -> int:
    """Digit stored in every cell of a converted reference column; 0 if there is none."""
    converted = crossbar.coding is WeightCoding.OFFSET_DIGITAL and crossbar.reference_columns
    return (1 << crossbar.cell_bits) - 1 if converted else 0


def counted_offset(crossbar: CrossbarSpec) -> int:
    """Amount that a counter of active rows subtracts from the product per unit of an input code; 0 without counter."""
    counts = crossbar.coding is WeightCoding.OFFSET_DIGITAL and not crossbar.reference_columns
    return most_level(crossbar) if counts else 0


def most_level(crossbar: CrossbarSpec) -> int:
    """Largest combined level of all cells of a weight under an offset coding."""
    return (1 << crossbar.cell_bits * crossbar.cells_per_weight) - 1


def digit_range(crossbar: CrossbarSpec) -> tuple[int, int]:
    """Smallest and largest digit that any cell can store, in half levels."""
    top = (1 << crossbar.cell_bits) - 1
    return (0, 2 * top) if crossbar.coding is WeightCoding.OFFSET_DIGITAL else (-top, top)


def sum_spacing(crossbar: CrossbarSpec) -> int:
    """Distance between neighbouring partial sums in half levels: plain levels are even, and so are their sums."""
    return 2 if counted_offset(crossbar) else 1


def offset_levels(codes: Integers, crossbar: CrossbarSpec) -> Integers:
    """Combined level of all cells of a weight under an offset coding; its digits of base B are the cells'."""
    return (codes + most_level(crossbar)) >> 1


def digits(codes: Integers, crossbar: CrossbarSpec) -> list[Integers]:
    """The digits of weight codes, one array of the same shape per slice, least significant first."""
    shifts = [crossbar.cell_bits * number for number in range(crossbar.cells_per_weight)]
    top = (1 << crossbar.cell_bits) - 1
    values: Any = codes
    if crossbar.coding is WeightCoding.DIFFERENTIAL:
        sign = 1 - 2 * (values < 0)
        return [(abs(values) >> shift & top) * sign for shift in shifts]
    levels: Any = offset_levels(values, crossbar)
    centre = top if crossbar.coding is WeightCoding.OFFSET_ANALOG else 0
    return [2 * (levels >> shift & top) - centre for shift in shifts]
