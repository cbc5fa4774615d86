"""Checks whether a crossbar of a device's cells could be built: its column currents and the losses in its wires."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hw_models.arrays import FloatArray
from hw_models.crossbar import CrossbarSpec
from hw_models.technology import Device, Technology
from hw_models.wires import WireResistances, wire_resistances

_MOST_LOSS_RATIO = 0.1
"""Share of a column's current above which the loss in wires is considered implausible."""

_ACTIVE_RATIO = 0.25
"""Share of the rows that are active at once, as assumed by the cost model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnStrain:
    """Load on a column's wire from cells of the mean conductance, with a quarter of the rows active.

    Attributes:
        current_ma: Current of a column if the wires had no resistance [mA].
        density_ma_per_um2: Current density at the column's end, after the losses [mA/um2].
        density_limit_ma_per_um2: Limit of the technology's wires [mA/um2].
        row_loss_ratio: Share of the farthest column's current that is lost in the row wires.
        column_loss_ratio: Share of a column's current that is lost in its own wire.
    """

    current_ma: float
    density_ma_per_um2: float
    density_limit_ma_per_um2: float
    row_loss_ratio: float
    column_loss_ratio: float

    @property
    def loss_ratio(self) -> float:
        """Loss of the farthest column, in the wires of rows and column."""
        return 1 - (1 - self.row_loss_ratio) * (1 - self.column_loss_ratio)

    @property
    def is_too_dense(self) -> bool:
        """Whether the current density exceeds the limit of the wires."""
        return self.density_ma_per_um2 > self.density_limit_ma_per_um2

    @property
    def is_plausible(self) -> bool:
        """Whether the wires bear the current and keep most of it."""
        return not self.is_too_dense and self.loss_ratio <= _MOST_LOSS_RATIO


def column_strain(
    device: Device, technology: Technology, crossbar: CrossbarSpec, *, column_sharing: int
) -> ColumnStrain | None:
    """Computes current, current density and loss of a column; None if the technology has no wire data.

    A wire with cells of conductance g at every r ohm is a line: a column whose rows are all driven alike delivers
    tanh(a) / a of the current, and a row's voltage at its far end is 1 / cosh(a), with a^2 = n^2 r g for n cells. Along
    a row only one column in `column_sharing` draws current. Drivers and multiplexers are in series with the line.
    If rows are read in groups, the line is that of a group, and the wire past the idle groups below is in series, too;
    the loss is that of a group at the mean distance from the end.

    Args:
        device: Cells of the crossbar.
        technology: Technology of the wires.
        crossbar: Rows and columns of the crossbar.
        column_sharing: Columns that share one ADC; only one of them is read at once.
    """
    constants = technology.wires
    if constants is None:
        return None
    wires = wire_resistances(device, technology)
    siemens = device.cell.conductance_ratio / device.cell.on_ohm
    active_siemens = _ACTIVE_RATIO * crossbar.rows_at_once * siemens
    row_left, column_left = _left(wires, siemens, crossbar, column_sharing)
    current_ma = 1e3 * device.cell.read_v * active_siemens
    section_um2 = constants.width_um**2 * constants.aspect_ratio
    return ColumnStrain(
        current_ma=current_ma,
        density_ma_per_um2=current_ma * column_left / section_um2,
        density_limit_ma_per_um2=constants.current_limit_ma_per_um2,
        row_loss_ratio=1 - row_left,
        column_loss_ratio=1 - column_left,
    )


def implausibility(
    device: Device, technology: Technology, crossbar: CrossbarSpec, *, column_sharing: int
) -> str | None:
    """Returns a sentence with the figures if a column's current overloads its wires, otherwise None.

    Args:
        device: Cells of the crossbar.
        technology: Technology of the wires.
        crossbar: Rows and columns of the crossbar.
        column_sharing: Columns that share one ADC.
    """
    strain = column_strain(device, technology, crossbar, column_sharing=column_sharing)
    if strain is None or strain.is_plausible:
        return None
    limit = f"{'above' if strain.is_too_dense else 'below'} the {strain.density_limit_ma_per_um2:.3g} mA/um2 limit"
    return (
        f"device {device.name} strains its wires: with a quarter of {crossbar.rows_at_once} rows active, a column of "
        f"mean conductance draws {strain.current_ma:.3g} mA, which is {strain.density_ma_per_um2:.3g} mA/um2 in wires "
        f"of {technology.name} ({limit}), and up to {100 * strain.loss_ratio:.0f} % of it is lost to their resistance "
        f"at {column_sharing} columns per ADC."
    )


def wire_loss_ratio(
    device: Device,
    technology: Technology,
    crossbar: CrossbarSpec,
    *,
    n_rows: ArrayLike,
    n_columns: ArrayLike,
    column_sharing: ArrayLike,
) -> FloatArray:
    """Expected share of the farthest column's current that is lost in the wires, for part of a crossbar.

    The formulas are those of `column_strain`, for the rows and columns that a layer uses; broadcast.

    Args:
        device: Cells of the crossbar.
        technology: Technology of the wires; the loss is 0 without wire data.
        crossbar: Size and coding of the crossbars.
        n_rows: Rows of a layer's weight matrix.
        n_columns: Columns of cells that a layer needs.
        column_sharing: Columns that share one ADC.
    """
    rows, columns = (np.minimum(n, most) for n, most in ((n_rows, crossbar.rows), (n_columns, crossbar.columns)))
    if technology.wires is None:
        return np.zeros(np.broadcast_shapes(rows.shape, columns.shape, np.shape(column_sharing)))
    wires = wire_resistances(device, technology)
    siemens = device.cell.conductance_ratio / device.cell.on_ohm
    n_read = np.maximum(1.0, columns / np.asarray(column_sharing))
    along_row = np.sqrt(columns * wires.row_ohm * n_read * siemens)
    row_left = 1 / np.cosh(along_row) / (1 + siemens * n_read * _delivered_ratio(along_row) * wires.driver_ohm)
    return np.asarray(1 - row_left * _column_left(wires, siemens, crossbar, rows))


def _column_left(wires: WireResistances, siemens: float, crossbar: CrossbarSpec, rows: ArrayLike) -> FloatArray:
    """Share of a group's current that remains after the column's wire, for the rows in use of a crossbar."""
    used = np.asarray(rows, dtype=np.float64)
    group = used / np.ceil(used / crossbar.rows_at_once)
    active_siemens = _ACTIVE_RATIO * group * siemens
    delivered = _delivered_ratio(np.sqrt(group * wires.column_ohm * active_siemens))
    end_ohm = wires.sense_ohm + wires.column_ohm * (used - group) / 2
    return np.asarray(delivered / (1 + active_siemens * delivered * end_ohm))


def _delivered_ratio(a: FloatArray) -> FloatArray:
    return np.asarray(np.tanh(a) / np.maximum(a, 1e-12) + (a < 1e-12))


def _left(wires: WireResistances, siemens: float, crossbar: CrossbarSpec, column_sharing: int) -> tuple[float, float]:
    """Shares of the current that remain after the row wires and the column wires."""
    n_read = max(1.0, crossbar.columns / column_sharing)
    along_row = math.sqrt(crossbar.columns * wires.row_ohm * n_read * siemens)
    at_driver = siemens * n_read * _delivered(along_row) * wires.driver_ohm
    column_left = float(_column_left(wires, siemens, crossbar, crossbar.rows))
    return 1 / math.cosh(along_row) / (1 + at_driver), column_left


def _delivered(a: float) -> float:
    return math.tanh(a) / a if a else 1.0
