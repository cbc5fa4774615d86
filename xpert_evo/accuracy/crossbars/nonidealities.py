"""Documented non-idealities of devices, wires and converters; all off by default, all drawn from one generator.

A cell's conductance g is measured in units of the on-conductance, from g_min = 1 / on-off ratio at level 0 to 1 at the
highest level. It is changed in this order by

- programming: g + n s(g), where s is a polynomial of the target, at least 0, as measured on real cells (W. Wan et al.,
  Nature 608, 504, 2022; V. Joshi et al., Nature Communications 11, 2473, 2020);
- variation: g (1 + s n), Gaussian, or g exp(s n - s^2 / 2), lognormal. Read currents of HfO2 cells were found to be
  normal at low and lognormal at high resistance ("Statistical assessment of endurance degradation in high and low
  resistive states of the HfO2-based RRAM", 2013); for the reason, see V. Karpov, D. Niraula, "Log-normal statistics in
  filamentary RRAM devices and related systems", 2017. The value of s depends on the cells; there is no default;
- stuck cells: at 1 or at g_min (C.-Y. Chen et al., IEEE Trans. Computers 64(1), 180-190, 2015);
- drift: g (t / 1 s)^-v with v varying from cell to cell, or a law whose exponent depends on the target (Joshi 2020);
- read noise: g (1 + s n), with an s that depends on g and grows like 1/f noise (Joshi 2020);
- wires, drivers and multiplexers: `wires` has the equations. Idle rows are gated: the transistors of their cells are
  off.

Inputs have a Gaussian error each; `input_noise` says where it acts.

Converters have a fixed offset each, and noise in every conversion, in steps (A. S. Rekhi et al., DAC 2019, combine
both). An offset shifts all thresholds of a converter together, as that of the only comparator of a SAR ADC does; the
thresholds of a Flash ADC have an offset each, which is not modelled. A converter's reference current may deviate: it
scales its step. An ADC serves columns of one slice of the weights, so that it needs a single range.
"""

from dataclasses import dataclass, replace

import torch

from hw_models import AdcType, CrossbarSpec, WeightCoding
from xpert_evo.accuracy.crossbars.arrays import Cells, PartialSums, crossbar_rows, program
from xpert_evo.accuracy.crossbars.cell_draws import DrawnCells, draw_cells
from xpert_evo.accuracy.crossbars.coding import counted_offset
from xpert_evo.accuracy.crossbars.conversion_noise import noise_of
from xpert_evo.accuracy.crossbars.device_settings import NonIdealities, VariationLaw
from xpert_evo.accuracy.crossbars.quantisers import weight_codes
from xpert_evo.accuracy.crossbars.row_wires import Loaded, loaded
from xpert_evo.accuracy.crossbars.settings_of_device import nonidealities_of
from xpert_evo.accuracy.crossbars.varied_digits import rounded
from xpert_evo.accuracy.crossbars.wires import (
    BendKind,
    ColumnDrop,
    bend_kind,
    bend_matrix,
    expected_bend,
    mean_shared,
    wire_modes,
)

__all__ = [
    "Disturbance",
    "NonIdealities",
    "VariationLaw",
    "cells_holding",
    "disturbed",
    "nonidealities_of",
]


_LEAST_REFERENCE = 0.1
"""Smallest reference current, relative to the designed one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """Offsets and noise of a layer's converters, in steps, and their gains.

    Attributes:
        offsets: Offset of each converter, (arrays, slices, columns).
        gains: Gain of each converter relative to its range's, of the same shape; None if all are 1.
        noise_steps: Standard deviation of the noise of each conversion.
        generator: Random generator of the noise's seeds.
        seed: Seed of the noise of one call of the layer.
    """

    offsets: torch.Tensor
    noise_steps: float
    generator: torch.Generator
    seed: int = 0
    gains: torch.Tensor | None = None

    def gains_of(self, sums: PartialSums) -> torch.Tensor | None:
        """Gains of the converters of partial sums, (columns, 1)."""
        return None if self.gains is None else self.gains[sums.array, sums.slice_index][:, None]

    def seeded(self) -> "Disturbance":
        """Draws a seed for the noise of the layer's next call."""
        if not self.noise_steps:
            return self
        seed = torch.randint(1 << 62, (), generator=self.generator, device=self.generator.device)
        return replace(self, seed=int(seed))

    def of(self, sums: PartialSums, n_bits: int, first_pixel: int) -> torch.Tensor:
        """Offsets and noise of partial sums, (columns, pixels) or (columns, 1), for input codes of `n_bits`."""
        offsets = self.offsets[sums.array, sums.slice_index][:, None]
        if not self.noise_steps:
            return offsets
        n_arrays, slices, n_columns = self.offsets.shape
        noise = noise_of(
            self.seed,
            ((sums.array * n_bits + sums.bit) * slices + sums.slice_index) * n_columns,
            n_columns,
            n_arrays * n_bits * slices * n_columns,
            range(first_pixel, first_pixel + sums.scaled.shape[1]),
        )
        return noise.to(offsets.device).mul_(self.noise_steps).add_(offsets)


def disturbed(
    codes: torch.Tensor,
    ideal: Cells,
    crossbar: CrossbarSpec,
    *,
    column_sharing: int,
    nonidealities: NonIdealities,
    generator: torch.Generator,
    adc_precision: int | None = None,
    adc_type: AdcType = AdcType.SAR,
) -> tuple[Cells, Disturbance | None]:
    """Draws the cells that hold weight codes (columns, rows), and their converters.

    Args:
        codes: Integer weight codes.
        ideal: The same weights as ideal cells.
        crossbar: Cells and coding.
        column_sharing: Columns that share one ADC and its offset.
        nonidealities: Strengths of the non-idealities.
        generator: Random generator; numbers are drawn on its device and are reproducible across machines only on a CPU.
        adc_precision: Bits of the ADCs, used to omit effects too small for them to resolve; None to omit nothing.
        adc_type: Type of the ADCs, on which their offsets may depend.
    """
    cells = ideal
    if nonidealities.disturbs_cells:
        cells = _disturbed_cells(
            codes,
            ideal,
            crossbar,
            nonidealities,
            generator,
            column_sharing=column_sharing,
            adc_precision=adc_precision,
        )
        cells = rounded(cells, adc_precision)
    if not nonidealities.disturbs_converters:
        return cells, None
    return cells, _drawn_converters(
        ideal,
        crossbar,
        nonidealities,
        generator,
        column_sharing=column_sharing,
        offset_steps=nonidealities.offset_steps(adc_type, adc_precision or 1),
    )


def _drawn_converters(
    cells: Cells,
    crossbar: CrossbarSpec,
    settings: NonIdealities,
    generator: torch.Generator,
    *,
    column_sharing: int,
    offset_steps: float,
) -> Disturbance:
    """Draws the converters of a layer; neighbouring columns of a slice share one, and so do a crossbar's row groups."""
    n_columns, slices = len(cells.digits[0]), len(cells.digits)
    of_slice = -(-n_columns // column_sharing)
    converter = torch.arange(n_columns) // column_sharing + of_slice * torch.arange(slices)[:, None]
    n_crossbars = len(crossbar_rows(cells.array_rows, crossbar))

    def drawn(deviation: float) -> torch.Tensor:
        numbers = torch.randn(n_crossbars, of_slice * slices, generator=generator, device=generator.device)
        of_arrays = numbers.repeat_interleave(crossbar.row_groups, dim=0)[: len(cells.array_rows)]
        return (of_arrays * deviation)[:, converter.to(numbers.device)].to(cells.digits[0].device)

    offsets = drawn(offset_steps)
    references = drawn(settings.adc_reference_ratio) if settings.adc_reference_ratio else None
    return Disturbance(
        offsets=offsets,
        noise_steps=settings.adc_noise_steps,
        generator=generator,
        # Codes count in units of the reference current, which is never negative.
        gains=None if references is None else (1 + references).clamp_min(_LEAST_REFERENCE).reciprocal(),
    )


def cells_holding(
    weights: torch.Tensor,
    crossbar: CrossbarSpec,
    *,
    array_rows: tuple[int, ...],
    nonidealities: NonIdealities,
    generator: torch.Generator,
    column_sharing: int,
) -> Cells:
    """Draws the cells that hold a layer's weights, for the training form.

    Args:
        weights: Weights (columns, ...) as trained.
        crossbar: Cells and coding.
        array_rows: Rows of each array.
        nonidealities: Non-idealities of the cells; those of converters are ignored.
        generator: Random generator, on the device where numbers are drawn.
        column_sharing: Columns that share one ADC; those that are read together share the rows' wires.
    """
    codes, _ = weight_codes(weights.detach(), crossbar)
    ideal = program(codes.flatten(1), array_rows, crossbar)
    return _disturbed_cells(
        codes.flatten(1), ideal, crossbar, nonidealities, generator, column_sharing=column_sharing, adc_precision=1
    )


def _disturbed_cells(
    codes: torch.Tensor,
    ideal: Cells,
    crossbar: CrossbarSpec,
    settings: NonIdealities,
    generator: torch.Generator,
    *,
    column_sharing: int,
    adc_precision: int | None,
) -> Cells:
    """Returns cells like `ideal`, with every digit replaced by the contribution of its disturbed devices."""
    drawn = draw_cells(codes, crossbar, settings, generator)
    least = settings.least_conductance
    half_levels = 2 * (2**crossbar.cell_bits - 1) / (1 - least)
    if crossbar.coding is WeightCoding.DIFFERENTIAL:
        half_levels /= 2
    behind, references = None, drawn.references
    if settings.has_wires:
        digital = crossbar.coding is WeightCoding.OFFSET_DIGITAL
        # Converted references are drawn for each slice; those that load the rows have their mean.
        load = references.mean(0, keepdim=True) if references is not None and digital else references
        behind = loaded(drawn.places, load, crossbar, column_sharing=column_sharing, wires=settings.relative_wires)
        if behind.reference_ratio is not None and references is not None:
            references = references * behind.reference_ratio
        drawn = DrawnCells(places=behind.places, references=references)
    digits = _digits(drawn, crossbar, behind)
    drop = None
    if behind is not None:
        modes = wire_modes(ideal.array_rows, settings.relative_wires, row_groups=crossbar.row_groups)
        modes = modes.to(codes.device)
        drop = _column_drop(
            drawn, behind, modes, ideal.array_rows, crossbar, half_levels=half_levels, adc_precision=adc_precision
        )
    return replace(
        ideal,
        digits=tuple(digit * half_levels for digit in digits),
        exact=False,
        counted_offset=counted_offset(crossbar) * (1 + least) / (1 - least),
        column_drop=drop,
    )


def _digits(drawn: DrawnCells, crossbar: CrossbarSpec, behind: Loaded | None) -> list[torch.Tensor]:
    """Contribution to the ADCs of each slice, relative to the current of the highest conductance."""
    places, references = drawn.places, drawn.references
    if crossbar.coding is WeightCoding.DIFFERENTIAL:
        return [plus - minus for plus, minus in zip(places[::2], places[1::2], strict=True)]
    if references is None:
        return list(places)
    if crossbar.coding is WeightCoding.OFFSET_DIGITAL:
        return [torch.cat([p, r.mean(0, keepdim=True)]) for p, r in zip(places, references, strict=True)]
    if behind is not None:
        return [p - r for p, r in zip(places, behind.references, strict=True)]
    per_crossbar = crossbar.columns // crossbar.columns_per_weight
    shared = references.mean(1).repeat_interleave(per_crossbar, dim=0)[: len(places[0])]
    return [place - shared for place in places]


def _column_drop(
    drawn: DrawnCells,
    behind: Loaded,
    modes: torch.Tensor,
    array_rows: tuple[int, ...],
    crossbar: CrossbarSpec,
    *,
    half_levels: float,
    adc_precision: int | None,
) -> ColumnDrop:
    """Effect of the columns' wires on cells that are behind their rows' wires."""
    places, mean = drawn.places, behind.mean

    def bend(deviations: torch.Tensor) -> torch.Tensor:
        return bend_matrix(deviations, modes, half_levels)

    bends: list[tuple[torch.Tensor, torch.Tensor | None]] = []
    deviations = torch.cat([place - mean for place in places])
    analog = crossbar.coding is WeightCoding.OFFSET_ANALOG
    kind = bend_kind(expected_bend(deviations, modes, array_rows), adc_precision, sums_are_deviations=analog)
    if kind is BendKind.PRODUCT:
        if crossbar.coding is WeightCoding.DIFFERENTIAL:
            # The difference of two squares is the product of their difference and their sum.
            pairs = zip(places[::2], places[1::2], strict=True)
            bends = [(bend(plus - minus), bend(plus + minus - 2 * mean)) for plus, minus in pairs]
        elif crossbar.coding is WeightCoding.OFFSET_DIGITAL:
            bends = [(bend(digit - mean), None) for digit in _digits(drawn, crossbar, behind)]
        else:
            pairs = zip(places, behind.references, strict=True)
            bends = [(bend(place - other), bend(place + other - 2 * mean)) for place, other in pairs]
    common = half_levels if crossbar.coding is WeightCoding.OFFSET_DIGITAL else 0.0
    square = mean_shared(modes, array_rows) / half_levels if kind is BendKind.SQUARE else 0.0
    return ColumnDrop(conductance=mean, modes=modes, common=common, bends=tuple(bends), square=square)
