"""Technologies (a node's circuits) and devices (a memory cell): typed constants from TOML, one file each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from hw_models.circuit_constants import (
    AreaConstants,
    CircuitLeakageConstants,
    ColumnConstants,
    EnergyConstants,
    FlashConstants,
    LayoutConstants,
    LeakageConstants,
    NodeConstants,
    SarConstants,
    SurveyConstants,
    TimingConstants,
    WireConstants,
)
from hw_models.constants import Constant, ConstantFile, available, is_path, load_file
from hw_models.device_laws import (
    DriftConstants,
    InputNoiseConstants,
    ProgrammingConstants,
    ReadNoiseConstants,
    StuckConstants,
)
from hw_models.errors import HardwareModelError
from hw_models.user_files import completed_device, completed_technology

_TABLES = (
    ("area.mux_decoder_sharing", "area.mux_decoder_um2"),
    ("area.register_decoder_entries", "area.register_decoder_um2"),
    ("timing.mux_sharing", "timing.mux_decoder_ns", "timing.mux_drive_ns"),
    ("column.sense_ohm", "column.sense_ns", "column.mean_sense_ns"),
    ("circuit_leakage.crossbar_sharing", "circuit_leakage.crossbar_row_uw"),
    ("circuit_leakage.encoder_bits", "circuit_leakage.encoder_level_uw"),
    ("circuit_leakage.decoder_entries", "circuit_leakage.decoder_uw"),
)
"""Tables of curves and their arguments, which are interpolated."""
_SECTIONS = frozenset(
    {
        "node",
        "layout",
        "area",
        "timing",
        "energy",
        "leakage",
        "circuit_leakage",
        "sar",
        "flash",
        "column",
        "survey",
        "wires",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Technology:
    """The circuits of one node.

    Attributes:
        name, description: Name and description given in the file.
        node, layout, area, timing, energy, leakage, circuit_leakage, sar, flash, column, survey: Constants by kind.
        wires: Wires of the crossbar, or None if they have no resistance.
        constants: The same constants with unit and source, by "section.key".
        own_file: Whether a user's file gives them, whatever its name.
    """

    name: str
    description: str
    node: NodeConstants
    layout: LayoutConstants
    area: AreaConstants
    timing: TimingConstants
    energy: EnergyConstants
    leakage: LeakageConstants
    circuit_leakage: CircuitLeakageConstants
    sar: SarConstants
    flash: FlashConstants
    column: ColumnConstants
    survey: SurveyConstants
    wires: WireConstants | None
    constants: Mapping[str, Constant]
    own_file: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CellConstants:
    """Electrical and geometric properties of a memory cell."""

    on_ohm: float
    on_off_ratio: float
    read_v: float
    write_v: float
    settling_ohm: float
    conductance_ratio: float
    cell_width_f: float
    cell_height_f: float
    max_cell_bits: float
    leakage_pw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteConstants:
    """Circuits needed for writing the cell, in addition to those for reading."""

    row_driver_um2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A memory cell.

    Attributes:
        name, description: Name and description given in the file.
        cell: Constants of the cell.
        write: Circuits for writing; None if the file has no table [write].
        input_noise: Noise of the circuits that drive the rows; None if the file has no table [input_noise].
        programming, drift, read_noise, stuck: Deviations of cells from their targets; None if the file does not give
            them.
        constants: The same constants with unit and source, by "section.key".
        extrapolated: Whether the cell lies outside the reference data.
    """

    name: str
    description: str
    cell: CellConstants
    programming: ProgrammingConstants | None
    drift: DriftConstants | None
    read_noise: ReadNoiseConstants | None
    stuck: StuckConstants | None
    constants: Mapping[str, Constant]
    extrapolated: bool
    write: WriteConstants | None = None
    input_noise: InputNoiseConstants | None = None


REFERENCE_DEVICES = frozenset({"rram-6k", "rram-100k"})


def technology_names() -> list[str]:
    """Returns the names that `load_technology` accepts."""
    return available("technologies")


def device_names() -> list[str]:
    """Returns the names that `load_device` accepts."""
    return available("devices")


def load_technology(name: str) -> Technology:
    """Loads the circuits of a node by name, or by the path of a `.toml` file.

    A user's file must give only `node.feature_nm`; omitted constants are scaled from the nearest node that comes with
    the package (`hw_models.user_files`).

    Raises:
        HardwareModelError: If the name is unknown or the file is invalid.
    """
    file = load_file("technologies", name)
    if is_path(name):
        return replace(technology_from(completed_technology(file)), own_file=True)
    return technology_from(file)


def load_device(name: str) -> Device:
    """Loads a memory cell by name, or by the path of a `.toml` file.

    A user's file must give only `cell.on_ohm` and `cell.on_off_ratio`; `hw_models.user_files` describes what is assumed
    for the rest.

    Raises:
        HardwareModelError: If the name is unknown or the file is invalid.
    """
    file = load_file("devices", name)
    return replace(device_from(completed_device(file)), extrapolated=True) if is_path(name) else device_from(file)


def technology_from(file: ConstantFile) -> Technology:
    """Builds a technology from a checked file.

    Raises:
        HardwareModelError: If a section or key is missing or unknown.
    """
    for first, *others in _TABLES:
        _check_lengths(file, first, others)
        _check_ascending(file, first)
    _check_sections(file, _SECTIONS)
    return Technology(
        name=file.name,
        description=file.description,
        node=file.section(NodeConstants, "node"),
        layout=file.section(LayoutConstants, "layout"),
        area=file.section(AreaConstants, "area"),
        timing=file.section(TimingConstants, "timing"),
        energy=file.section(EnergyConstants, "energy"),
        leakage=file.section(LeakageConstants, "leakage"),
        circuit_leakage=file.section(CircuitLeakageConstants, "circuit_leakage"),
        sar=file.section(SarConstants, "sar"),
        flash=file.section(FlashConstants, "flash"),
        column=file.section(ColumnConstants, "column"),
        survey=file.section(SurveyConstants, "survey"),
        wires=file.optional_section(WireConstants, "wires"),
        constants=MappingProxyType(dict(file.constants)),
    )


def device_from(file: ConstantFile) -> Device:
    """Builds a device from a checked file.

    Raises:
        HardwareModelError: If a section or key is missing or unknown.
    """
    _check_sections(file, {"cell", "write", "programming", "drift", "read_noise", "input_noise", "stuck"})
    _check_programming(file)
    return Device(
        name=file.name,
        description=file.description,
        cell=file.section(CellConstants, "cell"),
        programming=file.optional_section(ProgrammingConstants, "programming"),
        drift=file.optional_section(DriftConstants, "drift"),
        read_noise=file.optional_section(ReadNoiseConstants, "read_noise"),
        stuck=file.optional_section(StuckConstants, "stuck"),
        constants=MappingProxyType(dict(file.constants)),
        extrapolated=file.name not in REFERENCE_DEVICES,
        write=file.optional_section(WriteConstants, "write"),
        input_noise=file.optional_section(InputNoiseConstants, "input_noise"),
    )


def _check_programming(file: ConstantFile) -> None:
    """Refuses a deviation whose coefficients do not match its times, or times that are not in ascending order."""
    key = "programming.times_s"
    if key not in file.constants:
        return
    _check_lengths(file, key, [f"programming.c{power}_us" for power in range(5)])
    _check_ascending(file, key)


def _check_ascending(file: ConstantFile, key: str) -> None:
    """Refuses arguments of a table between which nothing can be interpolated, also in logarithms."""
    if key not in file.constants:
        return
    shown = file.constants[key].value
    values = np.atleast_1d(shown)
    if values[0] <= 0 or np.any(np.diff(values) <= 0):
        raise HardwareModelError(f"{file.name}: {key} must be positive and in ascending order, got {shown}.")


def _check_lengths(file: ConstantFile, first: str, others: Sequence[str]) -> None:
    """Refuses related tables of different lengths."""
    lengths = {key: np.size(file.constants[key].value) for key in (first, *others) if key in file.constants}
    for key in others:
        if lengths.get(key) != lengths.get(first):
            raise HardwareModelError(
                f"{file.name}: {key} must have {lengths.get(first)} entries, as {first} has; got {lengths.get(key, 0)}."
            )


def _check_sections(file: ConstantFile, wanted: Collection[str]) -> None:
    """Refuses a table that no part of the model reads."""
    for key in file.constants:
        section = key.partition(".")[0]
        if section not in wanted:
            raise HardwareModelError(
                f"{file.name}: unknown table [{section}]; choose one of {', '.join(sorted(wanted))}."
            )
