"""Constants that belong to a cost model: what a file in `models` holds, a class for each of its tables.

All of them hold at 32 nm and its nominal supply; `node_scaling` carries them to another node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ConverterAssumptions:
    """ADCs as published. A SAR ADC costs a share a bit and a share a step; a Flash ADC a comparator a step."""

    sar_bit_fj: float
    sar_step_fj: float
    sar_bit_um2: float
    sar_step_um2: float
    sar_bit_ns: float
    comparator_fj: float
    comparator_um2: float
    encoder_step_um2: float
    encoder_step_fj: float
    flash_ns: float
    matched_bits: float
    comparator_offset_v: float
    full_scale_v: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingAssumptions:
    """A column while it is read. Cells of SRAM take an energy a row, by the way in which they add up."""

    sample_ns: float
    sample_hold_fj: float
    sample_hold_um2: float
    current_cell_fj: float
    charge_cell_fj: float
    charge_row_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitalAssumptions:
    """Logic and memories."""

    period_ns: float
    layout_energy_ratio: float
    buffer_bit_pj: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteAssumptions:
    """Circuits for writing, where a device has no figure of its own."""

    row_driver_um2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingAssumptions:
    """How times and the charge of a column follow the node and its supply."""

    delay_exponent: float
    column_exponent: float
    threshold_v: float
    velocity_exponent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """All constants of a model by kind."""

    converters: ConverterAssumptions
    reading: ReadingAssumptions
    digital: DigitalAssumptions
    write: WriteAssumptions
    scaling: ScalingAssumptions


SECTIONS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "converters": ConverterAssumptions,
        "reading": ReadingAssumptions,
        "digital": DigitalAssumptions,
        "write": WriteAssumptions,
        "scaling": ScalingAssumptions,
    }
)
"""Tables of a model's file and their classes, as `Assumptions` names them."""
