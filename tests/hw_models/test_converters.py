"""Converters of the cost models: the corners enclose the default at every precision that is accepted."""

from __future__ import annotations

import numpy as np
import pytest

from hw_models import AdcType, load_model, load_technology
from hw_models.adc_library import AdcFigures, published_figures
from hw_models.adc_survey import survey_pj

BITS = np.arange(1, 13)


def figures(model: str, kind: AdcType) -> AdcFigures:
    """Converters of 1 to 12 bits at 32 nm."""
    flash = np.full(BITS.shape, kind is AdcType.FLASH)
    return published_figures(BITS, flash, 32.0, load_model(model).assumed)


@pytest.mark.parametrize("kind", list(AdcType))
@pytest.mark.parametrize("quantity", ["energy_pj", "area_um2", "time_ns"])
def test_the_corners_enclose_the_default_at_every_precision(kind: AdcType, quantity: str) -> None:
    low, middle, high = (getattr(figures(name, kind), quantity) for name in ("optimistic", "published", "pessimistic"))
    assert (low < middle).all()
    assert (middle < high).all()
    for figure in (low, middle, high):
        assert (np.diff(figure) >= 0).all()


def test_no_sar_converter_beats_the_survey() -> None:
    limit = survey_pj(BITS, load_technology("cmos-32nm-lstp").survey)
    for name in ("optimistic", "published", "pessimistic"):
        assert (figures(name, AdcType.SAR).energy_pj > limit).all()


def test_a_sar_conversion_doubles_with_each_bit_beyond_the_fitted_ones() -> None:
    for name in ("optimistic", "published", "pessimistic"):
        found, constants = figures(name, AdcType.SAR).energy_pj, load_model(name).assumed.converters
        up_to_8 = constants.sar_bit_fj * BITS[:8] + constants.sar_step_fj * 2.0 ** BITS[:8]
        np.testing.assert_array_equal(found[:8], 1e-3 * up_to_8)
        np.testing.assert_allclose(found[8:] / found[7:-1], 2)
