"""The exact emulation against its definition (plain loops in integers, `naive_product`) and its laws."""

from contextlib import AbstractContextManager
from unittest.mock import patch

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hw_models import CrossbarSpec, WeightCoding
from tests.accuracy.crossbars.fused_layers import geometry_of
from xpert_evo.accuracy.crossbars import converted_products, integer_products
from xpert_evo.accuracy.crossbars.arrays import program
from xpert_evo.accuracy.crossbars.coding import (
    code_spacing,
    counted_offset,
    digits,
    max_code,
    reference_digit,
    slice_weights,
)
from xpert_evo.accuracy.crossbars.converted_products import converted_product
from xpert_evo.accuracy.crossbars.converter_draws import Disturbance
from xpert_evo.accuracy.crossbars.converters import AdcRange, calibrated_ranges
from xpert_evo.accuracy.crossbars.emulation import emulate_layer
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry, array_rows
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.crossbars.windows import unfolded


def weight_digits(code: int, crossbar: CrossbarSpec) -> list[int]:
    """Digits of one weight code in half levels, least significant slice first."""
    base, n_slices = 2**crossbar.cell_bits, crossbar.cells_per_weight
    if crossbar.coding is WeightCoding.DIFFERENTIAL:
        sign = -1 if code < 0 else 1
        return [sign * (abs(code) // base**s % base) for s in range(n_slices)]
    level = (code + base**n_slices - 1) // 2
    centre = base - 1 if crossbar.coding is WeightCoding.OFFSET_ANALOG else 0
    return [2 * (level // base**s % base) - centre for s in range(n_slices)]


def convert(total: int, adc: AdcRange) -> int:
    """One conversion: round half to even, then keep between the lowest and the highest code."""
    return min(max(round(total * adc.gain), adc.lowest), adc.highest)


def naive_product(
    windows: list[list[int]],
    codes: list[list[int]],
    *,
    array_rows: tuple[int, ...],
    ranges: tuple[AdcRange, ...],
    input_precision: int,
    crossbar: CrossbarSpec,
) -> np.ndarray:
    """Products (columns, pixels) of input codes (rows, pixels) with weight codes (columns, rows), float32."""
    n_rows, n_pixels = len(windows), len(windows[0])
    digital = crossbar.coding is WeightCoding.OFFSET_DIGITAL
    converted = digital and crossbar.reference_columns > 0
    counted = 2 ** (crossbar.cell_bits * crossbar.cells_per_weight) - 1 if digital and not converted else 0
    reference = [[2**crossbar.cell_bits - 1] * crossbar.cells_per_weight] * n_rows

    def column(digits: list[list[int]], pixel: int) -> np.float32:
        total = np.float32(0)
        for s, adc in enumerate(ranges):
            accumulated, start = 0, 0
            for n in array_rows:
                for bit in range(input_precision):
                    rows = range(start, start + n)
                    current = sum((windows[r][pixel] >> bit & 1) * digits[r][s] for r in rows)
                    accumulated += convert(current, adc) << bit
                start += n
            value = np.float32(accumulated) * np.float32(adc.step) * np.float32(2 ** (crossbar.cell_bits * s))
            total = np.float32(total + value)
        return total

    product = np.zeros((len(codes), n_pixels), dtype=np.float32)
    for c, row_codes in enumerate(codes):
        digits = [weight_digits(code, crossbar) for code in row_codes]
        for pixel in range(n_pixels):
            product[c, pixel] = column(digits, pixel)
            if converted:
                product[c, pixel] -= column(reference, pixel)
            product[c, pixel] -= np.float32(counted * sum(windows[r][pixel] for r in range(n_rows)))
    return product


def make_geometry(
    crossbar: CrossbarSpec,
    *,
    n_in: int,
    n_out: int,
    adc_precision: int,
    input_precision: int,
    size: int = 4,
    kernel: int = 3,
) -> LayerGeometry:
    return geometry_of(
        crossbar,
        n_in=n_in,
        n_out=n_out,
        kernel=kernel,
        stride=1,
        size=size,
        n_bits=input_precision,
        evenly=False,
        adc_precision=adc_precision,
    )


def random_codes(shape: tuple[int, int], crossbar: CrossbarSpec, seed: int) -> torch.Tensor:
    top, spacing = max_code(crossbar), code_spacing(crossbar)
    steps = torch.randint(2 * top // spacing + 1, shape, generator=torch.Generator().manual_seed(seed))
    return (steps * spacing - top).float()


@settings(max_examples=30, deadline=None)
@given(
    coding=st.sampled_from(WeightCoding),
    cell_bits=st.sampled_from([1, 2, 3, 4, 8]),
    reference_columns=st.sampled_from([0, 1]),
    rows=st.sampled_from([4, 8, 24]),
    adc_precision=st.integers(1, 9),
    input_precision=st.integers(1, 9),
    percentile=st.sampled_from([90.0, 99.9, 100.0]),
    seed=st.integers(0, 2**16),
)
def test_the_fast_emulation_is_bit_identical_to_the_definition(
    *,
    coding: WeightCoding,
    cell_bits: int,
    reference_columns: int,
    rows: int,
    adc_precision: int,
    input_precision: int,
    percentile: float,
    seed: int,
) -> None:
    crossbar = CrossbarSpec(coding=coding, cell_bits=cell_bits, rows=rows, reference_columns=reference_columns)
    geometry = make_geometry(
        crossbar, n_in=3, n_out=2, adc_precision=adc_precision, input_precision=input_precision, size=2
    )
    codes = random_codes((2, 27), crossbar, seed)
    windows = torch.randint(2**input_precision, (27, 4), generator=torch.Generator().manual_seed(seed + 1)).int()
    cells = program(codes, geometry.array_rows, crossbar)
    ranges = calibrated_ranges(windows, cells, input_precision, adc_precision, percentile)
    expected = naive_product(
        windows.tolist(),
        codes.int().tolist(),
        array_rows=geometry.array_rows,
        ranges=ranges,
        input_precision=input_precision,
        crossbar=crossbar,
    )
    for used in (False, True):
        with eight_bit_products(used):
            np.testing.assert_array_equal(converted_product(windows, cells, ranges, geometry).numpy(), expected)


def eight_bit_products(used: bool) -> AbstractContextManager[object]:
    """Has eight-bit products used, or not, whatever the processor: without the instructions they are merely slow."""
    return patch.object(integer_products, "_works", return_value=used)


@settings(max_examples=30, deadline=None)
@given(
    coding=st.sampled_from(WeightCoding),
    cell_bits=st.sampled_from([1, 3, 4, 8]),
    reference_columns=st.sampled_from([0, 1]),
    input_precision=st.integers(1, 9),
    noise_steps=st.sampled_from([None, 0.0, 0.5]),
    seed=st.integers(0, 2**16),
)
def test_the_result_does_not_depend_on_the_processor(
    *,
    coding: WeightCoding,
    cell_bits: int,
    reference_columns: int,
    input_precision: int,
    noise_steps: float | None,
    seed: int,
) -> None:
    crossbar = CrossbarSpec(coding=coding, cell_bits=cell_bits, rows=8, reference_columns=reference_columns)
    geometry = make_geometry(crossbar, n_in=3, n_out=2, adc_precision=4, input_precision=input_precision)
    generator = torch.Generator().manual_seed(seed)
    cells = program(random_codes((2, 27), crossbar, seed), geometry.array_rows, crossbar)
    dtype = torch.uint8 if input_precision <= 8 else torch.int32
    windows = torch.randint(2**input_precision, (27, 11), generator=generator).to(dtype)
    offsets = torch.randn(len(cells.array_rows), len(cells.digits), len(cells.digits[0]), generator=generator)

    def product(*, used: bool) -> tuple[tuple[AdcRange, ...], torch.Tensor]:
        drawn = torch.Generator().manual_seed(seed)
        disturbance = None
        if noise_steps is not None:
            disturbance = Disturbance(offsets=offsets, noise_steps=noise_steps, generator=drawn)
        with eight_bit_products(used), patch.object(converted_products, "_CHUNK_SUMS", 10):
            ranges = calibrated_ranges(windows, cells, input_precision, 4)
            return ranges, converted_product(windows, cells, ranges, geometry, disturbance)

    ranges, found = product(used=True)
    ranges_in_float32, in_float32 = product(used=False)
    assert ranges == ranges_in_float32
    assert torch.equal(found, in_float32)


@settings(max_examples=30, deadline=None)
@given(
    m=st.integers(1, 40),
    k=st.sampled_from([1, 2, 3, 64, 299]),
    n=st.integers(1, 70),
    pixels_first=st.booleans(),
    seed=st.integers(0, 2**16),
)
@example(m=5, k=1, n=9, pixels_first=True, seed=0)
def test_products_by_eight_bit_instructions_are_the_integers(
    *, m: int, k: int, n: int, pixels_first: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    left = torch.randint(-127, 128, (m, k), generator=generator, dtype=torch.int8)
    right = torch.randint(2, (k, n), generator=generator, dtype=torch.int8)
    right = right.T.clone(memory_format=torch.contiguous_format).T if pixels_first else right
    found = integer_products.product_into(torch.empty(m, n, dtype=torch.int32), left, right)
    assert torch.equal(found, (left.long() @ right.long()).float())


def test_eight_bit_instructions_are_used_where_they_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    works = integer_products._works
    capabilities = {"avx_vnni": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)

    def product(left: torch.Tensor, right: torch.Tensor, *, out: torch.Tensor) -> None:
        out.copy_(left.long() @ right.long())

    monkeypatch.setattr(torch, "_int_mm", product, raising=False)
    try:
        works.cache_clear()
        assert integer_products.multiplies_eight_bits(127, torch.device("cpu"))
        assert not integer_products.multiplies_eight_bits(128, torch.device("cpu"))
        assert not integer_products.multiplies_eight_bits(15, torch.device("meta"))
        capabilities["avx_vnni"] = False
        works.cache_clear()
        assert not integer_products.multiplies_eight_bits(15, torch.device("cpu"))
        capabilities["avx_vnni"] = True
        monkeypatch.setattr(torch, "_int_mm", lambda left, right, *, out: out.fill_(7))
        works.cache_clear()
        assert not integer_products.multiplies_eight_bits(15, torch.device("cpu"))

        def refused(left: torch.Tensor, right: torch.Tensor) -> None:
            """Takes no `out`."""

        monkeypatch.setattr(torch, "_int_mm", refused)
        works.cache_clear()
        assert not integer_products.multiplies_eight_bits(15, torch.device("cpu"))
        monkeypatch.delattr(torch, "_int_mm")
        works.cache_clear()
        assert not integer_products.multiplies_eight_bits(15, torch.device("cpu"))
    finally:
        works.cache_clear()


@pytest.mark.parametrize("coding", WeightCoding)
@pytest.mark.parametrize("cell_bits", range(1, 9))
@pytest.mark.parametrize("reference_columns", [0, 1])
def test_digits_less_reference_add_up_to_every_code(
    coding: WeightCoding, cell_bits: int, reference_columns: int
) -> None:
    crossbar = CrossbarSpec(coding=coding, cell_bits=cell_bits, reference_columns=reference_columns)
    codes = np.arange(-max_code(crossbar), max_code(crossbar) + 1, code_spacing(crossbar))
    reference = reference_digit(crossbar)
    parts = zip(slice_weights(crossbar), digits(codes, crossbar), strict=True)
    total = sum(worth * (digit - reference) for worth, digit in parts)
    np.testing.assert_array_equal(total - counted_offset(crossbar), codes)


@settings(max_examples=60, deadline=None)
@given(
    coding=st.sampled_from(WeightCoding),
    cell_bits=st.integers(1, 5),
    weight_bits=st.sampled_from([4, 5, 8]),
    reference_columns=st.sampled_from([0, 2]),
    rows=st.sampled_from([16, 64]),
    input_precision=st.integers(1, 8),
    percentile=st.sampled_from([60.0, 99.9, 100.0]),
    more_bits=st.integers(0, 2),
    seed=st.integers(0, 2**16),
)
def test_converters_with_a_code_for_every_sum_reproduce_the_integer_product(
    *,
    coding: WeightCoding,
    cell_bits: int,
    weight_bits: int,
    reference_columns: int,
    rows: int,
    input_precision: int,
    percentile: float,
    more_bits: int,
    seed: int,
) -> None:
    """Whatever the ranges were calibrated on, and with inputs and weights at their ends."""
    crossbar = CrossbarSpec(
        coding=coding,
        cell_bits=cell_bits,
        weight_bits=weight_bits,
        rows=rows,
        reference_columns=reference_columns,
    )
    top = 2**cell_bits - 1
    counts = coding is WeightCoding.OFFSET_DIGITAL and not reference_columns
    n_sums = rows * top + 1 if counts else 2 * rows * top + 1
    adc_precision = (n_sums - 1).bit_length() + more_bits
    geometry = make_geometry(crossbar, n_in=10, n_out=6, adc_precision=adc_precision, input_precision=input_precision)
    codes = random_codes((6, 90), crossbar, seed)
    codes[0], codes[1] = max_code(crossbar), -max_code(crossbar)
    windows = torch.randint(2**input_precision, (90, 16), generator=torch.Generator().manual_seed(seed)).int()
    windows[:, 0] = 2**input_precision - 1
    cells = program(codes, geometry.array_rows, crossbar)
    ranges = calibrated_ranges(windows[:, 1:], cells, input_precision, adc_precision, percentile)
    torch.testing.assert_close(
        converted_product(windows, cells, ranges, geometry), codes @ windows.float(), rtol=0, atol=0
    )


@pytest.mark.parametrize("coding", WeightCoding)
@pytest.mark.parametrize("cell_bits", [1, 2, 4])
def test_bits_beyond_those_that_sums_need_change_no_output(coding: WeightCoding, cell_bits: int) -> None:
    """Trained-like weights on usual arrays: no output differs, though the range was set on a few percent of pixels."""
    crossbar = CrossbarSpec(coding=coding, cell_bits=cell_bits)
    windows = torch.randint(16, (180, 400), generator=torch.Generator().manual_seed(1)).int()
    codes = random_codes((32, 180), crossbar, 0)
    perfect = codes @ windows.float()
    cells = program(codes, array_rows(180, crossbar, evenly=False), crossbar)
    for adc_precision in (10, 11, 12):
        geometry = make_geometry(crossbar, n_in=20, n_out=32, adc_precision=adc_precision, input_precision=4)
        ranges = calibrated_ranges(windows[:, :20], cells, 4, adc_precision)
        outputs = converted_product(windows, cells, ranges, geometry)
        torch.testing.assert_close(outputs, perfect, rtol=0, atol=0)


def test_windows_times_weights_is_a_convolution() -> None:
    geometry = make_geometry(CrossbarSpec(), n_in=3, n_out=4, adc_precision=6, input_precision=4, size=5)
    images = torch.randint(16, (2, 3, 5, 5), generator=torch.Generator().manual_seed(0))
    weights = torch.randint(-9, 9, (4, 3, 3, 3), generator=torch.Generator().manual_seed(1))
    product = weights.flatten(1) @ unfolded(images, geometry)
    expected = F.conv2d(images.float(), weights.float(), padding=1).long()
    torch.testing.assert_close(product.view(4, 2, 5, 5).transpose(0, 1), expected)


def test_a_layer_with_many_bits_comes_close_to_the_perfect_product() -> None:
    geometry = make_geometry(CrossbarSpec(), n_in=24, n_out=8, adc_precision=12, input_precision=8)
    layer = CrossbarLayer(geometry, normalised=True)
    layer.initialise(torch.Generator().manual_seed(0), identity=False)
    layer.input_power.fill_(0.5)
    inputs = torch.randn(4, 24, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        emulated = emulate_layer(layer, inputs, percentile=100.0)(inputs)
        torch.testing.assert_close(emulated, layer.product(inputs), rtol=1e-4, atol=1e-4)


def test_a_result_does_not_depend_on_the_other_images_of_its_batch() -> None:
    geometry = make_geometry(CrossbarSpec(), n_in=24, n_out=8, adc_precision=5, input_precision=4)
    layer = CrossbarLayer(geometry, normalised=True)
    layer.initialise(torch.Generator().manual_seed(0), identity=False)
    inputs = torch.randn(6, 24, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        emulated = emulate_layer(layer, inputs)
        torch.testing.assert_close(emulated(inputs)[3:4], emulated(inputs[3:4]), rtol=0, atol=0)


def test_the_error_falls_by_about_six_decibels_with_each_bit_of_the_converter() -> None:
    ratios = []
    for adc_precision in (3, 4, 5, 6):
        geometry = make_geometry(CrossbarSpec(), n_in=128, n_out=16, adc_precision=adc_precision, input_precision=6)
        layer = CrossbarLayer(geometry, normalised=True)
        layer.initialise(torch.Generator().manual_seed(0), identity=False)
        layer.input_power.fill_(0.5)
        inputs = torch.randn(16, 128, 4, 4, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            perfect = layer.product(inputs)
            error = emulate_layer(layer, inputs)(inputs) - perfect
        ratios.append(10 * torch.log10(perfect.var() / error.square().mean()).item())
    assert np.diff(ratios) == pytest.approx([6.0, 6.0, 6.0], abs=1.5)


@given(low=st.integers(-500, 0), high=st.integers(1, 500), adc_precision=st.integers(1, 10))
def test_a_range_has_a_level_at_zero_and_covers_its_ends(low: int, high: int, adc_precision: int) -> None:
    adc = AdcRange.covering(low, high, adc_precision, sum_range=(-500, 500))
    assert adc.lowest <= 0 <= adc.highest
    assert adc.highest - adc.lowest == 2**adc_precision - 1
    # The gain has 11 significant bits, so the step is 2^-11 off at most; rounding the lowest code costs half a step.
    error = (0.5 + abs(adc.lowest) * 2**-11) * adc.step * (1 + 2**-10)
    assert adc.lowest * adc.step == pytest.approx(low, abs=error) or adc.step == 1.0


@given(n_rows=st.integers(1, 5000), rows=st.sampled_from([16, 64, 128]), evenly=st.booleans())
def test_arrays_hold_every_row_once(n_rows: int, rows: int, evenly: bool) -> None:
    dealt = array_rows(n_rows, CrossbarSpec(rows=rows), evenly=evenly)
    assert sum(dealt) == n_rows
    assert max(dealt) <= (1.5 * rows if evenly else rows)
    assert max(dealt) - min(dealt) <= (1 if evenly else rows)
