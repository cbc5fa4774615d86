"""The crossbar and the grouping of crossbars: the parameters that are fixed for a whole chip."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from hw_models.arrays import check_count
from hw_models.errors import HardwareModelError, suggestion


class WeightCoding(StrEnum):
    """How signed weights are mapped to non-negative conductances."""

    OFFSET_ANALOG = "offset-analog"
    """Weight + offset in the cells; a reference current is subtracted before the ADC. This is the reference data's
    array, which has no column for the reference: `reference_columns = 0`."""
    OFFSET_DIGITAL = "offset-digital"
    """Weight + offset in the cells; the offset is subtracted after the ADC, using a converted reference column or a
    count of the active rows."""
    DIFFERENTIAL = "differential"
    """Positive and negative part in two columns whose currents are subtracted before the ADC: twice as many columns,
    one conversion per pair."""

    @property
    def code(self) -> int:
        """The number that represents the coding in arrays."""
        return list(WeightCoding).index(self)


class AdcReferences(StrEnum):
    """What the references of the ADCs are set to when they are calibrated; the circuits are the same."""

    PERCENTILE = "percentile"
    """The range between two percentiles of the sums, whatever their significance."""
    SNR = "snr"
    """The range with the smallest error of the product: sums of significant input bits count more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossbarSpec:
    """Crossbars, processing elements (PEs) and tiles; the defaults describe the reference data's array.

    Attributes:
        rows: Rows of a crossbar.
        columns: Columns of a crossbar that store weights.
        cell_bits: Bits stored in one cell.
        weight_bits: Bits of a weight; a differential one has a sign and `weight_bits - 1` bits of magnitude.
        pe_side: Crossbars along the side of a PE.
        tile_side: Crossbars along the side of a tile, a multiple of `pe_side`.
        coding: How signed weights are stored.
        reference_columns: Additional columns of every crossbar that store the value to subtract. They are built and
            driven like the others. Their sums are digitised if the subtraction is digital and need no ADC if it is
            analog. The current mirrors that distribute an analog reference to every ADC are not modelled.
        rows_read: Rows read at once; all of them by default. With fewer rows, proportionally more conversions are
            needed, whose results are added, and each conversion has a smaller sum to resolve.
        adc_references: How the references of the ADCs are calibrated; it affects accuracy, not costs.
    """

    rows: int = 64
    columns: int = 64
    cell_bits: int = 4
    weight_bits: int = 8
    pe_side: int = 4
    tile_side: int = 8
    coding: WeightCoding = WeightCoding.OFFSET_ANALOG
    reference_columns: int = 0
    rows_read: int | None = None
    adc_references: AdcReferences = AdcReferences.PERCENTILE

    def __str__(self) -> str:
        """Formatted like the constructor call; newer fields appear only if set, so older descriptions stay valid."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.rows_read is None:
            del values["rows_read"]
        if self.adc_references is AdcReferences.PERCENTILE:
            del values["adc_references"]
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    def __post_init__(self) -> None:
        """Checks every field once.

        Raises:
            HardwareModelError: If a value is out of range or fields contradict each other.
        """
        for name, low, high in (
            ("rows", 4, 4096),
            ("columns", 4, 4096),
            ("cell_bits", 1, 8),
            ("weight_bits", 1, 16),
            ("pe_side", 1, 64),
            ("tile_side", 1, 64),
            ("reference_columns", 0, 4095),
        ):
            check_count(f"crossbar.{name}", getattr(self, name), low=low, high=high)
        if self.coding not in set(WeightCoding):
            raise HardwareModelError(
                f"crossbar.coding {self.coding!r} is unknown; {suggestion(str(self.coding), WeightCoding)}"
            )
        object.__setattr__(self, "coding", WeightCoding(self.coding))
        if self.adc_references not in set(AdcReferences):
            raise HardwareModelError(
                f"crossbar.adc_references {self.adc_references!r} is unknown; "
                f"{suggestion(str(self.adc_references), AdcReferences)}"
            )
        object.__setattr__(self, "adc_references", AdcReferences(self.adc_references))
        if self.tile_side % self.pe_side:
            raise HardwareModelError(
                f"crossbar.tile_side must be a multiple of pe_side = {self.pe_side}, got {self.tile_side}."
            )
        if self.coding is WeightCoding.DIFFERENTIAL and self.weight_bits < 2:
            raise HardwareModelError(
                "crossbar.weight_bits must be at least 2 for differential weights, which have a sign and a magnitude, "
                f"got {self.weight_bits}."
            )
        if self.rows_read is not None:
            check_count("crossbar.rows_read", self.rows_read, low=1, high=self.rows)
        if self.columns < self.columns_per_weight:
            raise HardwareModelError(
                f"crossbar.columns: a weight needs {self.columns_per_weight} columns, but the crossbar has only "
                f"{self.columns}; increase crossbar.columns."
            )

    @property
    def rows_at_once(self) -> int:
        """Rows read at once."""
        return self.rows if self.rows_read is None else self.rows_read

    @property
    def row_groups(self) -> int:
        """Groups of rows that are read in turn."""
        return -(-self.rows // self.rows_at_once)

    @property
    def cells_per_weight(self) -> int:
        """Cells that store the bits of one non-negative number: a weight with its offset, or a magnitude."""
        return -(-(self.weight_bits - (self.coding is WeightCoding.DIFFERENTIAL)) // self.cell_bits)

    @property
    def columns_per_weight(self) -> int:
        """Columns of one signed weight."""
        return self.cells_per_weight * (2 if self.coding is WeightCoding.DIFFERENTIAL else 1)

    @property
    def columns_per_conversion(self) -> int:
        """Columns read by one conversion: two for a differential pair, otherwise one."""
        return self.columns_per_weight // self.cells_per_weight

    @property
    def converted_columns(self) -> int:
        """Columns, or pairs of columns, of a crossbar that are converted, excluding references."""
        return self.columns // self.columns_per_conversion

    @property
    def built_columns(self) -> int:
        """Columns of a crossbar in total: those for weights and those for references."""
        return self.columns + self.reference_columns

    @property
    def converted_references(self) -> int:
        """Reference columns whose sums are digitised; none for an analog subtraction."""
        return self.reference_columns if self.coding is WeightCoding.OFFSET_DIGITAL else 0

    @property
    def pes_per_side(self) -> int:
        """PEs along the side of a tile."""
        return self.tile_side // self.pe_side

    @property
    def n_crossbars(self) -> int:
        """Crossbars per tile."""
        return self.tile_side**2

    @property
    def n_pes(self) -> int:
        """PEs per tile."""
        return self.pes_per_side**2
