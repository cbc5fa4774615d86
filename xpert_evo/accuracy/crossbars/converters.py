"""ADCs: ranges calibrated on partial sums, and the conversion of sums to integer codes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from hw_models import AdcReferences
from xpert_evo.accuracy.crossbars.arrays import Cells, PartialSums, partial_sums
from xpert_evo.accuracy.crossbars.integer_products import ROUNDER, ROUNDER_BITS
from xpert_evo.accuracy.crossbars.snr import PERCENTILE, adc_levels, smallest_error_range

_GAIN_BITS = 11

Ends = Sequence[tuple[float, float]]
"""Lower and upper end of the range of each slice in half levels, least significant first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdcRange:
    """The ADCs of one slice of a layer: code = round(gain * sum), clipped to the lowest and the highest code.

    Attributes:
        gain: Codes per half level; 11 significant bits, so that its product with a partial sum is exact.
        lowest: The lowest code.
        highest: The highest code.
    """

    gain: float
    lowest: int
    highest: int

    @property
    def step(self) -> float:
        """Half levels per code."""
        return 1 / self.gain

    @classmethod
    def covering(
        cls, low: float, high: float, adc_precision: int, *, sum_range: tuple[float, float], spacing: int = 1
    ) -> "AdcRange":
        """Returns the range from `low` to `high` half levels with 2^adc_precision levels; see `snr.adc_levels`."""
        step, lowest = adc_levels(low, high, adc_precision, sum_range=sum_range, spacing=spacing)
        mantissa, exponent = math.frexp(1 / step)
        gain = math.ldexp(round(math.ldexp(mantissa, _GAIN_BITS)), exponent - _GAIN_BITS)
        return cls(gain=gain, lowest=lowest, highest=lowest + 2**adc_precision - 1)

    def with_gain(self, gain: float, cells: Cells) -> "AdcRange":
        """Returns the range with a lower gain around the same sums; spare codes widen both ends equally."""
        n_codes = self.highest - self.lowest
        low, high = math.floor(self.lowest * self.step * gain), math.ceil(self.highest * self.step * gain)
        reach = math.floor(cells.sum_range[0] * gain)
        lowest = max(-n_codes, min(0, max(low - (n_codes - (high - low)) // 2, reach)))
        return AdcRange(gain=gain, lowest=lowest, highest=lowest + n_codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SumHistogram:
    """Frequencies of the partial sums of a layer's slices.

    Attributes:
        counts: Frequencies, (slices, bits, sums), least significant slice and bit first.
        most: Largest sum in half levels; sums run from -most to most, and any beyond are counted there.
    """

    counts: torch.Tensor
    most: int

    @classmethod
    def of(cls, windows: torch.Tensor, cells: Cells, n_bits: int) -> "SumHistogram":
        """Counts the partial sums of all arrays and bit planes.

        Args:
            windows: Input codes (rows, pixels) of calibration images.
            cells: The layer's arrays.
            n_bits: Input precision.
        """
        most = int(max(cells.array_rows) * cells.largest + cells.largest_common_term) + 1
        counts = torch.zeros(len(cells.digits), n_bits, 2 * most + 1, dtype=torch.int64, device=windows.device)
        for sums in partial_sums(windows, cells, n_bits):
            levels = (sums.scaled / sums.scale).round_().clamp_(-most, most).int().flatten() + most
            counts[sums.slice_index, sums.bit] += torch.bincount(levels, minlength=2 * most + 1)
        return cls(counts=counts, most=most)

    def ends(self, percentile: float) -> list[tuple[float, float]]:
        """Percentiles of the sums of each slice, the lower and the upper one, in half levels."""
        return [_between_percentiles(counts.sum(0), self.most, percentile) for counts in self.counts]


def calibrated_ranges(
    windows: torch.Tensor,
    cells: Cells,
    n_bits: int,
    adc_precision: int,
    percentile: float = PERCENTILE,
    *,
    references: AdcReferences = AdcReferences.PERCENTILE,
) -> tuple[AdcRange, ...]:
    """Returns one range per slice, calibrated on its partial sums in all arrays and bit planes.

    Args:
        windows: Input codes (rows, pixels) of calibration images.
        cells: The layer's arrays.
        n_bits: Input precision.
        adc_precision: Bits of the ADCs.
        percentile: Upper end of a range between percentiles; the lower end is 100 minus this.
        references: Whether the range is that between percentiles, or the one with the smallest error of the product.
    """
    histogram = SumHistogram.of(windows, cells, n_bits)
    if references is AdcReferences.SNR:
        ends = [_smallest_error(counts, histogram.most, cells, adc_precision) for counts in histogram.counts]
    else:
        ends = histogram.ends(percentile)
    return ranges_between(ends, cells, adc_precision)


def ranges_between(ends: Ends, cells: Cells, adc_precision: int) -> tuple[AdcRange, ...]:
    """Returns one range per slice that covers its ends, in half levels."""
    return tuple(
        AdcRange.covering(low, high, adc_precision, sum_range=cells.sum_range, spacing=cells.sum_spacing)
        for low, high in ends
    )


def with_binary_steps(ranges: tuple[AdcRange, ...], cells: Cells) -> tuple[AdcRange, ...]:
    """Returns ranges whose steps differ by powers of two from that of the most significant slice; none is narrower."""
    top = ranges[-1]
    exponents = [math.floor(math.log2(adc.gain / top.gain)) for adc in ranges]
    return tuple(
        adc.with_gain(math.ldexp(top.gain, exponent), cells) for adc, exponent in zip(ranges, exponents, strict=True)
    )


def _between_percentiles(histogram: torch.Tensor, most: int, percentile: float) -> tuple[float, float]:
    """Percentiles of sums from -`most` to `most`, given their counts."""
    cumulative = histogram.cumsum(0).double()
    total = float(cumulative[-1])
    low = int(torch.searchsorted(cumulative, (1 - percentile / 100) * total, right=True)) - most
    high = int(torch.searchsorted(cumulative, percentile / 100 * total)) - most
    return low, high


def _smallest_error(histogram: torch.Tensor, most: int, cells: Cells, adc_precision: int) -> tuple[float, float]:
    """The range with the smallest error of the product, given counts (bits, sums) of sums from -`most` to `most`."""
    counts = histogram.double().cpu().numpy()
    mass = 4.0 ** np.arange(len(counts)) @ counts
    reach = float(cells.sum_range[0]), float(cells.sum_range[1])
    return smallest_error_range(
        np.arange(-most, most + 1.0), mass, adc_precision, sum_range=reach, spacing=cells.sum_spacing
    )


def fit_in_32_bits(ranges: Sequence[AdcRange], n_arrays: int, n_bits: int) -> bool:
    """Whether the codes of all arrays and input bits, weighted by the significance of the bits, add up in 32 bits."""
    most = max(max(-adc.lowest, adc.highest) for adc in ranges)
    return bool(n_arrays * most * (2**n_bits - 1) < 2**31)


class Accumulator:
    """Adds up the codes of one slice, weighted by the significance of the input bits, in integers.

    A code is kept in the low bits of a float32 near 1.5 * 2^23; adding the bit patterns as int32 adds the codes, and
    the sum of the constant upper bits is subtracted at the end (modulo 2^32).

    Args:
        adc: The converters of the slice.
        like: Tensor (columns, pixels) on the device of the sums.
        fits: Whether sums of codes fit in 32 bits; they are added in 64 bits otherwise.
    """

    def __init__(self, adc: AdcRange, like: torch.Tensor, *, fits: bool = True) -> None:
        self.adc = adc
        self._fits = fits
        self._total = torch.zeros_like(like, dtype=torch.int32 if fits else torch.int64)
        self._rounder = torch.tensor(ROUNDER, device=like.device)
        self._constant = 0

    def add(
        self, sums: PartialSums, disturbance: torch.Tensor | None = None, gains: torch.Tensor | None = None
    ) -> None:
        """Converts partial sums, overwriting them, and adds their codes.

        Args:
            sums: Sums of all columns of an array and slice.
            disturbance: Added to the scaled sums before rounding [codes].
            gains: Gain of each column's converter, (columns, 1), relative to that of the range; None for 1.
        """
        gain = self.adc.gain / sums.scale
        if disturbance is None and sums.exact:
            codes = torch.add(self._rounder, sums.scaled, alpha=gain, out=sums.scaled)
        else:
            # Operation by operation, as in the fused kernel: processors may round a product and a sum at once.
            codes = sums.scaled.mul_(gain if gains is None else gains * gain)
            codes = (codes if disturbance is None else codes.add_(disturbance)).add_(ROUNDER)
        codes.clamp_(ROUNDER + self.adc.lowest, ROUNDER + self.adc.highest)
        self._total.add_(codes.view(torch.int32), alpha=1 << sums.bit)
        self._constant += ROUNDER_BITS << sums.bit

    def half_levels(self) -> torch.Tensor:
        """The sum so far in half levels, float32."""
        if not self._fits:
            return (self._total - self._constant).float().mul_(self.adc.step)
        wrapped = self._constant % 2**32
        constant = wrapped - 2**32 if wrapped >= 2**31 else wrapped
        return (self._total - constant).float().mul_(self.adc.step)
