"""Resistances of a crossbar's wires, drivers and multiplexers, from a technology and the cell, which sets the pitch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hw_models.errors import HardwareModelError
from hw_models.technology import Device, Technology


class IdleRows(StrEnum):
    """The state of a row while its input bit is 0."""

    GATED = "gated"
    """The transistors of its cells are off, so no current flows in them."""
    GROUNDED = "grounded"
    """It is driven to 0 V, and current of other rows flows back through its cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireResistances:
    """Resistances in series with the cells of a crossbar [ohm].

    Attributes:
        row_ohm: Resistance of one cell pitch of wire along a row.
        column_ohm: Resistance of one cell pitch of wire along a column.
        driver_ohm: Resistance of a row's driver.
        sense_ohm: Resistance of a column's multiplexer and the input of its converter.
    """

    row_ohm: float = 0.0
    column_ohm: float = 0.0
    driver_ohm: float = 0.0
    sense_ohm: float = 0.0


def wire_resistances(device: Device, technology: Technology) -> WireResistances:
    """Computes the wire resistances of a crossbar of a device's cells.

    The resistance per length of wire is resistivity / (width^2 aspect ratio). Rows run along the height of a cell,
    columns along its width, both in units of the wires' width, as in the simulator from which these parameters are
    taken.

    Raises:
        HardwareModelError: If the technology has no wire data.
    """
    w = technology.wires
    if w is None:
        raise HardwareModelError(f"{technology.name}: the file has no table [wires]; add one.")
    ohm_per_um = w.resistivity_ohm_um / (w.width_um**2 * w.aspect_ratio)
    return WireResistances(
        row_ohm=ohm_per_um * device.cell.cell_height_f * w.width_um,
        column_ohm=ohm_per_um * device.cell.cell_width_f * w.width_um,
        driver_ohm=w.driver_ohm,
        sense_ohm=w.mux_ohm,
    )
