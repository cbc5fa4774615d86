"""What resistive wires make of a crossbar's currents: a form that costs little more than ideal wires.

The nodal equations (`nodal` solves them) of a crossbar whose idle rows are gated depend on which rows are active, so
that no matrix of effective conductances gives its currents. Four steps make them cheap. Conductances are relative to
the highest one, resistances relative to its inverse, voltages to the read voltage; x is the row's input bit.

1. *Rows.* Along a row only the columns that are read in the same cycle of the multiplexers draw current. Were their
   columns' wires at 0 V, each row would be a ladder of its own, the same for all inputs: it is solved exactly, and
   gives the current G of each cell, its conductance times the voltage that is left of the row's. If the columns' wires
   are at u_i instead, the same in all columns, the current is G (1 - u_i); the cell's source resistance, for a change
   of u in one column alone, makes its conductance G' (between G and the cell's own).
2. *Mean column.* The voltage that builds up along a column is that of the mean column, of conductances
   c_i = mean of (G + G') / 2 over all columns of the layer: f = 1 - u solves f = 1 - K (x c f), where K_im is the
   resistance of the wire that rows i and m share on their way to the converter. f = 1 / (1 + K (x c)) is close to the
   solution (exact for one resistor); of K the three smoothest of its modes are kept, and the resistance at its end.
3. *Deviations.* By Tellegen's theorem a cell that conducts more than the mean by d adds d f^2 to the column's current:
   I_j = sum_i G_ij x_i f_i^2 + sum_i c_i x_i f_i (1 - f_i). So the inputs are scaled once for all columns, and the
   product is that of ideal wires. The last term is the same in all columns; a subtracted reference or partner column
   cancels it.
4. *Bend.* To second order in the column's own deviation its current falls by (sum_i d_ij b_i x_i f_i^2)^2, where b is
   the smoothest mode of K: a second product. Where it is expected to stay below a tenth of an ADC's step and the sums
   are those of deviations (with an analog reference), the sums' squares stand for it, times the mean of K.

Where an ADC cannot feel it, digits and scaled inputs are rounded to 127 levels, so that processors can multiply them by
eight-bit instructions.

Left out: currents between rows through columns that float, u's variation from column to column, terms of third order.
`benchmarks/ir_drop.py` holds it against the nodal solution on layers of a trained network.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import torch

from hw_models import CrossbarSpec, WeightCoding
from hw_models.wires import WireResistances

_N_MODES = 3
_SQUARE_STEPS, _BEND_STEPS = 0.01, 0.1
"""Expected bend above which it is computed from the sums' squares, and by products of its own [ADC steps]."""

_BLOCK = 4

N_LEVELS = 127
"""Levels of rounded inputs and digits."""

_ROUNDING_STEPS = 0.06
"""Expected error of sums of rounded digits and inputs below which they are rounded [ADC steps]."""

_ACTIVITY = 0.25
"""Share of rows that are active at once, where none is known."""

_RANGE_DEVIATIONS = 6.2
"""Standard deviations of partial sums that an ADC's range spans, about."""


class BendKind(StrEnum):
    """How a column's own deviation bends its current."""

    NONE = "none"
    SQUARE = "square"
    PRODUCT = "product"


@dataclass(frozen=True, kw_only=True)
class ColumnDrop:
    """How the voltage along the columns of a layer's arrays scales its inputs.

    Where inputs are rounded, f^2 is computed for blocks of `_BLOCK` neighbouring rows, fewer where their number does
    not divide that of the rows; else for each row.

    Attributes:
        conductance: c, (rows,).
        modes: Modes of the wire, (rows, modes): K = modes modes^T within an array.
        common: Half levels that a unit of the mean column's current is worth where nothing cancels it; else 0.
        bends: For each slice the two matrices (columns, rows) whose products with the scaled inputs, multiplied, are
            the bend in half levels; the second is None where it is the first. Empty for none.
        square: The bend is this times the sums' squares [1 / half level]; 0 where `bends` has it, or for none.
        n_levels: Scaled inputs are rounded to that many levels; 0 for none, which have all of float32's.
    """

    conductance: torch.Tensor
    modes: torch.Tensor
    common: float = 0.0
    bends: tuple[tuple[torch.Tensor, torch.Tensor | None], ...] = ()
    square: float = 0.0
    n_levels: int = 0

    @cached_property
    def _weighted(self) -> torch.Tensor:
        """(modes, rows)."""
        return (self.modes * self.conductance[:, None]).T.contiguous()

    def left(self, inputs: torch.Tensor, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """f^2 and K (x c) for inputs (rows, pixels) of an array, (blocks, pixels)."""
        size = self._block(len(inputs))
        blocks = self.modes[rows].view(-1, size, self.modes.shape[1]).mean(1)
        drop = blocks @ (self._weighted[:, rows] @ inputs)
        left = (drop + 1).square_().reciprocal_()
        if self.n_levels:
            left.mul_(self.n_levels).round_().div_(self.n_levels)
        return left, drop

    def scaled(self, inputs: torch.Tensor, rows: slice) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Inputs (rows, pixels) of an array times f^2, and the term that its columns have in common (pixels,)."""
        left, drop = self.left(inputs, rows)
        scaled = (inputs.view(len(left), -1, inputs.shape[1]) * left[:, None]).view(inputs.shape)
        return scaled, self.common_term(inputs, left, drop, rows)

    def common_term(
        self, inputs: torch.Tensor, left: torch.Tensor, drop: torch.Tensor, rows: slice
    ) -> torch.Tensor | None:
        """What the columns of an array have in common (pixels,) [half levels]; None where it cancels."""
        if not self.common:
            return None
        conducting = (inputs * self.conductance[rows, None]).view(len(left), -1, inputs.shape[1]).sum(1)
        return (conducting * left * drop).sum(0).mul_(self.common)

    def bent(self, sums: torch.Tensor, scaled: torch.Tensor, rows: slice, slice_index: int) -> torch.Tensor:
        """Partial sums (columns, pixels), changed in place, with the bend of scaled inputs (rows, pixels)."""
        if self.square:
            return sums.addcmul_(sums, sums, value=-self.square)
        if not self.bends:
            return sums
        first, second = self.bends[slice_index]
        deviation = first[:, rows] @ scaled
        other = deviation if second is None else second[:, rows] @ scaled
        return sums.addcmul_(deviation, other, value=-1)

    def weights(self, digit: torch.Tensor, array_rows: tuple[int, ...], activity: float | torch.Tensor) -> torch.Tensor:
        """Digits (columns, rows) as one matrix that serves all inputs, for a share of rows that are active."""
        parts, start = [], 0
        for n_rows in array_rows:
            rows = slice(start, start + n_rows)
            start += n_rows
            left, drop = self.left(torch.ones_like(self.conductance[rows, None]) * activity, rows)
            left, drop = (v[:, 0].repeat_interleave(self._block(n_rows)) for v in (left, drop))
            parts.append((digit[:, rows] + self.common * self.conductance[rows] * drop) * left)
        return torch.cat(parts, dim=1)

    def _block(self, n_rows: int) -> int:
        """Rows of a block."""
        return next(size for size in range(_BLOCK if self.n_levels else 1, 0, -1) if n_rows % size == 0)


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Effective conductances of a layer's cells behind their rows' wires.

    Attributes:
        places: G of each column of a weight, (weights, rows).
        references: That of the analog reference that serves each of them, likewise; empty where there is none.
        reference_ratio: G of the digital reference columns over their own conductance, (columns, rows); or None.
        mean: c, (rows,).
    """

    places: tuple[torch.Tensor, ...]
    references: tuple[torch.Tensor, ...]
    reference_ratio: torch.Tensor | None
    mean: torch.Tensor


def read_cycles(crossbar: CrossbarSpec, column_sharing: int) -> tuple[tuple[int, ...], ...]:
    """Columns of a crossbar that are read together, by position, for each cycle of the multiplexers.

    Neighbouring columns (or pairs) share an ADC. An analog reference is read in every cycle.
    """
    n_used = crossbar.columns // crossbar.columns_per_weight * crossbar.columns_per_weight
    conversions = [position // crossbar.columns_per_conversion for position in range(n_used)]
    references = list(range(crossbar.columns, crossbar.columns + n_references(crossbar)))
    always: list[int] = []
    if crossbar.coding is WeightCoding.OFFSET_ANALOG:
        always = references
    positions = [*range(n_used), *(() if always else references)]
    conversions += range(crossbar.converted_columns, crossbar.converted_columns + len(positions) - n_used)
    n_cycles = min(column_sharing, len(positions))
    return tuple(
        tuple([p for p, c in zip(positions, conversions, strict=True) if c % n_cycles == cycle] + always)
        for cycle in range(n_cycles)
    )


def n_references(crossbar: CrossbarSpec) -> int:
    """Reference columns of a crossbar that the emulation draws: an analog reference takes at least one."""
    if crossbar.coding is WeightCoding.DIFFERENTIAL:
        return 0
    return max(int(crossbar.coding is WeightCoding.OFFSET_ANALOG), crossbar.reference_columns)


def loaded(
    places: tuple[torch.Tensor, ...],
    references: torch.Tensor | None,
    crossbar: CrossbarSpec,
    *,
    column_sharing: int,
    wires: WireResistances,
) -> Loaded:
    """Solves the rows' ladders of all crossbars and cycles.

    Args:
        places: Conductances over the highest, (weights, rows), of each column of a weight.
        references: Of the reference columns, (crossbars or 1, references, rows); None for none.
        crossbar: Where the columns lie.
        column_sharing: Columns (or pairs) that share one ADC.
        wires: Resistances times the highest conductance.
    """
    n_weights, n_rows = places[0].shape
    per_crossbar = crossbar.columns // len(places)
    n_crossbars = -(-n_weights // per_crossbar)
    n_used = per_crossbar * len(places)
    grid = places[0].new_zeros((n_crossbars * per_crossbar, len(places), n_rows))
    grid[:n_weights] = torch.stack(places, 1)
    grid = grid.view(n_crossbars, n_used, n_rows)
    effective, own, subtracted = (torch.zeros_like(grid) for _ in range(3))
    ratio = None
    if references is not None:
        ratio = references.new_ones(references.shape[1:])
        references = references.expand(n_crossbars, -1, -1)
    for positions in read_cycles(crossbar, column_sharing):
        cells = [p for p in positions if p < n_used]
        others = [p - crossbar.columns for p in positions if p >= crossbar.columns]
        columns = grid[:, cells]
        if references is not None and others:
            columns = torch.cat([columns, references[:, others]], 1)
        through, alone = _ladder(columns, positions, wires)
        effective[:, cells], own[:, cells] = through[:, : len(cells)], alone[:, : len(cells)]
        if references is not None and ratio is not None and others:
            delivered = through[:, len(cells) :]
            subtracted[:, cells] = delivered.mean(1, keepdim=True)
            ratio[others] = (delivered / references[:, others].clamp_min(1e-12)).mean(0)
    mean = (effective + own).sum((0, 1)) / (2 * n_weights * len(places))

    def by_place(columns: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return columns.view(-1, len(places), n_rows)[:n_weights].unbind(1)

    analog = crossbar.coding is WeightCoding.OFFSET_ANALOG
    return Loaded(
        places=by_place(effective),
        references=by_place(subtracted) if analog else (),
        reference_ratio=None if analog else ratio,
        mean=mean,
    )


def _ladder(
    columns: torch.Tensor, positions: tuple[int, ...], wires: WireResistances
) -> tuple[torch.Tensor, torch.Tensor]:
    """G and G' of cells (crossbars, columns, rows) at rising positions along their row, which is driven at the left."""
    before = [-1, *positions[:-1]]
    ohm = [wires.row_ohm * (p - q) for p, q in zip(positions, before, strict=True)]
    ohm[0] += wires.driver_ohm
    n = len(positions)
    beyond = torch.zeros_like(columns)
    for j in range(n - 2, -1, -1):
        onward = columns[:, j + 1] + beyond[:, j + 1]
        beyond[:, j] = onward / (1 + ohm[j + 1] * onward)
    through, alone = torch.empty_like(columns), torch.empty_like(columns)
    voltage = torch.ones_like(columns[:, 0])
    source = torch.zeros_like(voltage)
    for j in range(n):
        cell, right = columns[:, j], beyond[:, j]
        voltage = voltage / (1 + ohm[j] * (cell + right))
        source = source + ohm[j]
        through[:, j] = cell * voltage
        alone[:, j] = cell / (1 + cell * source / (1 + source * right))
        source = source / (1 + source * cell)
    return through, alone


def wire_modes(array_rows: tuple[int, ...], wires: WireResistances) -> torch.Tensor:
    """The smoothest modes of K for a column's wire, and its end's, (rows of all arrays, modes): K = modes modes^T.

    K_im = r min(d_i, d_m) + r_end for cells d pitches from the converter has sines as its eigenvectors.
    """
    parts = []
    for n_rows in array_rows:
        distance = torch.arange(n_rows, 0, -1, dtype=torch.float64)
        angles = [(2 * k + 1) * math.pi / (2 * n_rows + 1) for k in range(_N_MODES)]
        sines = [
            torch.sin(angle * distance) * math.sqrt(wires.column_ohm / (2 * n_rows + 1)) / math.sin(angle / 2)
            for angle in angles
        ]
        parts.append(torch.stack([*sines, torch.full_like(distance, math.sqrt(wires.sense_ohm))], 1))
    return torch.cat(parts).float()


def expected_bend(deviations: torch.Tensor, modes: torch.Tensor, array_rows: tuple[int, ...]) -> float:
    """Size of the bend of columns that deviate by d (columns, rows), over that of the range of an ADC.

    Sums of n independent d, a share `_ACTIVITY` of them active, have a variance of s^2; the bend then has a standard
    deviation of about sqrt(2) b^2 s^2.
    """
    spread = float((deviations.square().mean() * max(array_rows) * _ACTIVITY).sqrt())
    return math.sqrt(2) * float(_smoothest(modes).square().mean()) * spread / _RANGE_DEVIATIONS


def bend_kind(expected: float, adc_precision: int | None, *, sums_are_deviations: bool) -> BendKind:
    """How to compute a bend of an expected size over an ADC's range; with care where the ADC is not known."""
    steps = math.inf if adc_precision is None else expected * (2**adc_precision - 1)
    if steps > (_BEND_STEPS if sums_are_deviations else _BEND_STEPS / 2):
        return BendKind.PRODUCT
    return BendKind.SQUARE if sums_are_deviations and steps > _SQUARE_STEPS else BendKind.NONE


def rounding_is_felt(digit: torch.Tensor, adc_precision: int | None) -> bool:
    """Whether rounding a slice's digits (columns, rows) to N_LEVELS of their largest could show in an ADC's codes.

    Rounding errors of digits add up like the digits themselves, which make the standard deviation of the sums. Those of
    the inputs are alike in many rows at worst, and then change a sum by at most half of a level of itself.
    """
    if adc_precision is None:
        return True
    ratio = float(digit.abs().max() / digit.square().mean().sqrt().clamp_min(1e-12)) / N_LEVELS / math.sqrt(12)
    n_steps = 2**adc_precision - 1
    error: float = max(ratio * n_steps / _RANGE_DEVIATIONS, n_steps / (2 * N_LEVELS))
    return error > _ROUNDING_STEPS


def bend_matrix(deviations: torch.Tensor, modes: torch.Tensor, half_levels: float) -> torch.Tensor:
    """Deviations (columns, rows) times b and the root of what a unit of current is worth in half levels."""
    return deviations * (_smoothest(modes).to(deviations.device) * math.sqrt(half_levels))


def mean_shared(modes: torch.Tensor, array_rows: tuple[int, ...]) -> float:
    """Mean of K over the pairs of rows of an array, averaged over the arrays."""
    parts = torch.split(modes, list(array_rows))
    return sum(float(part.mean(0).square().sum()) * len(part) for part in parts) / len(modes)


def _smoothest(modes: torch.Tensor) -> torch.Tensor:
    """b, (rows,): the smoothest mode and the resistance at the wire's end in one."""
    return (modes[:, 0].square() + modes[:, -1].square()).sqrt()
