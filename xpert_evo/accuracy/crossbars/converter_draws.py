"""The converters of a layer as drawn: their offsets, noise and gains.

Converters have a fixed offset each, and noise in every conversion, in steps (A. S. Rekhi et al., DAC 2019, combine
both). An offset shifts all thresholds of a converter together, as that of the only comparator of a SAR ADC does; the
thresholds of a Flash ADC have an offset each, which is not modelled. A converter's reference current may deviate: it
scales its step. An ADC serves columns of one slice of the weights, so that it needs a single range.
"""

from dataclasses import dataclass, replace

import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.arrays import Cells, PartialSums, crossbar_rows
from xpert_evo.accuracy.crossbars.conversion_noise import noise_of
from xpert_evo.accuracy.crossbars.device_settings import NonIdealities

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


def draw_converters(
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
