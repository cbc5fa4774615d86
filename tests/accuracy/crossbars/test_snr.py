"""The analytic signal-to-noise ratio against the figures measured on Gaussian layers, and its laws."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw_models import CrossbarSpec, WeightCoding
from xpert_evo.accuracy.crossbars.snr import adc_levels, conversion_snr_db, input_statistics

MEASURED_DB = {
    WeightCoding.OFFSET_ANALOG: [10.0, 16.7, 22.9, 28.8],
    WeightCoding.DIFFERENTIAL: [10.9, 17.7, 24.0],
}
"""At 256 channels, 3 x 3, Gaussian weights clipped at 3 sigma, 8 input bits, AP 3, 4, ...: an independent emulation."""


@pytest.mark.parametrize("coding", MEASURED_DB)
def test_ratios_agree_with_an_independent_emulation_of_gaussian_layers(coding: WeightCoding) -> None:
    measured = MEASURED_DB[coding]
    predicted = conversion_snr_db(
        n_rows=2304,
        adc_precision=np.arange(3, 3 + len(measured)),
        input_precision=8,
        crossbar=CrossbarSpec(coding=coding),
    )
    assert predicted == pytest.approx(measured, abs=1.5)


def test_the_page_shows_the_ratios_of_the_codings() -> None:
    page = (Path(__file__).parents[3] / "docs" / "emulation.md").read_text(encoding="utf-8")
    for coding in (WeightCoding.OFFSET_ANALOG, WeightCoding.DIFFERENTIAL):
        row = re.search(rf"^\| `{coding.value}` \|.*\| ([\d./ ]+) \|$", page, re.MULTILINE)
        assert row is not None
        ratios = conversion_snr_db(
            n_rows=2304, adc_precision=[3, 4, 5, 6], input_precision=8, crossbar=CrossbarSpec(coding=coding)
        )
        assert row[1] == " / ".join(f"{ratio:.1f}" for ratio in ratios)


def test_subtracting_before_the_adc_is_worth_at_least_a_bit() -> None:
    ratios = [
        conversion_snr_db(n_rows=2304, adc_precision=5, input_precision=8, crossbar=CrossbarSpec(coding=coding))
        for coding in (WeightCoding.OFFSET_DIGITAL, WeightCoding.OFFSET_ANALOG)
    ]
    assert ratios[1] - ratios[0] > 6


def test_four_input_bits_cap_the_ratio_at_about_24_decibels() -> None:
    capped = conversion_snr_db(n_rows=2304, adc_precision=12, input_precision=4, crossbar=CrossbarSpec())
    assert capped == pytest.approx(24, abs=1)


@given(n_rows=st.integers(1, 5000), input_precision=st.integers(1, 8))
def test_more_adc_bits_never_hurt_much_and_three_more_always_help(n_rows: int, input_precision: int) -> None:
    ratios = conversion_snr_db(
        n_rows=n_rows, adc_precision=np.arange(3, 9), input_precision=input_precision, crossbar=CrossbarSpec()
    )
    assert np.all(np.isfinite(ratios))
    assert np.all(np.diff(ratios) > -0.5)
    assert ratios[-1] > ratios[0]


def test_broadcasting_equals_one_by_one() -> None:
    rows, precisions = np.array([[27], [64], [100], [576]]), np.array([3, 5, 8])
    crossbar = CrossbarSpec()
    table = conversion_snr_db(n_rows=rows, adc_precision=precisions, input_precision=4, crossbar=crossbar)
    assert table.shape == (4, 3)
    for i, n_rows in enumerate(rows[:, 0]):
        for j, precision in enumerate(precisions):
            one = conversion_snr_db(n_rows=n_rows, adc_precision=precision, input_precision=4, crossbar=crossbar)
            assert one == table[i, j]


def test_a_barely_used_second_array_costs_signal_to_noise_ratio() -> None:
    full, spilt = conversion_snr_db(n_rows=[64, 65], adc_precision=4, input_precision=8, crossbar=CrossbarSpec())
    assert full - spilt == pytest.approx(10 * np.log10(128 / 65), abs=0.3)


def test_one_bit_inputs_have_one_level_near_the_known_optimum() -> None:
    assert input_statistics(1).activity == pytest.approx([0.27], abs=0.02)


@given(low=st.floats(-1000, 0), high=st.floats(0.1, 1000), bits=st.integers(1, 12))
def test_an_adc_step_is_never_finer_than_half_a_level(low: float, high: float, bits: int) -> None:
    step, lowest = adc_levels(low, high, bits, sum_range=(-1000, 1000))
    assert step >= 1
    assert lowest <= 0


def test_codes_to_spare_widen_both_ends_as_far_as_sums_reach() -> None:
    def ends(bits: int, sum_range: tuple[int, int]) -> tuple[int, int]:
        step, lowest = adc_levels(-37, 40, bits, sum_range=sum_range)
        assert step == 1
        return lowest, lowest + 2**bits - 1

    assert ends(8, (-960, 960)) == (-37 - 89, 40 + 89)
    assert ends(8, (-50, 960)) == (-50, 205), "what one end cannot use, the other has"
    assert ends(8, (-960, 50)) == (-205, 50)
    assert ends(11, (-960, 960))[0] <= -960
    assert ends(11, (-960, 960))[1] >= 960
