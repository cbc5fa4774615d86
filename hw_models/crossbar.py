"""The crossbar and how crossbars are grouped: what is fixed for a whole chip."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from hw_models.arrays import check_count
from hw_models.errors import HardwareModelError, suggestion


class WeightCoding(StrEnum):
    """How a signed weight becomes non-negative conductances."""

    OFFSET_ANALOG = "offset-analog"
    """Weight + offset in the cells; a reference current is subtracted before the ADC. It is the reference data's
    array, which has no column for it: `reference_columns = 0`."""
    OFFSET_DIGITAL = "offset-digital"
    """Weight + offset in the cells; the offset is subtracted after the ADC: a converted reference column, or a count of
    the active rows."""
    DIFFERENTIAL = "differential"
    """Positive and negative part in two columns whose currents are subtracted before the ADC: twice the columns, one
    conversion a pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossbarSpec:
    """Crossbars, processing elements (PEs) and tiles; the defaults are the reference data's array.

    Attributes:
        rows: rows of a crossbar.
        columns: columns of a crossbar that hold weights.
        cell_bits: bits stored in one cell.
        weight_bits: bits of a weight.
        pe_side: crossbars along the side of a PE.
        tile_side: crossbars along the side of a tile, a multiple of `pe_side`.
        coding: how signed weights are stored.
        reference_columns: further columns of every crossbar, which hold what is subtracted. They are built and driven
            like the others; their sums are digitised where the subtraction is digital, and take no ADC where it is
            analog. The current mirrors that hand an analog reference to every ADC are not modelled.
        rows_read: rows that are read at once, all of them if not given. Fewer rows take as many more conversions, whose
            results are added, and leave each conversion a smaller sum to resolve. (The costs follow it; the emulation
            of crossbars does not yet.)
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

    def __str__(self) -> str:
        """As the constructor is written; `rows_read` only where it is set, so that older descriptions still hold."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.rows_read is None:
            del values["rows_read"]
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    def __post_init__(self) -> None:
        """Check every field once.

        Raises:
            HardwareModelError: for a value out of range or fields that contradict each other.
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
        if self.tile_side % self.pe_side:
            raise HardwareModelError(
                f"crossbar.tile_side must be a multiple of pe_side = {self.pe_side}, got {self.tile_side}."
            )
        if self.rows_read is not None:
            check_count("crossbar.rows_read", self.rows_read, low=1, high=self.rows)
        if self.columns < self.columns_per_weight:
            raise HardwareModelError(
                f"crossbar.columns: a weight takes {self.columns_per_weight} columns, but the crossbar has only "
                f"{self.columns}; give it more."
            )

    @property
    def rows_at_once(self) -> int:
        """Rows that are read at once."""
        return self.rows if self.rows_read is None else self.rows_read

    @property
    def row_groups(self) -> int:
        """Groups of rows that are read one after another."""
        return -(-self.rows // self.rows_at_once)

    @property
    def cells_per_weight(self) -> int:
        """Cells that hold the bits of one non-negative number."""
        return -(-self.weight_bits // self.cell_bits)

    @property
    def columns_per_weight(self) -> int:
        """Columns of one signed weight."""
        return self.cells_per_weight * (2 if self.coding is WeightCoding.DIFFERENTIAL else 1)

    @property
    def columns_per_conversion(self) -> int:
        """Columns whose currents one conversion reads: a differential pair, or one."""
        return self.columns_per_weight // self.cells_per_weight

    @property
    def converted_columns(self) -> int:
        """Columns, or pairs of columns, of a crossbar that are converted; references are not among them."""
        return self.columns // self.columns_per_conversion

    @property
    def built_columns(self) -> int:
        """Columns that a crossbar is built with: those of weights and those of references."""
        return self.columns + self.reference_columns

    @property
    def converted_references(self) -> int:
        """Reference columns whose sums are digitised; an analog subtraction needs none."""
        return self.reference_columns if self.coding is WeightCoding.OFFSET_DIGITAL else 0

    @property
    def pes_per_side(self) -> int:
        """PEs along the side of a tile."""
        return self.tile_side // self.pe_side

    @property
    def n_crossbars(self) -> int:
        """Crossbars of a tile."""
        return self.tile_side**2

    @property
    def n_pes(self) -> int:
        """PEs of a tile."""
        return self.pes_per_side**2
