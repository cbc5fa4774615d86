"""What is the same for all layers of a run: crossbar, device, technology, activity, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from hw_models.adc_survey import AdcModel
from hw_models.area import Periphery
from hw_models.arrays import FloatArray
from hw_models.cost_model import CostModel
from hw_models.crossbar import CrossbarSpec
from hw_models.technology import Device, Technology

DESIGN_ACTIVITY = 0.25
"""Activity at which the reference's comparators are designed, whatever the inputs are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Arguments of `evaluate` that are no arrays.

    Attributes:
        crossbar, device, technology: as in `evaluate`.
        activity: part of the input bits that are 1.
        model: the assumptions that costs are computed under.
        adc_model: where the energy of a conversion comes from.
    """

    crossbar: CrossbarSpec
    device: Device
    technology: Technology
    activity: float
    model: CostModel
    adc_model: AdcModel = AdcModel.CIRCUIT

    @property
    def few_levels_ratio(self) -> float:
        """How much of a weight's conductance above the lowest level remains in cells of fewer than 4 bits."""
        energy = self.technology.energy
        return {1: energy.one_bit_level_ratio, 2: energy.two_bit_level_ratio}.get(self.crossbar.cell_bits, 1.0)

    @property
    def cell_ratio(self) -> float:
        """Mean conductance of a cell that holds weights, in parts of its on-conductance.

        The device has the ratio for cells of 4 bits. Fewer levels put more of an offset-coded weight's small values
        into the lowest level, so less lies above the off-conductance.
        """
        cell = self.device.cell
        off = 1 / cell.on_off_ratio
        return off + (cell.conductance_ratio - off) * self.few_levels_ratio

    @property
    def column_ohm(self) -> float:
        """Resistance of a full column at the activity for which the comparators are designed [ohm]."""
        return self.device.cell.on_ohm / (DESIGN_ACTIVITY * self.crossbar.rows * self.cell_ratio)

    def columns_at_once(self, p: Periphery) -> FloatArray:
        """Columns (or differential pairs) of a tile that are converted at the same time."""
        return self.crossbar.tile_side * self.crossbar.converted_columns / p.sharing

    def bus_bits(self, p: Periphery) -> FloatArray:
        """Width of the chip's bus: the rows of a tile, and a bit for each of its column groups."""
        return self.crossbar.tile_side * self.crossbar.rows + self.columns_at_once(p)
