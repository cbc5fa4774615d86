"""Crossbars whose rows are read in groups: the exact emulation, its devices, and the forms that follow it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hw_models import CrossbarSpec, WeightCoding
from tests.accuracy.crossbars.test_emulation import make_geometry, naive_product, random_codes
from xpert_evo.accuracy.crossbars.adc_noise import noise_ratio
from xpert_evo.accuracy.crossbars.arrays import program
from xpert_evo.accuracy.crossbars.converted_products import converted_product
from xpert_evo.accuracy.crossbars.converters import AdcRange, calibrated_ranges
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry, array_rows
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, disturbed
from xpert_evo.accuracy.crossbars.snr import adc_noise_ratio

ADC_BITS, INPUT_BITS = 4, 3


def emulated(crossbar: CrossbarSpec, seed: int) -> tuple[LayerGeometry, tuple[AdcRange, ...], torch.Tensor]:
    """A layer of 27 rows and two outputs at four pixels: geometry, ranges, and its product."""
    geometry = make_geometry(crossbar, n_in=3, n_out=2, adc_precision=ADC_BITS, input_precision=INPUT_BITS, size=2)
    windows = windows_of(seed)
    cells = program(random_codes((2, 27), crossbar, seed), geometry.array_rows, crossbar)
    ranges = calibrated_ranges(windows, cells, INPUT_BITS, ADC_BITS)
    return geometry, ranges, converted_product(windows, cells, ranges, geometry)


def windows_of(seed: int) -> torch.Tensor:
    return torch.randint(2**INPUT_BITS, (27, 4), generator=torch.Generator().manual_seed(seed + 1)).int()


@given(coding=st.sampled_from(WeightCoding), rows=st.sampled_from([4, 8, 24, 64]), seed=st.integers(0, 2**16))
def test_reading_all_rows_is_bit_identical_to_naming_no_number(coding: WeightCoding, rows: int, seed: int) -> None:
    unnamed = CrossbarSpec(coding=coding, rows=rows)
    _, ranges, product = emulated(unnamed, seed)
    geometry, ranges_of_all, product_of_all = emulated(replace(unnamed, rows_read=rows), seed)
    assert ranges_of_all == ranges
    assert torch.equal(product_of_all, product)
    assert geometry.array_rows == array_rows(27, unnamed, evenly=False)


@given(
    coding=st.sampled_from(WeightCoding),
    reference_columns=st.sampled_from([0, 1]),
    rows=st.sampled_from([8, 10, 24]),
    rows_read=st.integers(1, 8),
    seed=st.integers(0, 2**16),
)
def test_fewer_rows_are_a_plain_loop_over_groups_of_rows(
    *, coding: WeightCoding, reference_columns: int, rows: int, rows_read: int, seed: int
) -> None:
    crossbar = CrossbarSpec(coding=coding, rows=rows, rows_read=rows_read, reference_columns=reference_columns)
    groups = []
    for first in range(0, 27, rows):  # a crossbar, whose last group may be smaller
        held = min(rows, 27 - first)
        groups += [min(rows_read, held - start) for start in range(0, held, rows_read)]
    geometry, ranges, product = emulated(crossbar, seed)
    assert geometry.array_rows == tuple(groups)
    expected = naive_product(
        windows_of(seed).tolist(),
        random_codes((2, 27), crossbar, seed).int().tolist(),
        array_rows=tuple(groups),
        ranges=ranges,
        input_precision=INPUT_BITS,
        crossbar=crossbar,
    )
    np.testing.assert_array_equal(product.numpy(), expected)


@pytest.mark.parametrize(("rows_read", "n_groups"), [(None, 1), (16, 4), (24, 3), (64, 1)])
def test_a_layer_needs_as_many_crossbars_however_its_rows_are_read(rows_read: int | None, n_groups: int) -> None:
    crossbar = CrossbarSpec(rows_read=rows_read)
    geometry = make_geometry(crossbar, n_in=8, n_out=64, adc_precision=6, input_precision=8)
    assert geometry.n_crossbars == 2 * 2, "72 rows of 128 cells on crossbars of 64 x 64"
    assert len(geometry.array_rows) == n_groups + 1
    assert geometry.n_conversions == (n_groups + 1) * 64 * 16 * 8


def devices(crossbar: CrossbarSpec, **strengths: float) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Digits of the first slice and offsets of the converters (arrays, slices, columns) of a layer of 20 rows."""
    codes = random_codes((3, 20), crossbar, 0)
    cells, disturbance = disturbed(
        codes,
        program(codes, array_rows(20, crossbar, evenly=False), crossbar),
        crossbar,
        column_sharing=2,
        nonidealities=NonIdealities.model_validate(strengths),
        generator=torch.Generator().manual_seed(0),
    )
    return cells.digits[0], None if disturbance is None else disturbance.offsets


def test_groups_of_rows_share_the_converters_of_their_crossbar() -> None:
    crossbar = CrossbarSpec(rows=8, rows_read=4)
    _, offsets = devices(crossbar, adc_offset_steps=0.5)
    assert offsets is not None
    assert len(offsets) == 5, "two groups of each of two crossbars, one of the third"
    assert torch.equal(offsets[0], offsets[1])
    assert torch.equal(offsets[2], offsets[3])
    assert not torch.equal(offsets[0], offsets[2])
    assert not torch.equal(offsets[2], offsets[4])


def test_the_noise_of_trainings_and_features_counts_every_group() -> None:
    crossbar = CrossbarSpec(rows=64, rows_read=48)
    geometry = make_geometry(crossbar, n_in=8, n_out=4, adc_precision=4, input_precision=4)
    assert geometry.array_rows == (48, 16, 8)
    expected = adc_noise_ratio(n_rows=72, adc_precision=4, input_precision=4, crossbar=crossbar)
    assert noise_ratio(geometry) == pytest.approx(float(expected), rel=1e-12)


def test_an_adc_with_a_code_for_every_sum_of_a_small_group_adds_no_noise() -> None:
    def ratio(crossbar: CrossbarSpec) -> float:
        return float(adc_noise_ratio(n_rows=576, adc_precision=7, input_precision=4, crossbar=crossbar))

    assert ratio(CrossbarSpec(rows_read=4)) < 1e-9
    assert ratio(CrossbarSpec()) > 1e-6
