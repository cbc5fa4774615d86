"""The genes: the choices of a search for each layer, one record per gene.

All code that needs more than a gene's value asks its record: settings, search space, phases, cost table, tables and
pictures. To add a gene, add a member of `GeneKind` with its record, a field of `LayerDesign` and of `GeneChoices`
(settings), and its effect: in a cost formula, in the emulation, or both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from hw_models import AdcType, WeightCoding
from hw_models.periphery import ADC_PRECISION_RANGE, COPIES_RANGE, CROSSBAR_CHOICES, INPUT_PRECISION_RANGE

Choice: TypeAlias = int | AdcType | WeightCoding


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneRecord:
    """Properties of a gene.

    Attributes:
        label: Name in pictures and tables.
        short: Abbreviation in narrow tables, as in the paper.
        paper_choices: Choices of the paper's space, in ascending order; empty for a gene that the paper does not have,
            which is searched only if a space offers choices.
        wide_choices: Choices of the preset `wide` for a gene that the paper does not have; empty if `wide` lacks it.
        baseline: Value in the homogeneous baseline; None if it depends on the backbone, or for the
            smallest choice.
        default: Value in a layer whose design does not name it; None for a gene that every design names, or that the
            settings of the crossbar decide for designs that do not name it.
        bounds: Smallest and largest value that the chip supports; None if the crossbar or the backbone decides.
        first_phase: Whether the paper's first phase searches it; otherwise the second does.
        changes_accuracy: Whether it changes the network's computation on ideal devices, or only its cost.
        changes_robustness: Whether it changes the computation on devices with wires and with ADCs of their own offset.
        cost_attribute: Attribute in the hardware model's cost table. Those of `CROSSBAR_CHOICES` replace the field of
            that name of the chip's `CrossbarSpec`, in costs and in the emulation.
        of_axis: For a category, the choice whose share of the layers an axis shows; None for others.
        is_logarithmic: Whether its values double instead of counting up, so that averages and axes are logarithmic.
        is_chip_wide: Whether all layers of a chip have the same value.
        may_be_tied: Whether a space gives all layers the same value unless told otherwise (`space.per_layer`).
        axis: Label of an axis that shows the average over layers, or the share of `of_axis`.
    """

    label: str
    short: str
    paper_choices: tuple[Choice, ...] = ()
    wide_choices: tuple[Choice, ...] = ()
    baseline: Choice | None = None
    default: Choice | None = None
    bounds: tuple[int, int] | None = None
    first_phase: bool = False
    changes_accuracy: bool = True
    changes_robustness: bool = False
    cost_attribute: str
    of_axis: Choice | None = None
    is_logarithmic: bool = False
    is_chip_wide: bool = False
    may_be_tied: bool = False
    axis: str

    @property
    def is_ordinal(self) -> bool:
        """Whether neighbouring choices are similar; false for a category."""
        return self.of_axis is None

    @property
    def is_of_crossbar(self) -> bool:
        """Whether it replaces a setting of the chip's crossbars."""
        return self.cost_attribute in CROSSBAR_CHOICES


class GeneKind(StrEnum):
    """The kinds of genes; the value is the field of `LayerDesign`. Genomes follow this order: append only."""

    CHANNEL_DEPTH = "channel_depth"
    COLUMN_SHARING = "column_sharing"
    ADC_TYPE = "adc_type"
    ADC_PRECISION = "adc_precision"
    INPUT_PRECISION = "input_precision"
    COPIES = "copies"
    WEIGHT_PRECISION = "weight_precision"
    CODING = "coding"
    CELL_BITS = "cell_bits"
    ROWS = "rows"
    COLUMNS = "columns"
    ROWS_READ = "rows_read"

    @property
    def record(self) -> GeneRecord:
        """The record of this kind of gene."""
        return GENES[self]


GENES: Mapping[GeneKind, GeneRecord] = {
    GeneKind.CHANNEL_DEPTH: GeneRecord(
        label="channel depth",
        short="CD",
        paper_choices=(64, 128, 256, 512),
        first_phase=True,
        cost_attribute="out_channels",
        is_logarithmic=True,
        axis="channel\ndepth (log)",
    ),
    GeneKind.COLUMN_SHARING: GeneRecord(
        label="column sharing",
        short="CS",
        paper_choices=(2, 4, 8, 16, 32),
        baseline=8,
        first_phase=True,
        changes_accuracy=False,
        changes_robustness=True,
        cost_attribute="column_sharing",
        is_logarithmic=True,
        axis="column\nsharing (log)",
    ),
    GeneKind.ADC_TYPE: GeneRecord(
        label="ADC type",
        short="AT",
        paper_choices=(AdcType.SAR, AdcType.FLASH),
        baseline=AdcType.SAR,
        first_phase=True,
        changes_accuracy=False,
        cost_attribute="adc_type",
        of_axis=AdcType.FLASH,
        axis="share of\nFlash ADCs",
    ),
    GeneKind.ADC_PRECISION: GeneRecord(
        label="ADC bits",
        short="AP",
        paper_choices=(3, 4, 5, 6, 7, 8),
        baseline=6,
        bounds=ADC_PRECISION_RANGE,
        cost_attribute="adc_precision",
        axis="ADC\nbits",
    ),
    GeneKind.INPUT_PRECISION: GeneRecord(
        label="input bits",
        short="IP",
        paper_choices=(1, 2, 3, 4, 5, 6, 7, 8),
        baseline=8,
        bounds=INPUT_PRECISION_RANGE,
        cost_attribute="input_precision",
        axis="input\nbits",
    ),
    GeneKind.COPIES: GeneRecord(
        label="copies",
        short="CO",
        default=1,
        bounds=COPIES_RANGE,
        first_phase=True,
        changes_accuracy=False,
        cost_attribute="copies",
        is_logarithmic=True,
        axis="copies\n(log)",
    ),
    GeneKind.WEIGHT_PRECISION: GeneRecord(
        label="weight bits",
        short="WP",
        wide_choices=(4, 5, 6, 8),
        baseline=8,
        bounds=(2, 8),
        cost_attribute="weight_bits",
        axis="weight\nbits",
    ),
    GeneKind.CODING: GeneRecord(
        label="weight coding",
        short="WC",
        wide_choices=(WeightCoding.OFFSET_ANALOG, WeightCoding.DIFFERENTIAL),
        baseline=WeightCoding.OFFSET_ANALOG,
        cost_attribute="coding",
        of_axis=WeightCoding.DIFFERENTIAL,
        may_be_tied=True,
        axis="share of\ndifferential",
    ),
    GeneKind.CELL_BITS: GeneRecord(
        label="cell bits",
        short="CB",
        baseline=4,
        bounds=CROSSBAR_CHOICES["cell_bits"],
        cost_attribute="cell_bits",
        may_be_tied=True,
        axis="cell\nbits",
    ),
    GeneKind.ROWS: GeneRecord(
        label="crossbar rows",
        short="XR",
        wide_choices=(64, 128),
        baseline=64,
        bounds=CROSSBAR_CHOICES["rows"],
        cost_attribute="rows",
        is_logarithmic=True,
        is_chip_wide=True,
        axis="crossbar\nrows (log)",
    ),
    GeneKind.COLUMNS: GeneRecord(
        label="crossbar columns",
        short="XC",
        wide_choices=(64, 128),
        baseline=64,
        bounds=CROSSBAR_CHOICES["columns"],
        changes_accuracy=False,
        cost_attribute="columns",
        is_logarithmic=True,
        is_chip_wide=True,
        axis="crossbar\ncolumns (log)",
    ),
    GeneKind.ROWS_READ: GeneRecord(
        label="rows read at once",
        short="RR",
        wide_choices=(32, 64, 128),
        baseline=64,
        bounds=CROSSBAR_CHOICES["rows_read"],
        cost_attribute="rows_read",
        is_logarithmic=True,
        is_chip_wide=True,
        axis="rows read\nat once (log)",
    ),
}

PERIPHERALS = tuple(kind for kind in GeneKind if kind is not GeneKind.CHANNEL_DEPTH)
"""Genes of the circuits around a crossbar; only the channel depth belongs to the network."""

CHIP_WIDE = tuple(kind for kind in GeneKind if kind.record.is_chip_wide)
"""Genes with one value for all layers of a chip."""


def choice_name(value: Choice | None) -> str:
    """A choice in words: `8`, `SAR`, `Flash`, nothing where a layer has no such gene."""
    return "" if value is None else _TYPE_NAMES[value] if isinstance(value, AdcType) else str(value)


def choice_text(value: Choice | None) -> str:
    """A choice in a narrow cell: `8`, `S` for SAR, `F` for Flash, `D` for differential, nothing without such a gene."""
    return _LETTERS[value] if isinstance(value, StrEnum) else choice_name(value)


def choice_number(value: Choice) -> int:
    """Returns the number that represents a choice in arrays."""
    return value if isinstance(value, int) else value.code


_TYPE_NAMES = {AdcType.SAR: "SAR", AdcType.FLASH: "Flash"}
_LETTERS: Mapping[Choice, str] = {
    AdcType.SAR: "S",
    AdcType.FLASH: "F",
    WeightCoding.OFFSET_ANALOG: "A",
    WeightCoding.OFFSET_DIGITAL: "O",
    WeightCoding.DIFFERENTIAL: "D",
}
