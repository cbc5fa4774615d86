"""Conversion energy of the best published converters, as a yardstick beside the model's own circuits.

Walden: energy grows with the number of levels, E = FoM_W 2^N (comparators and logic). Schreier: sampling noise makes it
grow with the square of the levels, E = 1/2 10^((SNDR - FoM_S) / 10) with SNDR = 6.02 N + 1.76 dB, because the bandwidth
is half the rate. The larger of the two is the survey's limit. It covers the converter alone, not its area or time, nor
the drivers, references and the current of a crossbar column. Used as a lower bound on cost, it replaces the converter's
own energy where that is higher; the column's current is still counted.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from hw_models.arrays import FloatArray, IntArray
from hw_models.circuit_constants import SurveyConstants


class AdcModel(StrEnum):
    """Source of the conversion energy."""

    CIRCUIT = "circuit"
    """The converters of the cost model."""
    SURVEY = "survey"
    """The limit of the published survey where it is lower than the above, whatever the ADC type."""


def walden_pj(adc_precision: IntArray, survey: SurveyConstants) -> FloatArray:
    """Energy of a conversion at the Walden limit [pJ]."""
    return 1e-3 * survey.walden_fj * 2.0**adc_precision


def schreier_pj(adc_precision: IntArray, survey: SurveyConstants) -> FloatArray:
    """Energy of a conversion at the Schreier limit [pJ]."""
    sndr_db = 6.02 * adc_precision + 1.76
    return 0.5e12 * 10 ** ((sndr_db - survey.schreier_db) / 10)


def survey_pj(adc_precision: IntArray, survey: SurveyConstants) -> FloatArray:
    """Energy per conversion of the best published converters [pJ]: the larger of the two limits."""
    return np.maximum(walden_pj(adc_precision, survey), schreier_pj(adc_precision, survey))
