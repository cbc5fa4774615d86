"""Network files of XPertSim and of DNN+NeuroSim V1.3: the layers of a network as rows of whole numbers.

Both programs count the output positions of a row as ((side - kernel + 1) / stride) squared, without padding. The side
that gives F x F positions is therefore F x stride + kernel - 1: the padded input if F x stride is the input's side.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hw_models import AdcType
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design
from xpert_evo.errors import DesignError
from xpert_evo.image_sources import size_text

FILLER_CHANNELS = (64, 512)
"""Input and output channels of the row that XPertSim's authors add after each layer, to obtain tiles of their size."""

FILLER_KERNEL = 3
"""Kernel side of that row."""


class NetworkForm(StrEnum):
    """Program that reads a network file; the value is the name of the export format."""

    XPERTSIM = "neurosim"
    """Pairs of rows with twelve columns: a layer with its peripherals, then a filler row."""
    NEUROSIM_V1_3 = "neurosim-v1.3"
    """One row with eight columns per layer; the peripherals are parameters of the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPeripherals:
    """Circuits around the crossbars of one layer.

    Attributes:
        column_sharing: Columns that take turns at one ADC.
        adc_type: Type of the ADC.
        adc_precision: Bits of the ADC.
        input_precision: Bits of the layer's input.
    """

    column_sharing: int
    adc_type: AdcType
    adc_precision: int
    input_precision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer of a network file.

    Attributes:
        input_side: Side of the square input [pixels], padding included where the file counts it.
        in_channels: Input channels.
        kernel_size: Side of the square kernel; 1 for linear layers.
        out_channels: Output channels.
        pool: Whether a 2 x 2 maximum pooling follows.
        stride: Stride of the convolution.
        peripherals: Peripherals of the layer; None in the form without peripherals.
    """

    input_side: int
    in_channels: int
    kernel_size: int
    out_channels: int
    pool: bool
    stride: int
    peripherals: LayerPeripherals | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The eight columns shared by both forms."""
        side, kernel = self.input_side, self.kernel_size
        return (side, side, self.in_channels, kernel, kernel, self.out_channels, int(self.pool), self.stride)


def network_rows(backbone: Backbone, design: Design) -> list[LayerRow]:
    """Returns the layers of a design as rows, in execution order; raises DesignError for another backbone."""
    design.check(backbone)
    if backbone.chain is None:
        raise DesignError(
            f"network files describe chains of square convolutions, and {backbone.name} is a graph of other "
            "operations; use another format, such as torch or onnx."
        )
    if backbone.image_size[0] != backbone.image_size[1]:
        raise DesignError(
            f"network files describe square maps, and images are {size_text(backbone.image_size)} pixels; use another "
            "format, such as torch or onnx."
        )
    depths = [layer.channel_depth or backbone.n_classes for layer in design.layers]
    sizes = [height for height, _ in backbone.output_sizes()]
    layers = zip(backbone.chain_layers, backbone.sources, sizes, design.layers, depths, strict=True)
    return [
        LayerRow(
            input_side=padded_side(size, spec.kernel_size, spec.stride),
            in_channels=backbone.image_channels if source is None else depths[source],
            kernel_size=spec.kernel_size,
            out_channels=depth,
            pool=spec.pool and size > 1,
            stride=spec.stride,
            peripherals=LayerPeripherals(
                column_sharing=genes.column_sharing,
                adc_type=genes.adc_type,
                adc_precision=genes.adc_precision,
                input_precision=genes.input_precision,
            ),
        )
        for spec, source, size, genes, depth in layers
    ]


def padded_side(output_side: int, kernel_size: int, stride: int) -> int:
    """Returns the side [pixels] for which the programs count `output_side` x `output_side` output positions."""
    return output_side * stride + kernel_size - 1


def network_text(rows: Sequence[LayerRow], form: NetworkForm) -> str:
    """Returns the content of a network file.

    Args:
        rows: Rows with padded sides, and with peripherals for `XPERTSIM`.
        form: Program that will read the file.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        if form is NetworkForm.NEUROSIM_V1_3:
            writer.writerow(row.shape)
            continue
        own = row.peripherals
        assert own is not None, "XPertSim's form contains the peripherals of every layer"
        columns = (own.column_sharing, _CODE_OF[own.adc_type], own.input_precision, 2**own.adc_precision)
        writer.writerow((*row.shape, *columns))
        writer.writerow((*_filler(row).shape, *columns))
    return text.getvalue()


def _filler(row: LayerRow) -> LayerRow:
    """Returns the row after a layer's, with the layer's output map."""
    output_side = (row.input_side - row.kernel_size + 1) // row.stride
    return LayerRow(
        input_side=padded_side(output_side, FILLER_KERNEL, 1),
        in_channels=FILLER_CHANNELS[0],
        kernel_size=FILLER_KERNEL,
        out_channels=FILLER_CHANNELS[1],
        pool=False,
        stride=1,
    )


_CODE_OF = {AdcType.SAR: 0, AdcType.FLASH: 1}
_TYPE_OF = {0: AdcType.SAR, 1: AdcType.FLASH, 2: AdcType.SAR}
"""XPertSim's README says 0 for SAR and 1 for Flash; its program takes 1 for Flash and anything else for SAR, and the
example published by its authors uses 2 for SAR."""

_COLUMNS = (
    ("height of the input", 1, 65_536),
    ("width of the input", 1, 65_536),
    ("input channels", 1, 65_536),
    ("height of the kernel", 1, 31),
    ("width of the kernel", 1, 31),
    ("output channels", 1, 65_536),
    ("pooling", 0, 1),
    ("stride", 1, 16),
    ("columns that share one ADC", 1, 1024),
    ("ADC type: 1 is Flash, 0 is SAR", 0, 2),
    ("input bits", 1, 16),
    ("ADC levels", 2, 65_536),
)
"""Content of each column, with its smallest and largest value."""

_N_SHAPE = 8


def read_network(path: Path) -> list[LayerRow]:
    """Reads the layers of a network file of either form, without filler rows; raises DesignError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as failure:
        raise DesignError(f"{path}: cannot be read ({failure.strerror}); give an existing network file.") from None
    except ValueError:
        raise DesignError(
            f"{path}: is not a text file in UTF-8; give a network file such as NetWork_VGG8.csv."
        ) from None
    return parse_network(text, where=str(path))


def parse_network(text: str, *, where: str) -> list[LayerRow]:
    """Reads the layers from a network file's content; raises DesignError with a sentence that starts with `where`.

    Args:
        text: Rows with eight columns, or pairs of rows with twelve; spaces and empty lines are ignored.
        where: Name of the text, for the message.
    """
    lines = [(f"{where}, line {n}", line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise DesignError(f"{where}: is empty; give a network file with one row per layer.")
    n_columns = len(lines[0][1].split(","))
    if n_columns not in {_N_SHAPE, len(_COLUMNS)}:
        raise DesignError(
            f"{lines[0][0]}: a row must have 8 columns (DNN+NeuroSim V1.3) or 12 (XPertSim), got {n_columns}."
        )
    numbers = [(place, _numbers(line, n_columns, place)) for place, line in lines]
    if n_columns == _N_SHAPE:
        return [_layer(row, place) for place, row in numbers]
    if len(numbers) % 2:
        raise DesignError(f"{numbers[-1][0]}: XPertSim reads rows in pairs; add the filler row of this layer.")
    for place, row in numbers[1::2]:
        _check_filler(row, place)
    return [_layer(row, place) for place, row in numbers[::2]]


def _numbers(line: str, n_columns: int, place: str) -> tuple[int, ...]:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != n_columns:
        raise DesignError(f"{place}: this row must have {n_columns} columns like the first one, got {len(cells)}.")
    row: list[int] = []
    for i, (cell, (name, low, high)) in enumerate(zip(cells, _COLUMNS, strict=False), 1):
        number = int(cell) if cell.isascii() and cell.isdecimal() else None
        if number is None or not low <= number <= high:
            why = " (the program divides by it; padding has no column of its own)" if name == "stride" else ""
            raise DesignError(f"{place}: column {i} ({name}) must be from {low} to {high}{why}, got '{cell[:20]}'.")
        row.append(number)
    return tuple(row)


def _check_filler(row: tuple[int, ...], place: str) -> None:
    """Raises DesignError unless the second row of a pair is a filler."""
    wanted = (FILLER_CHANNELS[0], FILLER_KERNEL, FILLER_KERNEL, FILLER_CHANNELS[1], 0, 1)
    if row[2:_N_SHAPE] != wanted:
        raise DesignError(
            f"{place}: XPertSim reads rows in pairs, so columns 3 to 8 of this filler row must be "
            f"{','.join(map(str, wanted))}, got {','.join(map(str, row[2:_N_SHAPE]))}."
        )


def _layer(row: tuple[int, ...], place: str) -> LayerRow:
    """Converts a row to a layer; raises DesignError for layers that a backbone does not support."""
    height, width, in_channels, kernel_height, kernel_width, out_channels, pool, stride = row[:_N_SHAPE]
    for what, one, other in (("input", height, width), ("kernel", kernel_height, kernel_width)):
        if one != other:
            raise DesignError(
                f"{place}: a rectangular {what} cannot be imported, got {one} x {other}; it must be square."
            )
    if kernel_height % 2 == 0:
        raise DesignError(f"{place}: only kernels with an odd side can be imported, got {kernel_height}.")
    return LayerRow(
        input_side=height,
        in_channels=in_channels,
        kernel_size=kernel_height,
        out_channels=out_channels,
        pool=bool(pool),
        stride=stride,
        peripherals=_peripherals(row[_N_SHAPE:], place) if len(row) > _N_SHAPE else None,
    )


def _peripherals(columns: tuple[int, ...], place: str) -> LayerPeripherals:
    sharing, adc_code, input_precision, levels = columns
    bits = levels.bit_length() - 1
    if levels != 1 << bits:
        raise DesignError(
            f"{place}: column 12 must be the number of ADC levels, a power of two such as 64 for 6 bits, got {levels}; "
            "the program does not expect bits there."
        )
    return LayerPeripherals(
        column_sharing=sharing,
        adc_type=_TYPE_OF[adc_code],
        adc_precision=bits,
        input_precision=input_precision,
    )
