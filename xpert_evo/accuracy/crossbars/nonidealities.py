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

Converters have offsets, noise and deviating references; `converter_draws` says how they act.
"""

from dataclasses import replace

import torch

from hw_models import AdcType, CrossbarSpec, WeightCoding
from xpert_evo.accuracy.crossbars.arrays import Cells, program
from xpert_evo.accuracy.crossbars.cell_draws import DrawnCells, draw_cells
from xpert_evo.accuracy.crossbars.coding import counted_offset
from xpert_evo.accuracy.crossbars.converter_draws import Disturbance, draw_converters
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
    return cells, draw_converters(
        ideal,
        crossbar,
        nonidealities,
        generator,
        column_sharing=column_sharing,
        offset_steps=nonidealities.offset_steps(adc_type, adc_precision or 1),
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
