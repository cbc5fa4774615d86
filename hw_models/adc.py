"""Analog-to-digital converters: type, area, conversion time and energy of the two circuits.

SAR: one capacitor array and one comparator resolve one bit per cycle, so area and time grow with the number of bits.
Flash: 2^AP - 1 comparators decide at once and an encoder turns their thermometer code into bits, so area and energy
grow with 2^AP.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from hw_models.arrays import FloatArray, IntArray
from hw_models.circuit_constants import FlashConstants, LayoutConstants, SarConstants
from hw_models.errors import HardwareModelError, suggestion
from hw_models.simulator_choices import ComparatorArea


class AdcType(StrEnum):
    """The circuit that reads a column. Files contain its value, arrays its `code`."""

    SAR = "sar"
    FLASH = "flash"

    @property
    def code(self) -> int:
        """The integer that stands for this type in arrays."""
        return _CODES.index(self)

    @classmethod
    def from_name(cls, name: str) -> AdcType:
        """Returns the type with a given name.

        Raises:
            HardwareModelError: If the name is unknown.
        """
        if name not in set(cls):
            raise HardwareModelError(f"unknown ADC type {name!r}; {suggestion(str(name), cls)}")
        return cls(name)


_CODES = (AdcType.SAR, AdcType.FLASH)
"""The position is the code: append, never reorder, because genomes and stored runs contain these codes."""


def sar_area_um2(adc_precision: IntArray, sar: SarConstants) -> FloatArray:
    """Area of a SAR ADC [um2]: a comparator and control logic, plus one capacitor and switch stage per bit."""
    return sar.base_um2 + sar.bit_um2 * adc_precision


def sar_conversion_ns(adc_precision: IntArray, sar: SarConstants) -> FloatArray:
    """Time of one SAR conversion [ns]: one sampling cycle, then one cycle per bit."""
    return sar.cycle_ns * (1 + adc_precision)


def sar_fixed_pj(adc_precision: IntArray, sar: SarConstants) -> FloatArray:
    """Column-independent energy of a SAR conversion [pJ]: power [uW] times the conversion time."""
    return 1e-3 * (sar.base_uw + sar.bit_uw * adc_precision) * sar_conversion_ns(adc_precision, sar)


def sar_pj_per_siemens(adc_precision: IntArray, sar: SarConstants) -> FloatArray:
    """Energy of a SAR conversion per unit of column conductance [pJ/S]: the column's current flows throughout."""
    return 1e3 * sar.conductance_w * sar_conversion_ns(adc_precision, sar)


def flash_comparators_um2(adc_precision: IntArray, flash: FlashConstants, counted: ComparatorArea) -> FloatArray:
    """Area of the 2^AP - 1 comparators of a Flash ADC [um2]."""
    nmos_um2 = flash.comparator_nmos_um2 if counted is ComparatorArea.FULL else 0.0
    return (flash.comparator_um2 + nmos_um2) * (2.0**adc_precision - 1)


def flash_encoder_height_um(
    adc_precision: IntArray, n_adcs: IntArray, array_width_um: float, flash: FlashConstants, layout: LayoutConstants
) -> tuple[FloatArray, FloatArray]:
    """Height and width of the block of Flash encoders below a crossbar [um].

    An encoder is 2^AP - 1 gate rows high and as wide as an inverter pair plus a gate with 2^(AP - 1) inputs. Encoders
    are placed side by side along the crossbar and fill whole rows.
    """
    encoder_um = flash.encoder_base_um + flash.encoder_input_um * 2.0 ** (adc_precision - 1)
    per_row = np.minimum(np.ceil(array_width_um / encoder_um), n_adcs)
    height_um = np.ceil(n_adcs / per_row) * (2.0**adc_precision - 1) * layout.row_height_um
    return height_um, np.maximum(array_width_um, encoder_um)


def flash_sense_ns(adc_precision: IntArray, column_ohm: float, flash: FlashConstants) -> FloatArray:
    """Decision time of the comparators [ns].

    The base is one 1-GHz clock period. A high-resistance column [ohm] supplies too little current to decide within it:
    each doubling of the resistance above the onset adds a fixed delay. A small number of levels is resolved slightly
    faster.
    """
    octaves = max(0.0, float(np.log2(column_ohm / flash.sense_onset_ohm)))
    few_levels = flash.few_levels_ns * np.maximum(0, 6 - adc_precision)
    return flash.sense_ns + np.maximum(0.0, flash.sense_ns_per_octave * octaves - few_levels)


def flash_encoder_ns(adc_precision: IntArray, flash: FlashConstants) -> FloatArray:
    """Delay of the encoder [ns]: set by its largest gate, with 2^(AP - 1) inputs."""
    return flash.encoder_base_ns + flash.encoder_level_ns * 2.0**adc_precision


def flash_fixed_pj(adc_precision: IntArray, sense_ns: FloatArray, flash: FlashConstants) -> FloatArray:
    """Column-independent energy of a Flash conversion [pJ]: all comparators, for `sense_ns`."""
    return 1e-3 * flash.comparator_uw * (2.0**adc_precision - 1) * sense_ns


def flash_encoder_pj(adc_precision: IntArray, flash: FlashConstants) -> FloatArray:
    """Energy of encoding one conversion [pJ]."""
    return flash.encoder_base_pj + flash.encoder_level_pj * 2.0**adc_precision
