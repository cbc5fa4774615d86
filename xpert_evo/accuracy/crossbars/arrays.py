"""Programmed crossbar arrays: the digits of one layer's weights, and the partial sums of its columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.coding import counted_offset, digit_range, digits, reference_digit, sum_spacing
from xpert_evo.accuracy.crossbars.fused_loading import in_pairs, kernel, tabled
from xpert_evo.accuracy.crossbars.integer_products import ROUNDER, multiplies_eight_bits, product_into
from xpert_evo.accuracy.crossbars.wire_levels import RoundedDrop
from xpert_evo.accuracy.crossbars.wires import ColumnDrop

_EXACT = 2**24
"""Integers of at most this size are exact in float32."""

_MOST_HALF_LEVELS = 2**13
"""Partial sums below this have exact products with a converter's gain, and fit in 16 bits."""


def crossbar_rows(array_rows: tuple[int, ...], crossbar: CrossbarSpec) -> tuple[int, ...]:
    """Rows of each crossbar that holds a layer: those of its arrays, which are the groups that are read together."""
    n_groups = crossbar.row_groups
    return tuple(sum(array_rows[first : first + n_groups]) for first in range(0, len(array_rows), n_groups))


@dataclass(frozen=True, slots=True)
class PackedSlices:
    """One slice, or two slices in one matrix.

    Attributes:
        first_slice: Position of the slice, or of the less significant one.
        matrix: (columns, rows) in half levels: the slice, or the first plus `scale` times the second.
        scale: A power of two that separates the sums of two slices; 1 for one alone.
    """

    first_slice: int
    matrix: torch.Tensor
    scale: int


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Contribution of the cells of a layer's arrays to the currents that reach the ADCs.

    Attributes:
        digits: One tensor (columns, rows) per slice, least significant first, in half levels. With a converted
            reference, it is the last column of each.
        array_rows: Rows of each array, from the top of the weight matrix; an array is what one conversion reads, a
            crossbar or a group of its rows.
        digit_range: Smallest and largest digit that the coding allows, whatever the weights.
        sum_spacing: Distance between neighbouring partial sums of ideal cells.
        exact: Whether all digits are integers, as designed; a device's variation makes them real numbers.
        digital_reference: Whether the last column is the reference.
        counted_offset: Amount subtracted digitally from the product for each unit of an input code.
        column_drop: Effect of the columns' wires; None for wires without resistance.
        digit_steps: Half levels per unit of `integers`, for each slice, if those replace the digits in sums.
        rounded_drop: `column_drop` for rounded digits.
    """

    digits: tuple[torch.Tensor, ...]
    array_rows: tuple[int, ...]
    digit_range: tuple[int, int]
    sum_spacing: int
    exact: bool = True
    digital_reference: bool = False
    counted_offset: float = 0.0
    column_drop: ColumnDrop | None = None
    digit_steps: tuple[float, ...] = ()
    rounded_drop: RoundedDrop | None = None

    @property
    def sum_range(self) -> tuple[int, int]:
        """Smallest and largest partial sum that ideal cells can deliver, in half levels."""
        least, most = self.digit_range
        return least * max(self.array_rows), most * max(self.array_rows)

    @cached_property
    def largest(self) -> float:
        """The largest magnitude among the digits."""
        return max(float(digit.abs().max()) for digit in self.digits)

    @property
    def largest_common_term(self) -> float:
        """Bound on the common term of the columns of an array [half levels]; 0 if it cancels."""
        return 0.0 if self.column_drop is None else self.column_drop.largest_common_term(self.array_rows)

    @cached_property
    def eight_bit_arrays(self) -> tuple[torch.Tensor, ...]:
        """`integers` as int8, one matrix for each array."""
        arrays = torch.split(self.integers.to(torch.int8), list(self.array_rows), dim=1)
        return tuple(array.contiguous() for array in arrays)

    @cached_property
    def float_arrays(self) -> tuple[torch.Tensor, ...]:
        """`integers` as floats of `product_type`, one matrix for each array."""
        return torch.split(self.integers.to(self.product_type), list(self.array_rows), dim=1)

    @cached_property
    def bend_arrays(self) -> tuple[tuple[torch.Tensor, ...], ...]:
        """The matrices of the bends likewise: one or two for each array, or none."""
        bends = () if self.rounded_drop is None else self.rounded_drop.bends
        split = [torch.split(bend.to(self.product_type), list(self.array_rows), dim=1) for bend in bends]
        return tuple(zip(*split, strict=True)) or ((),) * len(self.array_rows)

    @cached_property
    def integers(self) -> torch.Tensor:
        """Digits in units of their step, or of half levels, (slices x columns, rows), int16."""
        steps = self.digit_steps or (1.0,) * len(self.digits)
        factors = 1.0 if self.rounded_drop is None else self.rounded_drop.row_factors
        return torch.cat([(d * factors / step).round_() for d, step in zip(self.digits, steps, strict=True)]).short()

    @property
    def scales(self) -> tuple[float, ...]:
        """Units of the sums of `integers` per half level, for each slice."""
        unit = 1 if self.rounded_drop is None else self.rounded_drop.n_levels
        return tuple(unit / step for step in self.digit_steps) or (1.0,) * len(self.digits)

    @property
    def square_factors(self) -> tuple[float, ...]:
        """Factor between the sums' squares and their bend, in units of the sums, for each slice."""
        square = 0.0 if self.rounded_drop is None else self.rounded_drop.drop.square
        return tuple(square / scale for scale in self.scales)

    @property
    def bend_factors(self) -> tuple[float, ...]:
        """Factor between the product of the `bends`' sums and the bend, in units of the sums, for each slice."""
        drop = self.rounded_drop
        if drop is None or not drop.bends:
            return (0.0,) * len(self.digits)
        unit = drop.n_levels**2
        return tuple(scale * step / unit for scale, step in zip(self.scales, drop.bend_steps, strict=True))

    @cached_property
    def paired(self) -> Any:
        """`integers` in the form of the fused kernel."""
        return in_pairs(self.integers.cpu().numpy(), self.array_rows)

    @cached_property
    def product_type(self) -> torch.dtype:
        """The smallest type of floating-point numbers that holds all sums of `integers` exactly."""
        level = 1 if self.rounded_drop is None else self.rounded_drop.n_levels
        return torch.float32 if self.largest_sum * level < _EXACT else torch.float64

    @cached_property
    def largest_sum(self) -> int:
        """Bound on the magnitude of sums of `integers`, and of a bend's, in an array."""
        bends = () if self.rounded_drop is None else self.rounded_drop.bends
        arrays = [
            part for m in (self.integers, *bends) for part in torch.split(m.int().abs(), list(self.array_rows), 1)
        ]
        return max(int(array.sum(1).max()) for array in arrays)

    @property
    def fits_in_levels(self) -> bool:
        """Whether the fused kernel can compute with `integers`."""
        if not (self.exact or self.digit_steps):
            return False
        return not self.exact or max(self.array_rows) * self.largest < _MOST_HALF_LEVELS

    @cached_property
    def tabled(self) -> Any:
        """`exact` cells in the form of the fused kernel; None without a kernel, or if it does not support them."""
        loops = kernel().loops
        if loops is None or max(self.array_rows) * self.largest >= _MOST_HALF_LEVELS:
            return None
        return tabled(loops, torch.cat(self.digits).to(torch.int16).cpu().numpy(), self.array_rows)

    @cached_property
    def packed(self) -> tuple[PackedSlices, ...]:
        """The slices, in pairs where the sums of both can be separated."""
        most = max(self.array_rows) * self.largest
        scale = 1 << int(2 * most).bit_length()
        digits, first_alone = self.digits, 0
        pairs = []
        if self.exact and most * (scale + 1) < _EXACT:
            first_alone = len(digits) // 2 * 2
            pairs = [PackedSlices(i, digits[i] + scale * digits[i + 1], scale) for i in range(0, first_alone, 2)]
        return (*pairs, *(PackedSlices(i, digits[i], 1) for i in range(first_alone, len(digits))))


def program(codes: torch.Tensor, array_rows: tuple[int, ...], crossbar: CrossbarSpec) -> Cells:
    """Ideal cells for weight codes (columns, rows)."""
    reference = reference_digit(crossbar)
    slices = [d.float() for d in digits(codes.int(), crossbar)]
    if reference:
        slices = [torch.cat([d, torch.full_like(d[:1], reference)]) for d in slices]
    return Cells(
        digits=tuple(slices),
        array_rows=array_rows,
        digit_range=digit_range(crossbar),
        sum_spacing=sum_spacing(crossbar),
        digital_reference=bool(reference),
        counted_offset=counted_offset(crossbar),
    )


@dataclass(frozen=True, slots=True)
class PartialSums:
    """Sums of all columns of one slice of one array for one input bit; overwritten by the next ones.

    Attributes:
        bit: Input bit; 0 is the least significant.
        array: Position of the array.
        slice_index: Position of the slice.
        scaled: Sums (columns, pixels) in half levels, times `scale`.
        scale: Scale factor, a power of two for ideal cells.
        exact: Whether the cells are ideal ones, so that the sums' products with a converter's gain are exact.
    """

    bit: int
    array: int
    slice_index: int
    scaled: torch.Tensor
    scale: float
    exact: bool


def partial_sums(windows: torch.Tensor, cells: Cells, n_bits: int) -> Iterator[PartialSums]:
    """Yields all partial sums of a layer, by input bit, array and slice.

    Args:
        windows: Integer input codes (rows, pixels).
        cells: The layer's arrays.
        n_bits: Input precision.
    """
    if cells.rounded_drop is None and (cells.exact or cells.digit_steps):
        largest = cells.largest if cells.exact else float(cells.integers.abs().max())
        if multiplies_eight_bits(largest, windows.device):
            return _integer_sums(windows, cells, n_bits)
    return _float_sums(windows, cells, n_bits) if not cells.digit_steps else _sums_of_steps(windows, cells, n_bits)


def _integer_sums(windows: torch.Tensor, cells: Cells, n_bits: int) -> Iterator[PartialSums]:
    """Computes the sums with eight-bit products: all slices of an array in one."""
    arrays = cells.eight_bit_arrays
    inputs = torch.split(windows, list(cells.array_rows))
    buffer = windows.new_empty((len(arrays[0]), windows.shape[1]), dtype=torch.int32)
    for bit in range(n_bits):
        for number, (array, codes) in enumerate(zip(arrays, inputs, strict=True)):
            plane = codes.bitwise_and(1 << bit).ne_(0)
            sums = product_into(buffer, array, plane.to(torch.int8))
            for slice_index, part in enumerate(torch.split(sums, len(cells.digits[0]))):
                yield PartialSums(bit, number, slice_index, part, cells.scales[slice_index], cells.exact)


def _sums_of_steps(windows: torch.Tensor, cells: Cells, n_bits: int) -> Iterator[PartialSums]:
    """Computes the sums of rounded digits, exactly, and the effect of wires on them, in the fused kernel's order."""
    for bit in range(n_bits):
        plane = windows.bitwise_and(1 << bit).ne_(0).float()
        for number, active in enumerate(torch.split(plane, list(cells.array_rows))):
            inputs, common = active, None
            if cells.rounded_drop is not None:
                inputs, common = cells.rounded_drop.inputs(active, number)
            inputs = inputs.to(cells.product_type)
            sums = (cells.float_arrays[number] @ inputs).float()
            bends = [(bend @ inputs).float() for bend in cells.bend_arrays[number]]
            for slice_index, part in enumerate(torch.split(sums, len(cells.digits[0]))):
                if cells.square_factors[slice_index]:
                    part.sub_(part.square().mul_(cells.square_factors[slice_index]))
                if bends:
                    first, second = ([torch.split(b, len(part))[slice_index] for b in bends] * 2)[:2]
                    part.sub_((first * second).mul_(cells.bend_factors[slice_index]))
                if common is not None:
                    part.add_(common.mul(cells.scales[slice_index]))
                yield PartialSums(bit, number, slice_index, part, cells.scales[slice_index], exact=False)


def _float_sums(windows: torch.Tensor, cells: Cells, n_bits: int) -> Iterator[PartialSums]:
    """Computes the sums with float32 products; two slices share one if their sums fit: high * 2^k + low."""
    columns, pixels = len(cells.digits[0]), windows.shape[1]
    sums, high = windows.new_empty((2, columns, pixels), dtype=torch.float32).unbind()
    for bit in range(n_bits):
        plane = windows.bitwise_and(1 << bit).ne_(0).float()
        start = 0
        for array, n_rows in enumerate(cells.array_rows):
            rows = slice(start, start + n_rows)
            start += n_rows
            inputs, common = plane[rows], None
            if cells.column_drop is not None:
                inputs, common = cells.column_drop.scaled(inputs, rows)
            for group in cells.packed:
                torch.mm(group.matrix[:, rows], inputs, out=sums)
                if cells.column_drop is not None:
                    cells.column_drop.bent(sums, inputs, rows, group.first_slice)
                if common is not None:
                    sums.add_(common)
                if group.scale > 1:
                    rounder = ROUNDER * group.scale
                    torch.add(sums, rounder, out=high).sub_(rounder)
                    sums.sub_(high)
                yield PartialSums(bit, array, group.first_slice, sums, 1, cells.exact)
                if group.scale > 1:
                    yield PartialSums(bit, array, group.first_slice + 1, high, group.scale, cells.exact)
