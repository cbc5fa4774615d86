"""Settings shared by all layers of a run (crossbar, device, technology, activity) and quantities derived from them."""

from __future__ import annotations

from dataclasses import dataclass

from hw_models.adc_library import AdcFigures, AdcTable, scaled_figures, table_figures
from hw_models.adc_survey import AdcModel
from hw_models.area import Periphery, TileParts
from hw_models.arrays import FloatArray
from hw_models.cost_model import Choices, Converters, CostModel, DigitalClock, RowDrivers, Schedule
from hw_models.crossbar import CrossbarSpec
from hw_models.model_constants import Assumptions
from hw_models.node_scaling import NodeRatios, node_ratios
from hw_models.technology import Device, Technology

DESIGN_ACTIVITY = 0.25
"""Activity for which the reference's comparators are designed, whatever the inputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Arguments of `evaluate` that are not arrays.

    Attributes:
        crossbar, device, technology: See `evaluate`.
        activity: Fraction of the input bits that are 1.
        model: Cost model.
        schedule: Which parts work at the same time.
        adc: Converters that replace the model's.
        adc_model: Source of the conversion energy.
    """

    crossbar: CrossbarSpec
    device: Device
    technology: Technology
    activity: float
    model: CostModel
    schedule: Schedule
    adc: AdcTable | None = None
    adc_model: AdcModel = AdcModel.CIRCUIT

    @property
    def choices(self) -> Choices:
        """The formulas of the model."""
        return self.model.choices

    @property
    def assumed(self) -> Assumptions:
        """The constants of the model."""
        return self.model.assumed

    @property
    def ratios(self) -> NodeRatios:
        """Scaling factors from 32 nm, where the model's constants hold, to the technology's node and supply."""
        node = self.technology.node
        return node_ratios(node.feature_nm, self.assumed.scaling, node.vdd_v)

    @property
    def few_levels_ratio(self) -> float:
        """Fraction of a weight's conductance above the lowest level that remains in cells of fewer than 4 bits."""
        energy = self.technology.energy
        return {1: energy.one_bit_level_ratio, 2: energy.two_bit_level_ratio}.get(self.crossbar.cell_bits, 1.0)

    @property
    def cell_ratio(self) -> float:
        """Mean conductance of a cell that stores weights, as a fraction of its on-conductance.

        The device specifies the ratio for cells of 4 bits. With fewer levels, more of an offset-coded weight's small
        values fall into the lowest level, so less lies above the off-conductance.
        """
        cell = self.device.cell
        off = 1 / cell.on_off_ratio
        return off + (cell.conductance_ratio - off) * self.few_levels_ratio

    @property
    def column_ohm(self) -> float:
        """Resistance of the rows read at once at the activity for which the comparators are designed [ohm]."""
        return self.device.cell.on_ohm / (DESIGN_ACTIVITY * self.crossbar.rows_at_once * self.cell_ratio)

    @property
    def own_converters(self) -> bool:
        """Whether the converters differ from the technology's circuits."""
        return self.adc is not None or self.choices.converters is Converters.PUBLISHED

    def adc_figures(self, p: Periphery) -> AdcFigures:
        """Figures of converters from a table or the model, (1, distinct peripherals); see `own_converters`.

        Raises:
            HardwareModelError: If a table does not contain the converters.
        """
        if self.adc is not None:
            return table_figures(self.adc, p.precision, p.flash, self.ratios, self.assumed)
        return scaled_figures(p.precision, p.flash, self.assumed.converters, self.ratios)

    def tile_parts(self, p: Periphery) -> TileParts:
        """Circuits of a tile under the model: converters with their sample-and-hold, and row drivers."""
        adc_um2 = None
        if self.own_converters:
            held = self.assumed.reading.sample_hold_um2 * self.ratios.area * p.sharing
            adc_um2 = self.adc_figures(p).area_um2 + held
        return TileParts(adc_um2=adc_um2, row_driver_um2=self.row_driver_um2)

    @property
    def row_driver_um2(self) -> float:
        """Area of the circuit that raises one row to the write voltage [um2]; 0 for cells written at core voltage."""
        if self.device.cell.write_v <= self.technology.node.level_shifter_above_v:
            return 0.0
        if self.choices.row_drivers is RowDrivers.TECHNOLOGY:
            return self.technology.area.level_shifter_um2
        if self.device.write is not None:
            return self.device.write.row_driver_um2
        return self.assumed.write.row_driver_um2 * self.ratios.area

    @property
    def sample_ns(self) -> float:
        """Time in which a column is sampled [ns]."""
        return self.assumed.reading.sample_ns * self.ratios.delay

    @property
    def digital_ns(self) -> float | None:
        """Period of the digital clock [ns]; None if it equals the conversion period of the layer."""
        if self.choices.digital_clock is DigitalClock.LAYER:
            return None
        return self.assumed.digital.period_ns * self.ratios.delay

    def columns_at_once(self, p: Periphery) -> FloatArray:
        """Columns (or differential pairs) of a tile that are converted at the same time."""
        return self.crossbar.tile_side * self.crossbar.converted_columns / p.sharing

    def bus_bits(self, p: Periphery) -> FloatArray:
        """Width of the chip's bus: the rows of a tile, plus one bit for each of its column groups."""
        return self.crossbar.tile_side * self.crossbar.rows + self.columns_at_once(p)
