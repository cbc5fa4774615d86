"""References of the ADCs that minimise the error of the product: emulation, analytic ratio and labels."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models import AdcReferences, CrossbarSpec, HardwareModelError, WeightCoding
from tests.accuracy.geometries import fine_geometry
from xpert_evo.accuracy.crossbars.adc_noise import noise_ratio
from xpert_evo.accuracy.crossbars.emulation import emulate_layer
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.crossbars.snr import adc_levels, conversion_snr_db, smallest_error_range
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.config import parse_config
from xpert_evo.orchestration.label_rules import label_context


def geometry(bits: int, references: AdcReferences, coding: WeightCoding) -> LayerGeometry:
    crossbar = CrossbarSpec(coding=coding, adc_references=references)
    return LayerGeometry(
        **{
            **{name: getattr(fine_geometry(crossbar), name) for name in LayerGeometry.__slots__},
            "adc_precision": bits,
            "input_precision": 6,
        }
    )


def exact_error(bits: int, references: AdcReferences, coding: WeightCoding) -> float:
    """Power of the exact emulation's error relative to the output's, on other inputs than those of the calibration."""
    layer = CrossbarLayer(geometry(bits, references, coding), normalised=True)
    layer.initialise(torch.Generator().manual_seed(0))
    inputs = torch.randn(48, 12, 6, 6, generator=torch.Generator().manual_seed(1)).clamp_min(0) / 3
    with torch.no_grad():
        perfect, exact = layer.product(inputs[24:]), emulate_layer(layer, inputs[:24])(inputs[24:])
    return float((exact - perfect).square().mean() / perfect.var())


@pytest.mark.parametrize("coding", [WeightCoding.OFFSET_ANALOG, WeightCoding.DIFFERENTIAL])
def test_the_product_errs_less_with_few_bits_and_never_much_more(coding: WeightCoding) -> None:
    for bits, most in ((3, 0.75), (4, 0.95), (6, 1.1), (8, 1.1)):
        optimal, percentile = (exact_error(bits, references, coding) for references in reversed(AdcReferences))
        assert optimal < max(most * percentile, 1e-4), bits


@pytest.mark.parametrize("coding", [WeightCoding.OFFSET_ANALOG, WeightCoding.DIFFERENTIAL])
@pytest.mark.parametrize("bits", [3, 4])
def test_the_analytic_ratio_promises_what_the_emulation_gains(coding: WeightCoding, bits: int) -> None:
    analytic, exact = (
        [10 * np.log10(error(bits, references, coding)) for references in AdcReferences]
        for error in (lambda *of: noise_ratio(geometry(*of)), exact_error)
    )
    assert analytic[1] < analytic[0]
    assert analytic[1] - analytic[0] == pytest.approx(exact[1] - exact[0], abs=1.2), "[dB]"


def test_a_layer_has_a_better_signal_to_noise_ratio() -> None:
    for bits in range(2, 9):
        percentile, optimal = (
            float(
                conversion_snr_db(
                    n_rows=576, adc_precision=bits, input_precision=6, crossbar=CrossbarSpec(adc_references=references)
                )
            )
            for references in AdcReferences
        )
        assert optimal > percentile - 0.2, bits
        if bits < 4:
            assert optimal > percentile + 1


@settings(max_examples=40)
@given(seed=st.integers(0, 1 << 16), bits=st.integers(1, 6), shift=st.integers(-40, 40))
def test_no_tried_range_has_a_smaller_error(seed: int, bits: int, shift: int) -> None:
    rng = np.random.default_rng(seed)
    sums = np.arange(-60.0, 61.0)
    mass = rng.random(121) * np.exp(-(((sums - shift) / 15) ** 2))
    reach = (-60.0, 60.0)

    def error(low: float, high: float) -> float:
        step, lowest = adc_levels(low, high, bits, sum_range=reach)
        return float(mass @ (np.clip(np.rint(sums / step), lowest, lowest + 2**bits - 1) * step - sums) ** 2)

    low, high = smallest_error_range(sums, mass, bits, sum_range=reach)
    assert error(low, high) <= error(-60, 60) * (1 + 1e-12)
    assert all(error(low, high) <= error(-60 * a, 60 * b) * (1 + 1e-12) for a in (0.25, 0.55) for b in (0.25, 0.55))


def test_silent_cells_have_a_range() -> None:
    assert smallest_error_range(np.arange(-3.0, 4), np.eye(7)[3], 3, sum_range=(-3, 3)) == (0, 0)


def test_labels_name_the_references_only_where_they_are_not_percentiles() -> None:
    protocol = load_protocol("laptop")
    contexts = [
        label_context(parse_config({"hardware": {"crossbar": crossbar}}), protocol, "0" * 16)
        for crossbar in ({}, {"adc_references": "percentile"}, {"adc_references": "snr"})
    ]
    assert contexts[0] == contexts[1] != contexts[2]
    assert "adc_references" not in str(CrossbarSpec())
    assert "snr" in str(CrossbarSpec(adc_references=AdcReferences.SNR))


def test_unknown_references_are_refused() -> None:
    with pytest.raises(HardwareModelError, match="'sne' is unknown; did you mean 'snr'"):
        CrossbarSpec(adc_references="sne")
