"""Constants that belong to a cost model: one class for each table of a file in `models`.

`Assumptions` hold at 32 nm and its nominal supply; `node_scaling` scales them to other nodes. `SimulatorConstants` hold
at every node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ConverterAssumptions:
    """Published ADCs. A SAR ADC has a cost per bit and a cost per step; a Flash ADC has one comparator per step."""

    sar_bit_fj: float
    sar_step_fj: float
    fitted_bits: float
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
    """Reading a column. SRAM cells use energy per row, depending on how they add up."""

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
    """Circuits for writing, if a device has no figure of its own."""

    row_driver_um2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingAssumptions:
    """How times and the charge of a column scale with the node and its supply voltage."""

    delay_exponent: float
    column_exponent: float
    threshold_v: float
    velocity_exponent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Constants of formulas based on published chips, by kind."""

    converters: ConverterAssumptions
    reading: ReadingAssumptions
    digital: DigitalAssumptions
    write: WriteAssumptions
    scaling: ScalingAssumptions


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreConstants:
    """Register files of tiles that consist of cores; used where `tile_buffers = "cores"`."""

    tile_core_bits: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRatios:
    """Mean conductance of a column of cells; used where `column_model = "cells"`."""

    level_ratio: float
    off_ratio: float
    conducting_ratio: float
    idle_sar_uw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConstants:
    """Constants of formulas that follow DNN+NeuroSim V1.3, by kind."""

    buffers: CoreConstants
    column: ColumnRatios


SECTIONS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "converters": ConverterAssumptions,
        "reading": ReadingAssumptions,
        "digital": DigitalAssumptions,
        "write": WriteAssumptions,
        "scaling": ScalingAssumptions,
    }
)
"""Tables of a model's file and their classes, named as in `Assumptions`."""

SIMULATOR_SECTIONS: Mapping[str, type[Any]] = MappingProxyType({"buffers": CoreConstants, "column": ColumnRatios})
"""Tables of a model's file and their classes, named as in `SimulatorConstants`."""

_OWN_CHOICES = frozenset(
    {
        ("digital_clock", "own"),
        ("converters", "published"),
        ("column_current", "sampled"),
        ("buffers", "sram"),
        ("row_drivers", "device"),
        ("overheads", "leakage-and-layout"),
    }
)
_SIMULATOR_CHOICES = frozenset({("tile_buffers", "cores"), ("column_model", "cells")})


def tables_of(choices: Mapping[str, str]) -> frozenset[str]:
    """Returns the tables that the formulas of a model read, by the values of its choices."""
    chosen = set(choices.items())
    own = SECTIONS if chosen & _OWN_CHOICES else ()
    simulated = SIMULATOR_SECTIONS if chosen & _SIMULATOR_CHOICES else ()
    return frozenset({*own, *simulated})
