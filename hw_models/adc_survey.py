"""What the best published converters spend on a conversion, as a yardstick beside the two circuits of the model.

Walden: energy grows with the levels, E = FoM_W 2^N (comparators and logic). Schreier: noise of a sampled signal makes
it grow with their square, E = 1/2 10^((SNDR - FoM_S) / 10) with SNDR = 6.02 N + 1.76 dB, because the bandwidth is
half the rate. The larger of the two is the limit of the survey. It holds for the converter alone: drivers, references
and the current of a crossbar's column are not in it, nor is its area or time. As a lower bound of costs it replaces the
converter's own energy where it is less; the column's current stays.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from hw_models.arrays import FloatArray, IntArray
from hw_models.circuit_constants import SurveyConstants


class AdcModel(StrEnum):
    """Where the energy of a conversion comes from."""

    CIRCUIT = "circuit"
    """The converters of the cost model."""
    SURVEY = "survey"
    """The limit of the published survey where it is less than these, whatever the ADC's type."""


def walden_pj(adc_precision: IntArray, survey: SurveyConstants) -> FloatArray:
    """Energy of a conversion at the Walden limit [pJ]."""
    return 1e-3 * survey.walden_fj * 2.0**adc_precision


def schreier_pj(adc_precision: IntArray, survey: SurveyConstants) -> FloatArray:
    """Energy of a conversion at the Schreier limit [pJ]."""
    sndr_db = 6.02 * adc_precision + 1.76
    return 0.5e12 * 10 ** ((sndr_db - survey.schreier_db) / 10)


def survey_pj(adc_precision: IntArray, survey: SurveyConstants) -> FloatArray:
    """Energy of a conversion of the best published converters [pJ]: the larger of the two limits."""
    return np.maximum(walden_pj(adc_precision, survey), schreier_pj(adc_precision, survey))
