"""Charges of crossbars for lines and row switches: a fixed part per crossbar, and a part for its active rows."""

from __future__ import annotations

from hw_models.arrays import FloatArray, IntArray
from hw_models.mapping import Mapping
from hw_models.setting import Setting
from hw_models.simulator_choices import RowActivity


def row_charges(
    m: Mapping, setting: Setting, always_pj: FloatArray | float, active_pj: FloatArray | float
) -> list[tuple[str, IntArray | FloatArray, FloatArray | float]]:
    """Returns the parts of a charge: a description, the number of times it is charged, and its energy [pJ].

    Args:
        m: Mapping of the layers.
        setting: Setting of all layers.
        always_pj: Charge of a crossbar regardless of its inputs.
        active_pj: Charge for the active rows of a crossbar with all its rows in use.
    """
    if setting.choices.row_activity is RowActivity.USED_ROWS:
        return [("", m.crossbar_reads, always_pj + active_pj)]
    return [
        (", regardless of inputs", m.crossbar_reads, always_pj),
        (", active rows", m.used_crossbar_reads, active_pj),
    ]
