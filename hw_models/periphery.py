"""The peripheral choices of a layer: the hardware genes of the search, as arrays (designs, layers)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from hw_models.adc import AdcType
from hw_models.arrays import IntArray, as_int_array, check_shape
from hw_models.crossbar import WeightCoding

ADC_PRECISION_RANGE = (1, 12)
INPUT_PRECISION_RANGE = (1, 16)
COPIES_RANGE = (1, 1024)
CROSSBAR_CHOICES = {
    "weight_bits": (1, 16),
    "coding": (0, len(WeightCoding) - 1),
    "cell_bits": (1, 8),
    "rows": (4, 4096),
    "columns": (4, 4096),
    "rows_read": (1, 4096),
}
"""Fields that replace the field of that name in `CrossbarSpec` for single layers, and their ranges."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Peripherals:
    """Peripheral circuits of layers; fields broadcast with the shapes to (designs, layers).

    Attributes:
        column_sharing: Number of columns that take turns at one ADC.
        adc_type: `AdcType.SAR.code` or `AdcType.FLASH.code`.
        adc_precision: Bits of the ADC.
        input_precision: Bits of the input, applied one by one.
        copies: Number of times the layer's weights are stored, each in tiles of its own; the copies share the positions
            of the output map. Defaults to one.
        weight_bits, coding, cell_bits, rows, columns, rows_read: A layer's own choice of the field of that name of
            `CrossbarSpec`; None for the crossbar's. Codings are given as `WeightCoding.DIFFERENTIAL.code` and so on;
            `rows_read` is a maximum, so a crossbar with fewer rows reads all of them.
    """

    column_sharing: npt.ArrayLike
    adc_type: npt.ArrayLike
    adc_precision: npt.ArrayLike
    input_precision: npt.ArrayLike
    copies: npt.ArrayLike = 1
    weight_bits: npt.ArrayLike | None = None
    coding: npt.ArrayLike | None = None
    cell_bits: npt.ArrayLike | None = None
    rows: npt.ArrayLike | None = None
    columns: npt.ArrayLike | None = None
    rows_read: npt.ArrayLike | None = None

    def __post_init__(self) -> None:
        """Converts every field to an integer array and checks it.

        Raises:
            HardwareModelError: If types, ranges or shapes are invalid.
        """
        codes = [member.code for member in AdcType]
        ranges = {
            "column_sharing": (1, 4096),
            "adc_type": (min(codes), max(codes)),
            "adc_precision": ADC_PRECISION_RANGE,
            "input_precision": INPUT_PRECISION_RANGE,
            "copies": COPIES_RANGE,
            **CROSSBAR_CHOICES,
        }
        for name, (low, high) in ranges.items():
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_int_array(name, getattr(self, name), low=low, high=high))
        check_shape(self.arrays())

    def arrays(self) -> dict[str, IntArray]:
        """The fields by name, each with two axes; without those that are None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: np.asarray(value, dtype=np.int64) for name, value in values.items() if value is not None}
