"""Analytic signal-to-noise ratio of a layer that runs on crossbars with calibrated ADC ranges; NumPy only.

Model: inputs are rectified Gaussian (the output of batch norm and ReLU), clipped where the quantiser's error is
smallest, at the 99.9th percentile at most; weights are Gaussian, clipped at three standard deviations. The partial sum
of an array for input bit t and slice s is then close to Gaussian; the bit's activity and the digits' moments give its
mean and variance. Its ADC has 2^AP levels between two percentiles of the slice's partial sums in all bit planes, as in
`emulation`. The error of a conversion is summed over all possible integer values of a partial sum; errors of different
conversions are independent, so their variances add with weights 4^t B^(2s).

The ratio hardly depends on the layer's size: both the signal's power and the number of conversions are proportional to
the number of rows. Only arrays that are not full lower it, because the range is that of the full ones.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hw_models import AdcReferences, CrossbarSpec
from xpert_evo.accuracy.crossbars.coding import (
    code_spacing,
    digits,
    max_code,
    reference_digit,
    slice_weights,
    sum_spacing,
)

FloatArray: TypeAlias = NDArray[np.float64]

PERCENTILE = 99.9
"""Default upper end of an ADC's range among the calibration partial sums; the lower end mirrors it."""

EMULATION_VERSION = "exact-3"
"""Version of the exact emulation, whose ranges `adc_levels` sets; accuracies of different versions are not
comparable."""

_WEIGHT_CLIP = 3.0
_WIDEST_CLIP = 3.09
_GRID = np.linspace(0.0, 6.0, 6001)
_DENSITY = np.exp(-(_GRID**2) / 2) / np.sqrt(2 * np.pi) * (_GRID[1] - _GRID[0])


def conversion_snr_db(
    *, n_rows: ArrayLike, adc_precision: ArrayLike, input_precision: ArrayLike, crossbar: CrossbarSpec
) -> FloatArray:
    """Signal-to-noise ratio of layers' outputs [dB] with input, weight and ADC quantisation.

    Args:
        n_rows: Rows of the layers' weight matrices: input channels times kernel area.
        adc_precision: ADC bits of the layers.
        input_precision: Input bits of the layers.
        crossbar: Rows of a crossbar, number of rows read at once, cells and coding.

    Returns:
        The ratio relative to the same layer without quantisation, in the arguments' broadcast shape.
    """
    ratio = adc_noise_ratio(
        n_rows=n_rows, adc_precision=adc_precision, input_precision=input_precision, crossbar=crossbar
    )
    inputs = _looked_up(lambda bits: input_statistics(bits).noise_ratio, input_precision)
    return np.asarray(-10 * np.log10(ratio + inputs + _weight_statistics(_cells_of(crossbar)).noise_ratio))


def adc_noise_ratio(
    *, n_rows: ArrayLike, adc_precision: ArrayLike, input_precision: ArrayLike, crossbar: CrossbarSpec
) -> FloatArray:
    """Power of the ADCs' error relative to that of uncorrelated signals, n_rows E[x^2] E[w^2]; a ratio, broadcast.

    Args: See `conversion_snr_db`.
    """
    rows = np.asarray(n_rows)
    in_array = np.minimum(rows, crossbar.rows_at_once)
    cells = _cells_of(crossbar)
    full = _looked_up(lambda r, a, i: _array_noise_ratio(r, a, i, cells), in_array, adc_precision, input_precision)
    n_arrays = rows // crossbar.rows * crossbar.row_groups + -(-(rows % crossbar.rows) // crossbar.rows_at_once)
    return np.asarray(full * n_arrays * in_array / rows)


def _cells_of(crossbar: CrossbarSpec) -> CrossbarSpec:
    """A crossbar with the same cells and coding, whatever its size: what the noise of a full array depends on."""
    return replace(crossbar, rows=4096, columns=4096, rows_read=None)


class InputStatistics:
    """A rectified Gaussian input of unit variance, quantised with `input_precision` bits.

    Attributes:
        clip: Position of the largest code, in root mean squares of the input.
        noise_ratio: Power of the quantiser's error relative to that of the input.
        activity: Probability that a bit is set, per bit plane, least significant first.
        power: Mean square of the integer code.
    """

    def __init__(self, input_precision: int) -> None:
        top = 2**input_precision - 1
        power = float(_DENSITY @ _GRID**2)

        def error(clip: float) -> float:
            codes = np.minimum(np.rint(_GRID * (top / clip)), top)
            return float(_DENSITY @ (_GRID - codes * (clip / top)) ** 2)

        # A wider clip would improve 7 and 8 bits slightly and cost the ADC: small codes leave its range unused.
        clips = np.linspace(0.8, _WIDEST_CLIP, 115)
        clip = float(clips[np.argmin([error(c) for c in clips])])
        codes = np.minimum(np.rint(_GRID * (top / clip)), top).astype(np.int64)
        self.clip = float(clip / np.sqrt(power))
        self.noise_ratio = error(clip) / power
        self.activity = np.array([_DENSITY @ (codes >> bit & 1) for bit in range(input_precision)])
        self.power = float(_DENSITY @ codes.astype(np.float64) ** 2)


@lru_cache(maxsize=32)
def input_statistics(input_precision: int) -> InputStatistics:
    """Returns `InputStatistics` of `input_precision` bits, computed once."""
    return InputStatistics(input_precision)


class _WeightStatistics:
    """Gaussian weights clipped at three standard deviations, as codes and digits."""

    def __init__(self, crossbar: CrossbarSpec) -> None:
        top, spacing = max_code(crossbar), code_spacing(crossbar)
        codes = np.arange(-top, top + 1, spacing)
        sigma = top / _WEIGHT_CLIP
        probability = np.exp(-(codes**2) / (2 * sigma**2))
        probability /= probability.sum()
        self.power = float(probability @ codes.astype(np.float64) ** 2)
        self.noise_ratio = _rounding_ratio(crossbar) if crossbar.weight_bits < 8 else spacing**2 / 12 / self.power
        self.digits = [(float(probability @ d), float(probability @ d**2)) for d in digits(codes, crossbar)]


def _rounding_ratio(crossbar: CrossbarSpec) -> float:
    """Power of the error of rounding truncated Gaussian weights to codes relative to theirs: exact for few codes."""
    top, spacing = max_code(crossbar), code_spacing(crossbar)
    within = _GRID <= _WEIGHT_CLIP
    weights, density = _GRID[within] * top / _WEIGHT_CLIP, _DENSITY[within]
    codes = np.rint((weights + top) / spacing) * spacing - top
    return float(density @ (weights - codes) ** 2 / (density @ weights**2))


@lru_cache(maxsize=256)
def _weight_statistics(crossbar: CrossbarSpec) -> _WeightStatistics:
    return _WeightStatistics(crossbar)


@lru_cache(maxsize=1 << 16)
def _array_noise_ratio(n_rows: int, adc_precision: int, input_precision: int, crossbar: CrossbarSpec) -> float:
    """Power of one array's conversion errors over that of its signal."""
    inputs, weights = input_statistics(input_precision), _weight_statistics(crossbar)
    bit_power = 4.0 ** np.arange(input_precision)
    reference, spacing = reference_digit(crossbar), sum_spacing(crossbar)
    noise = 0.0
    for worth, (mean, square) in zip(slice_weights(crossbar), weights.digits, strict=True):
        activity = inputs.activity
        centre = n_rows * activity * mean
        spread = np.sqrt(np.maximum(n_rows * activity * (square - activity * mean**2), 1e-12))
        sums, mass = _lattice(centre, spread, spacing)
        optimal = crossbar.adc_references is AdcReferences.SNR
        seen = bit_power @ mass / bit_power.sum() if optimal else mass.mean(axis=0)
        error = mass @ conversion_error(sums, seen, adc_precision, spacing, optimal=optimal) ** 2
        if reference:
            columns, column_mass = _lattice(
                n_rows * activity * reference, np.sqrt(n_rows * activity * (1 - activity)) * reference, spacing
            )
            seen = bit_power @ column_mass / bit_power.sum() if optimal else column_mass.mean(axis=0)
            error += column_mass @ conversion_error(columns, seen, adc_precision, spacing, optimal=optimal) ** 2
        noise += worth**2 * float(bit_power @ error)
    return noise / (n_rows * inputs.power * weights.power)


def _lattice(centre: FloatArray, spread: FloatArray, spacing: int) -> tuple[FloatArray, FloatArray]:
    """Possible sums, multiples of `spacing`, (sums,), and their probabilities in each bit plane, (planes, sums)."""
    low, high = np.floor((centre - 6 * spread).min()), np.ceil((centre + 6 * spread).max())
    sums = np.arange(low - low % spacing, high + 1, spacing)
    exponent = -(((sums - centre[:, None]) / np.maximum(spread[:, None], 0.3)) ** 2) / 2
    mass = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return sums, mass / mass.sum(axis=1, keepdims=True)


def conversion_error(
    sums: FloatArray, mass: FloatArray, adc_precision: int, spacing: int, *, optimal: bool = False
) -> FloatArray:
    """Error that an ADC adds to each of the partial sums `sums` if its range is calibrated on their probabilities."""
    reach = float(sums[0]), float(sums[-1])
    low, high = (
        smallest_error_range(sums, mass, adc_precision, sum_range=reach, spacing=spacing)
        if optimal
        else np.interp([1 - PERCENTILE / 100, PERCENTILE / 100], np.cumsum(mass), sums)
    )
    step, lowest = adc_levels(float(low), float(high), adc_precision, sum_range=reach, spacing=spacing)
    return _errors(sums, step, lowest, adc_precision)


def _errors(sums: FloatArray, step: float, lowest: int, adc_precision: int) -> FloatArray:
    codes = np.clip(np.rint(sums / step), lowest, lowest + 2**adc_precision - 1)
    return np.asarray(codes * step - sums)


_RANGE_RATIOS = np.linspace(1.0, 0.1, 13)
"""Ends of a range that are tried, relative to the furthest sums; of equally good ranges the widest is taken."""


def smallest_error_range(
    sums: FloatArray, mass: FloatArray, adc_precision: int, *, sum_range: tuple[float, float], spacing: int = 1
) -> tuple[float, float]:
    """Returns the range of an ADC with the smallest mean square error, among ends that are tried independently.

    A narrow range clips the largest sums, a wide one has a coarse step. The sums of the more significant input bits,
    which are often smaller because fewer rows are active, weigh more in the product; `mass` is weighted accordingly.

    Args:
        sums: Possible partial sums in half levels, ascending.
        mass: Their frequencies, each weighted by the square of its significance.
        adc_precision: Bits of the ADC.
        sum_range: See `adc_levels`.
        spacing: See `adc_levels`.
    """
    seen = np.flatnonzero(mass > 0)
    sums, mass = sums[seen], mass[seen]
    ends = itertools.product(_RANGE_RATIOS * min(float(sums[0]), 0.0), _RANGE_RATIOS * max(float(sums[-1]), 0.0))

    def error(low: float, high: float) -> float:
        step, lowest = adc_levels(low, high, adc_precision, sum_range=sum_range, spacing=spacing)
        return float(mass @ _errors(sums, step, lowest, adc_precision) ** 2)

    return min(dict.fromkeys(ends), key=lambda pair: error(*pair))


def adc_levels(
    low: float, high: float, adc_precision: int, *, sum_range: tuple[float, float], spacing: int = 1
) -> tuple[float, int]:
    """Step and lowest code of an ADC that covers `low` to `high`; 0 is always a level.

    Sums are `spacing` apart, so a finer step would not resolve more. Codes left over widen both ends equally, as far as
    sums can reach: an ADC with a code for every sum in `sum_range` clips none.

    Args:
        low: Lower end of the range in half levels; the range is widened to include 0.
        high: Upper end of the range in half levels.
        adc_precision: Bits of the ADC.
        sum_range: Smallest and largest possible sum, in half levels.
        spacing: Distance between neighbouring sums, in half levels.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    step = max((high - low) / (2**adc_precision - 1), float(spacing))
    lowest = round(low / step)
    if step > spacing:
        return step, lowest
    highest = round(high / step)
    spare = max(0, 2**adc_precision - 1 - (highest - lowest))
    below, above = (max(0, round(room)) for room in (lowest - sum_range[0] / step, sum_range[1] / step - highest))
    return step, lowest - min(below, max(spare // 2, spare - above))


def _looked_up(function: Callable[..., float], *arguments: ArrayLike) -> FloatArray:
    """Evaluates a function of integers once for each distinct combination of the broadcast arguments."""
    arrays = np.broadcast_arrays(*arguments)
    shape = arrays[0].shape
    stacked = np.stack([np.asarray(a).ravel() for a in arrays])
    unique, inverse = np.unique(stacked, axis=1, return_inverse=True)
    values = np.array([function(*map(int, column)) for column in unique.T])
    return values[inverse.ravel()].reshape(shape)
