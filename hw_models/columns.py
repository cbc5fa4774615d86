"""Conductance of a column of cells, and the time it needs to settle and to be sensed.

There are two descriptions (`ColumnModel`): constants fitted for each device, or the cells' resistances in series with
the node's wires, as computed by DNN+NeuroSim V1.3.
"""

from __future__ import annotations

import numpy as np

from hw_models.adc import flash_sense_ns
from hw_models.area import Periphery
from hw_models.arrays import FloatArray, IntArray
from hw_models.setting import DESIGN_ACTIVITY, Setting
from hw_models.simulator_choices import ColumnModel
from hw_models.weight_matrix import fullest_rows
from hw_models.workload import LayerShapes


def cell_ratio(setting: Setting) -> float:
    """Mean conductance of a cell that holds weights, in series with its wires, as a fraction of its on-conductance.

    A cell in the middle of the crossbar has half a row and half a column of wire in series. Cells with high conductance
    lose more to it, so the mean is evaluated slightly above the mean conductance.
    """
    if setting.choices.column_model is ColumnModel.DEVICE:
        return setting.cell_ratio
    ratios, cell, crossbar = setting.model.simulator.column, setting.device.cell, setting.crossbar
    off = 1 / cell.on_off_ratio
    many = ratios.level_ratio + ratios.off_ratio * off
    bare = off + (many - off) * setting.few_levels_ratio
    lengths = (crossbar.built_columns + 1) * cell.cell_width_f + (crossbar.rows + 1) * cell.cell_height_f
    wires_ohm = setting.technology.column.wire_ohm * lengths / 2
    return bare / (1 + ratios.conducting_ratio * bare * wires_ohm / cell.on_ohm)


def settling_ns(setting: Setting) -> float:
    """Settling time of a selected column [ns]."""
    cell = setting.device.cell
    if setting.choices.column_model is ColumnModel.DEVICE:
        timing = setting.technology.timing
        return timing.column_base_ns + timing.column_ns_per_ohm * cell.settling_ohm
    mean_ohm = cell.on_ohm * (1 + cell.on_off_ratio) / 2
    column = setting.technology.column
    return mean_ohm * (column.settle_ns_per_ohm + column.settle_access_ns / cell.on_ohm)


def clock_sense_ns(p: Periphery, setting: Setting) -> FloatArray:
    """Flash sensing time that sets the clock [ns]: that of the slowest column."""
    if setting.choices.column_model is ColumnModel.DEVICE:
        return flash_sense_ns(p.precision, setting.column_ohm, setting.technology.flash)
    return _by_resistance(p, setting, setting.technology.column.sense_ns)


def mean_sense_ns(p: Periphery, setting: Setting) -> FloatArray:
    """Flash sensing time that determines the energy [ns]: that of the mean column."""
    if setting.choices.column_model is ColumnModel.DEVICE:
        flash = setting.technology.flash
        return flash_sense_ns(p.precision, setting.column_ohm / flash.slowest_column_ratio, flash)
    return _by_resistance(p, setting, setting.technology.column.mean_sense_ns)


def _by_resistance(p: Periphery, setting: Setting, table_ns: tuple[float, ...]) -> FloatArray:
    """Flash sensing time by the resistance of a column of the layer's fullest crossbar [ns]."""
    siemens = DESIGN_ACTIVITY * p.column_rows * cell_ratio(setting) / setting.device.cell.on_ohm
    sense: FloatArray = np.interp(-np.log(siemens), np.log(setting.technology.column.sense_ohm), table_ns)
    return sense


def column_rows(shapes: LayerShapes, setting: Setting) -> dict[str, IntArray]:
    """Returns the rows that each layer's fullest crossbar reads at once, or an empty dict if circuits ignore it."""
    if setting.choices.column_model is ColumnModel.DEVICE:
        return {}
    return {"column_rows": np.minimum(fullest_rows(shapes, setting.crossbar), setting.crossbar.rows_at_once)}
