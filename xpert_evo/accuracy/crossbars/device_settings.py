"""Deviations from ideal devices: settings of the emulation."""

import math
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from hw_models import AdcType
from hw_models.wires import WireResistances
from xpert_evo.accuracy.crossbars.cell_laws import DriftLaw, ReadNoise, Spread
from xpert_evo.validation import Frozen

_EARLIER = (
    "variation_ratio",
    "variation_law",
    "stuck_on_ratio",
    "stuck_off_ratio",
    "on_off_ratio",
    "wire_resistance_ratio",
    "drift_exponent",
    "drift_exponent_spread_ratio",
    "drift_time_s",
    "adc_offset_steps",
    "adc_noise_steps",
)
"""Settings of the first version, in their original order."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Polynomial = Annotated[
    tuple[float, ...],
    # A list is read as a tuple, which strict validation would reject once names of earlier runs have been handled.
    BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    Field(max_length=9),
]
OffsetsByType = Annotated[
    dict[AdcType, tuple[Annotated[float, Field(ge=0.0, le=1e3)], ...]],
    BeforeValidator(
        lambda value: (
            {AdcType(name): tuple(steps) for name, steps in value.items()} if isinstance(value, dict) else value
        )
    ),
]
Ohm = Annotated[float, Field(ge=0.0, le=1e9)]


class VariationLaw(StrEnum):
    """Distribution of conductances around their target."""

    GAUSSIAN = "gaussian"
    LOGNORMAL = "lognormal"


class AdcRanges(StrEnum):
    """How the references of the ADCs, and with them their ranges, are set."""

    CHIP = "chip"
    """Calibrated for each layer on each chip, at the time at which it is read."""
    LAYER = "layer"
    """Fixed at design time for each layer, on ideal devices."""
    SHARED = "shared"
    """Fixed at design time, the same in all layers of a chip."""


class SliceSteps(StrEnum):
    """How the steps of the ADCs of a layer's slices are related; their codes are joined by shift and add."""

    OWN = "own"
    """Each slice has its own step, and its code is multiplied by it."""
    BINARY = "binary"
    """Steps differ by powers of two, so that shifts suffice."""


class NonIdealities(Frozen):
    """Deviations from ideal devices; the docstring of `nonidealities` has the equations.

    Attributes:
        variation_ratio: Relative standard deviation of conductances.
        variation_law: Distribution of the variation.
        stuck_on_ratio: Share of cells that are stuck at the highest conductance.
        stuck_off_ratio: Share of cells that are stuck at the lowest conductance.
        on_off_ratio: Ratio of the highest to the lowest conductance; None for a lowest conductance of 0.
        drift_exponent: Drift exponent v; 0 for no drift. An exponent without spread overstates the loss, because
            steps of the ADCs keep the floor of ideal cells.
        drift_exponent_spread_ratio: Relative standard deviation of the drift exponent from cell to cell.
        drift_time_s: Time since programming [s].
        adc_offset_steps: Standard deviation of the converters' offsets [steps].
        adc_noise_steps: Standard deviation of the noise of each conversion [steps].
        adc_offsets: Standard deviation of the offsets [steps] by type and number of bits, from 1 bit on; added to
            `adc_offset_steps`.
        adc_reference_ratio: Relative standard deviation of the ADCs' reference currents.
        adc_ranges: How the references are set: chip, layer or shared.
        slice_steps: How the steps of a layer's slices are related: own or binary.
        programming_polynomial: Coefficients of the standard deviation of a programmed conductance, in powers of its
            target; both relative to the highest conductance.
        drift_law: Drift that depends on the target conductance; None for no such drift.
        read_noise: Read noise of the cells; None for no read noise.
        on_ohm: Resistance of a cell in its highest conductance [ohm]; needed where wires have a resistance.
        row_wire_ohm: Resistance of the wire along a row, from cell to cell [ohm].
        column_wire_ohm: Resistance of the wire along a column, from cell to cell [ohm].
        driver_ohm: Resistance of a row's driver [ohm].
        sense_ohm: Resistance of a column's multiplexer and the input of its converter [ohm].
        input_noise_ratio: Root mean square of the error of each input value, relative to the inputs' full scale.
    """

    variation_ratio: Spread = 0.0
    variation_law: VariationLaw = VariationLaw.GAUSSIAN
    stuck_on_ratio: Share = 0.0
    stuck_off_ratio: Share = 0.0
    on_off_ratio: Annotated[float, Field(gt=1.0, allow_inf_nan=False)] | None = None
    drift_exponent: Spread = 0.0
    drift_exponent_spread_ratio: Spread = 0.0
    drift_time_s: Annotated[float, Field(ge=1.0, allow_inf_nan=False)] = 1.0
    adc_offset_steps: Spread = 0.0
    adc_noise_steps: Spread = 0.0
    adc_offsets: OffsetsByType = Field(default_factory=dict)
    adc_reference_ratio: Annotated[float, Field(ge=0.0, le=0.3)] = 0.0
    adc_ranges: AdcRanges = AdcRanges.CHIP
    slice_steps: SliceSteps = SliceSteps.OWN
    programming_polynomial: Polynomial = ()
    drift_law: DriftLaw | None = None
    read_noise: ReadNoise | None = None
    on_ohm: Annotated[float, Field(gt=0.0)] | None = None
    row_wire_ohm: Ohm = 0.0
    column_wire_ohm: Ohm = 0.0
    driver_ohm: Ohm = 0.0
    sense_ohm: Ohm = 0.0
    input_noise_ratio: Share = 0.0

    @model_validator(mode="before")
    @classmethod
    def _with_earlier_names(cls, data: Any) -> Any:
        """Reads earlier settings, which gave wires relative to the resistance of a cell at its highest conductance."""
        if not isinstance(data, dict) or "wire_resistance_ratio" not in data:
            return data
        rest = {key: value for key, value in data.items() if key != "wire_resistance_ratio"}
        ratio = data["wire_resistance_ratio"]
        return rest if ratio == 0 else {"on_ohm": 1.0, "row_wire_ohm": ratio, "column_wire_ohm": ratio, **rest}

    @model_validator(mode="after")
    def _check_wires(self) -> "NonIdealities":
        if self.has_wires and self.on_ohm is None:
            raise ValueError(
                "resistances of wires, drivers and converters need on_ohm, the resistance of a cell in its highest "
                "conductance; set it, for example on_ohm=6000."
            )
        return self

    @model_validator(mode="after")
    def _check_shares(self) -> "NonIdealities":
        stuck = self.stuck_on_ratio + self.stuck_off_ratio
        if stuck > 1:
            raise ValueError(
                f"stuck_on_ratio and stuck_off_ratio are shares of the same cells and must add up to at most 1, got "
                f"{self.stuck_on_ratio:g} + {self.stuck_off_ratio:g}."
            )
        return self

    @property
    def idle(self) -> dict[str, str]:
        """Returns settings that have no effect as they stand, with the setting that each of them requires."""
        drifts = self.drift_exponent > 0 and self.drift_time_s > 1
        ages = drifts or self.drift_law is not None or self._noise_grows
        off = NonIdealities.model_construct()
        waiting = {
            "variation_law": (self.variation_ratio == 0, "a variation_ratio above 0"),
            "drift_exponent": (not drifts, "a drift_time_s above 1"),
            "drift_exponent_spread_ratio": (not drifts, "a drift_exponent above 0 and a drift_time_s above 1"),
            "drift_time_s": (not ages, "a drift_exponent above 0"),
            "on_ohm": (not self.has_wires, "a resistance of wires, drivers or converters"),
        }
        return {
            name: companion
            for name, (waits, companion) in waiting.items()
            if waits and getattr(self, name) != getattr(off, name)
        }

    @property
    def identity(self) -> str:
        """Text that identifies the settings; earlier versions' settings keep theirs, which checkpoints contain."""
        values, off = {**dict(self), "wire_resistance_ratio": 0.0}, dict(NonIdealities())
        later = [key for key, value in values.items() if key not in _EARLIER and value != off[key]]
        return " ".join(f"{key}={values[key]!r}" for key in (*_EARLIER, *later))

    @property
    def least_conductance(self) -> float:
        """Conductance of a cell at level 0, relative to the highest."""
        return 0.0 if self.on_off_ratio is None else 1 / self.on_off_ratio

    @property
    def has_wires(self) -> bool:
        """Whether any resistance is in series with the cells."""
        return any((self.row_wire_ohm, self.column_wire_ohm, self.driver_ohm, self.sense_ohm))

    @property
    def relative_wires(self) -> WireResistances:
        """Resistances relative to that of a cell in its highest conductance."""
        on_ohm = self.on_ohm or 1.0
        return WireResistances(
            row_ohm=self.row_wire_ohm / on_ohm,
            column_ohm=self.column_wire_ohm / on_ohm,
            driver_ohm=self.driver_ohm / on_ohm,
            sense_ohm=self.sense_ohm / on_ohm,
        )

    @property
    def ages(self) -> bool:
        """Whether cells change with `drift_time_s`."""
        return self.drift_exponent > 0 or self.drift_law is not None or self._noise_grows

    @property
    def _noise_grows(self) -> bool:
        return self.read_noise is not None and self.read_noise.read_s is not None

    @property
    def is_random(self) -> bool:
        """Whether two chips differ from each other."""
        shares = (self.variation_ratio, self.stuck_on_ratio, self.stuck_off_ratio)
        drifts = self.drift_exponent * self.drift_exponent_spread_ratio
        laws = (self.programming_polynomial, self.drift_law, self.read_noise)
        return self.disturbs_converters or any((*shares, drifts, *laws, self.input_noise_ratio))

    @property
    def disturbs_converters(self) -> bool:
        """Whether converters do anything other than round."""
        return any((self.adc_offset_steps, self.adc_noise_steps, self.adc_offsets, self.adc_reference_ratio))

    def offset_steps(self, adc_type: AdcType, adc_precision: int) -> float:
        """Standard deviation of the offsets of an ADC [steps]."""
        listed = self.adc_offsets.get(adc_type, ())
        return math.hypot(self.adc_offset_steps, listed[adc_precision - 1] if adc_precision <= len(listed) else 0.0)

    @property
    def disturbs_cells(self) -> bool:
        """Whether cells deliver anything other than their level."""
        return self.has_wires or any(
            (
                self.variation_ratio,
                self.stuck_on_ratio,
                self.stuck_off_ratio,
                self.on_off_ratio,
                self.drift_exponent,
                self.programming_polynomial,
                self.drift_law,
                self.read_noise,
            )
        )
