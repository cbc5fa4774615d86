"""Documented non-idealities of devices, wires and converters; all off by default, all drawn from one generator.

A cell's conductance g is counted in units of the on-conductance, from g_min = 1 / on-off ratio at level 0 to 1 at the
highest level. In this order it is changed by

- variation of programming: g (1 + s n), Gaussian, or g exp(s n - s^2 / 2), lognormal. Read currents of HfO2 cells were
  found normal at low and lognormal at high resistance ("Statistical assessment of endurance degradation in high and
  low resistive states of the HfO2-based RRAM", 2013); why lognormal: V. Karpov, D. Niraula, "Log-normal statistics in
  filamentary RRAM devices and related systems", 2017. How large s is depends on the cells at hand: there is no default;
- stuck cells: at 1 or at g_min (C.-Y. Chen et al., IEEE Trans. Computers 64(1), 180-190, 2015);
- drift: g (t / 1 s)^-v with v spread from cell to cell (V. Joshi et al., Nature Communications 11, 2473, 2020);
- wires: every segment between a cell and its driver and its converter is in series with it,
  1 / (1 / g + r n_segments): Ohm's law for a path that the cell has to itself. Currents of other cells in the same wire
  are left out, so the loss in busy columns is understated; what they do, and that a model of few parameters can follow
  it, show Y. Jeong, M. Zidan, W. Lu (IEEE Trans. Nanotechnology 17(1), 184-193, 2018).

Converters have a fixed offset each, and noise in every conversion, in steps (A. S. Rekhi et al., DAC 2019, lump both).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Self

import torch
from pydantic import Field, model_validator

from hw_models import CrossbarSpec, WeightCoding
from xpert_evo.accuracy.crossbars.arrays import Cells, PartialSums, crossbar_rows, program
from xpert_evo.accuracy.crossbars.coding import counted_offset, digits, offset_levels, slice_weights
from xpert_evo.accuracy.crossbars.quantisers import weight_codes
from xpert_evo.validation import Frozen

Spread = Annotated[float, Field(ge=0.0, le=10.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class VariationLaw(StrEnum):
    """How conductances scatter around their target."""

    GAUSSIAN = "gaussian"
    LOGNORMAL = "lognormal"


class NonIdealities(Frozen):
    """What differs from ideal devices; the module's docstring has the equations.

    Attributes:
        variation_ratio: Standard deviation of conductances, relative.
        variation_law: Its distribution.
        stuck_on_ratio: Share of cells that are stuck at the highest conductance.
        stuck_off_ratio: Share of cells that are stuck at the lowest conductance.
        on_off_ratio: Highest over lowest conductance; None for a lowest conductance of 0.
        wire_resistance_ratio: Resistance of one wire segment over that of a cell in its highest conductance.
        drift_exponent: v; 0 for no drift.
        drift_exponent_spread_ratio: Its standard deviation from cell to cell, relative.
        drift_time_s: Time since programming [s].
        adc_offset_steps: Standard deviation of the converters' offsets [steps].
        adc_noise_steps: Standard deviation of the noise of each conversion [steps].
    """

    variation_ratio: Spread = 0.0
    variation_law: VariationLaw = VariationLaw.GAUSSIAN
    stuck_on_ratio: Share = 0.0
    stuck_off_ratio: Share = 0.0
    on_off_ratio: Annotated[float, Field(gt=1.0, allow_inf_nan=False)] | None = None
    wire_resistance_ratio: Spread = 0.0
    drift_exponent: Spread = 0.0
    drift_exponent_spread_ratio: Spread = 0.0
    drift_time_s: Annotated[float, Field(ge=1.0, allow_inf_nan=False)] = 1.0
    adc_offset_steps: Spread = 0.0
    adc_noise_steps: Spread = 0.0

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        stuck = self.stuck_on_ratio + self.stuck_off_ratio
        if stuck > 1:
            raise ValueError(
                f"stuck_on_ratio and stuck_off_ratio are shares of the same cells and add up to at most 1, got "
                f"{self.stuck_on_ratio:g} + {self.stuck_off_ratio:g}."
            )
        return self

    @property
    def idle(self) -> dict[str, str]:
        """Settings that change nothing as they stand, and what each of them waits for, in words."""
        drifts = self.drift_exponent > 0 and self.drift_time_s > 1
        off = NonIdealities.model_construct()
        waiting = {
            "variation_law": (self.variation_ratio == 0, "a variation_ratio above 0"),
            "drift_exponent": (not drifts, "a drift_time_s above 1"),
            "drift_exponent_spread_ratio": (not drifts, "a drift_exponent above 0 and a drift_time_s above 1"),
            "drift_time_s": (not drifts, "a drift_exponent above 0"),
        }
        return {
            name: companion
            for name, (waits, companion) in waiting.items()
            if waits and getattr(self, name) != getattr(off, name)
        }

    @property
    def least_conductance(self) -> float:
        """Of a cell at level 0, over the highest."""
        return 0.0 if self.on_off_ratio is None else 1 / self.on_off_ratio

    @property
    def disturbs_converters(self) -> bool:
        """Whether converters do anything but round."""
        return bool(self.adc_offset_steps or self.adc_noise_steps)

    @property
    def disturbs_cells(self) -> bool:
        """Whether cells deliver anything but their level."""
        return any((self.variation_ratio, self.stuck_on_ratio, self.stuck_off_ratio, self.on_off_ratio)) or any(
            (self.wire_resistance_ratio, self.drift_exponent)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """Offsets and noise of a layer's converters, in steps.

    Attributes:
        offsets: (arrays, slices, columns).
        noise_steps: Standard deviation of the noise of each conversion.
        generator: Draws the noise.
    """

    offsets: torch.Tensor
    noise_steps: float
    generator: torch.Generator

    def draw(self, sums: PartialSums) -> torch.Tensor:
        """What to add to the scaled partial sums before rounding, (columns, pixels)."""
        offsets = self.offsets[sums.array, sums.slice_index][:, None]
        if not self.noise_steps:
            return offsets.expand_as(sums.scaled).clone()
        noise = torch.randn(sums.scaled.shape, generator=self.generator).to(sums.scaled.device)
        return noise.mul_(self.noise_steps).add_(offsets)


def disturbed(
    codes: torch.Tensor,
    ideal: Cells,
    crossbar: CrossbarSpec,
    *,
    column_sharing: int,
    nonidealities: NonIdealities,
    generator: torch.Generator,
) -> tuple[Cells, Disturbance | None]:
    """One draw of the cells that hold weight codes (columns, rows), and of their converters.

    Args:
        codes: Integer weight codes.
        ideal: The same as ideal cells.
        crossbar: Cells and coding.
        column_sharing: Columns that share one ADC, and its offset.
        nonidealities: Strengths.
        generator: Of the draws; its device is where they are drawn, and only on a CPU are they the same everywhere.
    """
    cells = (
        _disturbed_cells(codes, ideal, crossbar, nonidealities, generator) if nonidealities.disturbs_cells else ideal
    )
    if not nonidealities.disturbs_converters:
        return cells, None
    n_columns, slices = len(ideal.digits[0]), len(ideal.digits)
    converter = (torch.arange(n_columns) * slices + torch.arange(slices)[:, None]) // column_sharing
    n_crossbars = len(crossbar_rows(ideal.array_rows, crossbar))
    drawn = torch.randn(n_crossbars, int(converter.max()) + 1, generator=generator)
    drawn = drawn.repeat_interleave(crossbar.row_groups, dim=0)[: len(ideal.array_rows)]  # groups share converters
    offsets = (drawn * nonidealities.adc_offset_steps)[:, converter].to(codes.device)
    return cells, Disturbance(offsets=offsets, noise_steps=nonidealities.adc_noise_steps, generator=generator)


def programmed_weights(
    weights: torch.Tensor,
    crossbar: CrossbarSpec,
    *,
    array_rows: tuple[int, ...],
    nonidealities: NonIdealities,
    generator: torch.Generator,
) -> torch.Tensor:
    """What one draw of cells makes of a layer's weights, read by perfect converters; gradients pass straight through.

    Args:
        weights: (columns, ...), as they are trained.
        crossbar: Cells and coding.
        array_rows: Rows of each array.
        nonidealities: Of cells; those of converters have no part in this.
        generator: On the device where numbers shall be drawn.
    """
    codes, scale = weight_codes(weights.detach(), crossbar)
    ideal = program(codes.flatten(1), array_rows, crossbar)
    cells = _disturbed_cells(codes.flatten(1), ideal, crossbar, nonidealities, generator)
    total = sum((digit * worth for digit, worth in zip(cells.digits, slice_weights(crossbar), strict=True)))
    assert isinstance(total, torch.Tensor)
    if cells.digital_reference:
        total = total[:-1] - total[-1:]
    total = total - cells.counted_offset
    return weights + (total.view_as(weights) * scale - weights.detach())


def _disturbed_cells(
    codes: torch.Tensor, ideal: Cells, crossbar: CrossbarSpec, settings: NonIdealities, generator: torch.Generator
) -> Cells:
    """Cells as `ideal` ones, with every digit replaced by what its disturbed devices deliver."""
    top, slices = 2**crossbar.cell_bits - 1, crossbar.cells_per_weight
    device = _Devices(settings, ideal.array_rows, crossbar, generator)
    least = settings.least_conductance
    half_levels = 2 * top / (1 - least)
    if crossbar.coding is WeightCoding.DIFFERENTIAL:
        signed = digits(codes.long(), crossbar)
        new = [
            (device.draw(d.clamp_min(0) / top, 2 * s) - device.draw((-d).clamp_min(0) / top, 2 * s + 1))
            * (half_levels / 2)
            for s, d in enumerate(signed)
        ]
        return replace(ideal, digits=tuple(new), exact=False)
    levels = offset_levels(codes.long(), crossbar)
    targets = [(levels >> (crossbar.cell_bits * s) & top) / top for s in range(slices)]
    if crossbar.coding is WeightCoding.OFFSET_DIGITAL:
        new = [device.draw(t, s) * half_levels for s, t in enumerate(targets)]
        if ideal.digital_reference:
            middle = torch.full((crossbar.reference_columns, codes.shape[1]), 0.5, device=codes.device)
            references = [device.draw_references(middle).mean(0, keepdim=True) for _ in new]
            new = [torch.cat([d, r * half_levels]) for d, r in zip(new, references, strict=True)]
        return replace(
            ideal,
            digits=tuple(new),
            exact=False,
            counted_offset=counted_offset(crossbar) * (1 + least) / (1 - least),
        )
    # The mean current of a crossbar's reference columns serves all slices of the weights that lie in it.
    per_crossbar = device.weights_per_crossbar
    n_crossbars, n_columns = -(-len(codes) // per_crossbar), max(1, crossbar.reference_columns)
    middle = torch.full((n_columns * n_crossbars, codes.shape[1]), 0.5, device=codes.device)
    reference = device.draw_references(middle).view(n_crossbars, n_columns, -1).mean(1)
    shared = reference.repeat_interleave(per_crossbar, dim=0)[: len(codes)]
    new = [(device.draw(t, s) - shared) * half_levels for s, t in enumerate(targets)]
    return replace(ideal, digits=tuple(new), exact=False)


class _Devices:
    """Draws conductances of cells that were programmed to targets in [0, 1]."""

    def __init__(
        self, settings: NonIdealities, array_rows: tuple[int, ...], crossbar: CrossbarSpec, generator: torch.Generator
    ) -> None:
        self._settings = settings
        self._generator = generator
        self._crossbar = crossbar
        self._to_converter = torch.cat([torch.arange(n, 0, -1) for n in crossbar_rows(array_rows, crossbar)])

    @property
    def weights_per_crossbar(self) -> int:
        """Weights side by side in the columns of a crossbar."""
        return self._crossbar.columns // self._crossbar.columns_per_weight

    def draw(self, targets: torch.Tensor, place: int) -> torch.Tensor:
        """Conductances (weights, rows) of cells over the highest; `place` is their column among those of a weight."""
        weight = torch.arange(len(targets)) % self.weights_per_crossbar
        return self._drawn(targets, weight * self._crossbar.columns_per_weight + place)

    def draw_references(self, targets: torch.Tensor) -> torch.Tensor:
        """Likewise of reference columns (crossbars x references, rows), which lie behind those of weights."""
        reference = torch.arange(len(targets)) % max(1, self._crossbar.reference_columns)
        return self._drawn(targets, self._crossbar.columns + reference)

    def _drawn(self, targets: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
        s = self._settings
        least = s.least_conductance
        g = (least + (1 - least) * targets.float()).to(self._generator.device)
        if s.variation_ratio and s.variation_law is VariationLaw.GAUSSIAN:
            g = (g * (1 + s.variation_ratio * self._normal(g))).clamp_min(0)
        elif s.variation_ratio:
            g = g * torch.exp(s.variation_ratio * self._normal(g) - s.variation_ratio**2 / 2)
        if s.stuck_on_ratio or s.stuck_off_ratio:
            fate = torch.rand(g.shape, generator=self._generator, device=g.device)
            g = g.masked_fill(fate < s.stuck_on_ratio, 1.0).masked_fill(fate > 1 - s.stuck_off_ratio, least)
        if s.drift_exponent:
            exponent = s.drift_exponent * (1 + s.drift_exponent_spread_ratio * self._normal(g))
            g = g * s.drift_time_s**-exponent
        if s.wire_resistance_ratio:
            segments = column[:, None] + 1 + self._to_converter
            g = g / (1 + g * s.wire_resistance_ratio * segments.to(g.device))
        return g.to(targets.device)

    def _normal(self, like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=self._generator, device=like.device)
