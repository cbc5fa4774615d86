"""The choices of a search space for one layer, as input to a cost table."""

from __future__ import annotations

from dataclasses import dataclass

from hw_models.adc import AdcType
from hw_models.arrays import IntArray
from hw_models.crossbar import WeightCoding
from hw_models.errors import HardwareModelError
from hw_models.periphery import CROSSBAR_CHOICES

SELECTED = (
    "in_channels",
    "out_channels",
    "column_sharing",
    "adc_type",
    "adc_precision",
    "input_precision",
    "copies",
    *CROSSBAR_CHOICES,
)
"""Attributes of a layer that a genome may select."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitalWork:
    """Work of the digital unit for one image: a part for each output channel of the layer, and a fixed one.

    Attributes:
        additions, multiplications, moved: Fixed parts; see `LayerShapes`.
        channel_additions, channel_multiplications, channel_moved: Parts for each output channel.
    """

    additions: int = 0
    multiplications: int = 0
    moved: int = 0
    channel_additions: int = 0
    channel_multiplications: int = 0
    channel_moved: int = 0

    def shapes(self, out_channels: IntArray) -> dict[str, IntArray]:
        """Returns the fields of `LayerShapes` for numbers of output channels."""
        return {
            "additions": self.additions + self.channel_additions * out_channels,
            "multiplications": self.multiplications + self.channel_multiplications * out_channels,
            "moved": self.moved + self.channel_moved * out_channels,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChoices:
    """The choices of a search space for one layer.

    For each attribute there is a tuple of choices and the genome column whose integer is the position in it. The column
    is None for a fixed attribute, whose tuple has a single entry.

    Attributes:
        name: Name of the layer, for messages.
        output_size: Height of the output map, and its width unless `output_width` is given.
        kernel_size: Side of the kernel.
        in_channels, out_channels, column_sharing, adc_type, adc_precision, input_precision, copies: Choices.
        weight_bits, coding, cell_bits, rows, columns, rows_read: Choices; empty for the crossbar's.
        in_channels_column ... rows_read_column: Genome columns.
        output_width, stride, groups: See `LayerShapes`.
        depthwise: Whether the layer has one group per channel, whatever the number of channels.
        more_in_channels: Choices of channels that a second column adds to the input, where outputs of layers are
            joined.
        more_in_channels_column: That column.
        kernel_width, stride_width, dilation, dilation_width, passes: See `LayerShapes`.
        digital: Work of the digital unit.
    """

    name: str
    output_size: int
    kernel_size: int
    in_channels: tuple[int, ...]
    out_channels: tuple[int, ...]
    column_sharing: tuple[int, ...]
    adc_type: tuple[AdcType, ...]
    adc_precision: tuple[int, ...]
    input_precision: tuple[int, ...]
    copies: tuple[int, ...] = (1,)
    weight_bits: tuple[int, ...] = ()
    coding: tuple[WeightCoding, ...] = ()
    cell_bits: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    rows_read: tuple[int, ...] = ()
    in_channels_column: int | None = None
    out_channels_column: int | None = None
    column_sharing_column: int | None = None
    adc_type_column: int | None = None
    adc_precision_column: int | None = None
    input_precision_column: int | None = None
    copies_column: int | None = None
    weight_bits_column: int | None = None
    coding_column: int | None = None
    cell_bits_column: int | None = None
    rows_column: int | None = None
    columns_column: int | None = None
    rows_read_column: int | None = None
    output_width: int | None = None
    stride: int = 1
    groups: int = 1
    depthwise: bool = False
    more_in_channels: tuple[int, ...] = (0,)
    more_in_channels_column: int | None = None
    kernel_width: int | None = None
    stride_width: int | None = None
    dilation: int = 1
    dilation_width: int | None = None
    passes: int = 1
    digital: DigitalWork = DigitalWork()

    @property
    def selected(self) -> tuple[str, ...]:
        """Attributes that have choices: all but those left to the crossbar."""
        return tuple(name for name in SELECTED if name not in CROSSBAR_CHOICES or getattr(self, name))

    def genome_columns(self) -> dict[int, int]:
        """Returns the number of choices by genome column.

        Raises:
            HardwareModelError: If an attribute has no choices, has several choices but no column, or one column selects
                among tuples of different length.
        """
        found: dict[int, int] = {}
        for attribute in (*self.selected, "more_in_channels"):
            choices, column = getattr(self, attribute), getattr(self, f"{attribute}_column")
            if not choices:
                raise HardwareModelError(f"layer {self.name!r}: {attribute} has no choices; give at least one.")
            if column is None:
                if len(choices) > 1:
                    raise HardwareModelError(
                        f"layer {self.name!r}: {attribute} has {len(choices)} choices but no genome column; "
                        f"give {attribute}_column or a single choice."
                    )
            elif column < 0 or found.setdefault(column, len(choices)) != len(choices):
                raise HardwareModelError(
                    f"layer {self.name!r}: genome column {column} of {attribute} is negative or selects among tuples "
                    "of different length; use the same length for each column."
                )
        return found
