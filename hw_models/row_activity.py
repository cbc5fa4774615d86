"""What crossbars are charged for lines and row switches: a part for every crossbar, and a part by its active rows."""

from __future__ import annotations

from hw_models.arrays import FloatArray, IntArray
from hw_models.mapping import Mapping
from hw_models.setting import Setting
from hw_models.simulator_choices import RowActivity


def row_charges(
    m: Mapping, setting: Setting, always_pj: FloatArray | float, active_pj: FloatArray | float
) -> list[tuple[str, IntArray | FloatArray, FloatArray | float]]:
    """Parts of a charge: what is charged in words, how often, and its energy [pJ].

    Args:
        m: of the layers.
        setting: of all layers.
        always_pj: what a crossbar is charged whatever its inputs are.
        active_pj: what a crossbar is charged with all its rows in use, for those of them that are active.
    """
    if setting.choices.row_activity is RowActivity.USED_ROWS:
        return [("", m.crossbar_reads, always_pj + active_pj)]
    return [
        (", whatever its inputs", m.crossbar_reads, always_pj),
        (", its active rows", m.used_crossbar_reads, active_pj),
    ]
