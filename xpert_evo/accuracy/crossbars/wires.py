"""The effect of resistive wires on a crossbar's currents, in a form that costs little more than ideal wires.

The nodal equations (solved by `nodal`) of a crossbar with gated idle rows depend on which rows are active, so no matrix
of effective conductances gives its currents. Four steps make them cheap. Conductances are relative to the highest one,
resistances to its inverse, voltages to the read voltage; x is the row's input bit.

1. *Rows.* Along a row only the columns that are read in the same cycle of the multiplexers draw current. If their
   columns' wires were at 0 V, each row would be a ladder of its own, the same for all inputs: `row_wires` solves it and
   gives the current G of each cell, its conductance times the remaining voltage of the row. If the columns' wires are
   at u_i instead, the same in all columns, the current is G (1 - u_i); for a change of u in one column alone, the
   cell's source resistance makes its conductance G' (between G and the cell's own).
2. *Mean column.* The voltage that builds up along a column is that of the mean column, of conductances c_i = mean of (G
   + G') / 2 over all columns of the layer: f = 1 - u solves f = 1 - K (x c f), where K_im is the resistance of the wire
   that rows i and m share on their way to the converter. f = 1 / (1 + K (x c)) is close to the solution (exact for one
   resistor); of K, the three smoothest modes are kept, and the resistance at its end.
3. *Deviations.* By Tellegen's theorem a cell whose conductance exceeds the mean by d adds d f^2 to the column's
   current: I_j = sum_i G_ij x_i f_i^2 + sum_i c_i x_i f_i (1 - f_i). So the inputs are scaled once for all columns, and
   the product is that of ideal wires. The last term is the same in all columns; a subtracted reference or partner
   column cancels it.
4. *Bend.* To second order in the column's own deviation its current falls by (sum_i d_ij b_i x_i f_i^2)^2, where b is
   the smoothest mode of K: a second product. With an analog reference the sums are those of deviations: if it is
   expected to stay below a tenth of an ADC's step, it is approximated by the sums' squares times the mean of K. Without
   one it is neglected below a twentieth.

The exact emulation computes this in integers (`wire_levels`).

Neglected: currents between rows through floating columns, u's variation from column to column, terms of third order.
`benchmarks/ir_drop.py` compares it with the nodal solution on layers of a trained network.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import torch

from hw_models.wires import WireResistances

_N_MODES = 3
_SQUARE_STEPS, _BEND_STEPS = 0.01, 0.1
"""Expected bend above which it is computed from the sums' squares, and by separate products [ADC steps]; half the
second without an analog reference."""

_ACTIVITY = 0.25
"""Share of rows active at once, if unknown."""

_RANGE_DEVIATIONS = 6.2
"""Approximate span of an ADC's range in standard deviations of partial sums."""


class BendKind(StrEnum):
    """How the bend due to a column's own deviation is computed."""

    NONE = "none"
    SQUARE = "square"
    PRODUCT = "product"


@dataclass(frozen=True, kw_only=True)
class ColumnDrop:
    """Scaling of a layer's inputs by the voltage along the columns of its arrays.

    Attributes:
        conductance: Mean conductance c, (rows,).
        modes: Modes of the wire, (rows, modes): K = modes modes^T within an array.
        common: Half levels per unit of the mean column's current where nothing cancels it; otherwise 0.
        bends: For each slice the two matrices (columns, rows) whose products with the scaled inputs, multiplied, are
            the bend in half levels; the second is None if it equals the first. Empty for no bend.
        square: Factor between the bend and the sums' squares [1 / half level]; 0 if `bends` is used, or for no bend.
    """

    conductance: torch.Tensor
    modes: torch.Tensor
    common: float = 0.0
    bends: tuple[tuple[torch.Tensor, torch.Tensor | None], ...] = ()
    square: float = 0.0

    @cached_property
    def _weighted(self) -> torch.Tensor:
        """Modes times c, (modes, rows)."""
        return (self.modes * self.conductance[:, None]).T.contiguous()

    def scaled(self, inputs: torch.Tensor, rows: slice) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Inputs (rows, pixels) of an array times f^2, and the common term of its columns (pixels,)."""
        drop = self.modes[rows] @ (self._weighted[:, rows] @ inputs)
        scaled = inputs * (drop + 1).square_().reciprocal_()
        return scaled, self._common_term(scaled, drop, rows)

    def _common_term(self, scaled: torch.Tensor, drop: torch.Tensor, rows: slice) -> torch.Tensor | None:
        """Common term of the columns of an array (pixels,) [half levels]; None if it cancels."""
        if not self.common:
            return None
        return (scaled * self.conductance[rows, None]).mul_(drop).sum(0).mul_(self.common)

    def largest_common_term(self, array_rows: tuple[int, ...]) -> float:
        """Bound on the common term [half levels]: f (1 - f) is at most a quarter."""
        parts = torch.split(self.conductance, list(array_rows))
        return self.common * max(float(part.sum()) for part in parts) / 4

    def bent(self, sums: torch.Tensor, scaled: torch.Tensor, rows: slice, slice_index: int) -> torch.Tensor:
        """Adds the bend of scaled inputs (rows, pixels) to partial sums (columns, pixels), in place."""
        if self.square:
            return sums.addcmul_(sums, sums, value=-self.square)
        if not self.bends:
            return sums
        first, second = self.bends[slice_index]
        deviation = first[:, rows] @ scaled
        other = deviation if second is None else second[:, rows] @ scaled
        return sums.addcmul_(deviation, other, value=-1)

    def weights(self, digit: torch.Tensor, array_rows: tuple[int, ...], activity: float | torch.Tensor) -> torch.Tensor:
        """Digits (columns, rows) as one matrix for all inputs, for a given share of active rows."""
        parts, start = [], 0
        for n_rows in array_rows:
            rows = slice(start, start + n_rows)
            start += n_rows
            active = torch.ones_like(self.conductance[rows, None]) * activity
            drop = (self.modes[rows] @ (self._weighted[:, rows] @ active))[:, 0]
            parts.append((digit[:, rows] + self.common * self.conductance[rows] * drop) / (drop + 1).square())
        return torch.cat(parts, dim=1)

    def full_drop(self, array_rows: tuple[int, ...]) -> torch.Tensor:
        """K c, the drop with all rows of an array active, (rows of all arrays,)."""
        sizes = list(array_rows)
        parts = zip(torch.split(self.modes, sizes), torch.split(self._weighted, sizes, dim=1), strict=True)
        return torch.cat([modes @ weighted.sum(1) for modes, weighted in parts])


def wire_modes(array_rows: tuple[int, ...], wires: WireResistances, *, row_groups: int = 1) -> torch.Tensor:
    """The smoothest modes of K for a column's wire, and its end's, (rows of all arrays, modes): K = modes modes^T.

    K_im = r min(d_i, d_m) + r_end for cells d pitches from the converter has sines as its eigenvectors. If a crossbar's
    rows are read in groups, the wire past the later groups, whose rows are idle, is part of a group's end.

    Args:
        array_rows: Rows of each array: a crossbar, or a group of its rows.
        wires: Resistances, relative to that of a cell in its highest conductance.
        row_groups: Arrays per crossbar.
    """
    parts = []
    for number, n_rows in enumerate(array_rows):
        n_below = sum(array_rows[number + 1 : (number // row_groups + 1) * row_groups])
        end_ohm = wires.sense_ohm + wires.column_ohm * n_below
        distance = torch.arange(n_rows, 0, -1, dtype=torch.float64)
        angles = [(2 * k + 1) * math.pi / (2 * n_rows + 1) for k in range(_N_MODES)]
        sines = [
            torch.sin(angle * distance) * math.sqrt(wires.column_ohm / (2 * n_rows + 1)) / math.sin(angle / 2)
            for angle in angles
        ]
        parts.append(torch.stack([*sines, torch.full_like(distance, math.sqrt(end_ohm))], 1))
    return torch.cat(parts).float()


def expected_bend(deviations: torch.Tensor, modes: torch.Tensor, array_rows: tuple[int, ...]) -> float:
    """Size of the bend of columns that deviate by d (columns, rows), relative to the range of an ADC.

    Sums of n independent d, a share `_ACTIVITY` of them active, have a variance of s^2; the bend then has a standard
    deviation of about sqrt(2) b^2 s^2.
    """
    spread = float((deviations.square().mean() * max(array_rows) * _ACTIVITY).sqrt())
    return math.sqrt(2) * float(_smoothest(modes).square().mean()) * spread / _RANGE_DEVIATIONS


def bend_kind(expected: float, adc_precision: int | None, *, sums_are_deviations: bool) -> BendKind:
    """How to compute a bend of an expected size relative to an ADC's range; conservative if the ADC is unknown."""
    steps = math.inf if adc_precision is None else expected * (2**adc_precision - 1)
    if steps > (_BEND_STEPS if sums_are_deviations else _BEND_STEPS / 2):
        return BendKind.PRODUCT
    return BendKind.SQUARE if sums_are_deviations and steps > _SQUARE_STEPS else BendKind.NONE


def bend_matrix(deviations: torch.Tensor, modes: torch.Tensor, half_levels: float) -> torch.Tensor:
    """Deviations (columns, rows) times b and the square root of the half levels per unit of current."""
    return deviations * (_smoothest(modes).to(deviations.device) * math.sqrt(half_levels))


def mean_shared(modes: torch.Tensor, array_rows: tuple[int, ...]) -> float:
    """Mean of K over pairs of rows of an array, averaged over the arrays."""
    parts = torch.split(modes, list(array_rows))
    return sum(float(part.mean(0).square().sum()) * len(part) for part in parts) / len(modes)


def _smoothest(modes: torch.Tensor) -> torch.Tensor:
    """b, (rows,): the smoothest mode combined with the resistance at the wire's end."""
    return (modes[:, 0].square() + modes[:, -1].square()).sqrt()
