"""Designs as network files of XPertSim and of DNN+NeuroSim V1.3, with the further parameters of these programs."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hw_models import AdcType, CrossbarSpec, WeightCoding
from xpert_evo.design import Design, LayerDesign
from xpert_evo.files import write_text
from xpert_evo.hardware import Hardware
from xpert_evo.network_file import FILLER_CHANNELS, FILLER_KERNEL, LayerRow, NetworkForm, network_rows, network_text
from xpert_evo.orchestration.task import Task
from xpert_evo.report.candidates import Candidate

_WIDTH = 118

_SHARED_COLUMNS = """\
  1, 2   side of the input [pixels], twice, such that the program counts the right number of output positions: it takes
         ((side - kernel + 1) / stride) squared, without padding, so F x F positions need F x stride + kernel - 1. For
         an input of 32 x 32 that is 34 with a 3 x 3 kernel, at stride 1 and at stride 2, and 32 with a 1 x 1 kernel
  3      input channels
  4, 5   side of the kernel, twice; 1 for the classifier
  6      output channels
  7      1 where a 2 x 2 maximum pooling follows, else 0
  8      stride; the program divides by it
"""

XPERTSIM_NOTE = """\
NetWork_ID.csv: a design as a network file for XPertSim (A. Moitra et al., DAC 2023), a fork of DNN+NeuroSim V1.3.
The program reads rows in pairs: a layer, then a filler row of {fill_in} to {fill_out} channels, with which it builds
tiles of 8 x 8 crossbars. Columns:

{columns}  9      columns that share one ADC
  10     ADC type: 1 is Flash, 0 is SAR
  11     bits of the input
  12     ADC LEVELS, not bits: a 6-bit ADC has 64

XPertSim's README calls column 8 the padding and column 12 the ADC precision; the above is what its program does with
them. Before you run it:

  - The loop over layers in main() of main.cpp ends at a fixed number: set it to {n_layers}, the layers of a design.
  - {weight_bits}
  - Set in Param.cpp what these designs were costed with:

{parameters}
Its "Computations" count columns 1 and 2 as output positions, and its TOPS/W are divided by 1.22: compare energy and
latency.
{tiles}

`xpert-evo import NetWork_ID.csv` reads such a file back; give images of other sizes than 32 x 32 with --input, such as
--input 3,64,64.
"""

NEUROSIM_NOTE = """\
NetWork_ID.csv: a design as a network file for DNN+NeuroSim V1.3, a row a layer. Columns:

{columns}
The files that come with the program have the side without padding in columns 1 and 2: it then counts 900 positions for
a map of 32 x 32. Everything else is a parameter of the program and stands in NetWork_ID.txt.

`xpert-evo import NetWork_ID.csv` reads such a file back as a backbone; give images of other sizes than 32 x 32
with --input, such as --input 3,64,64.
"""


def write_xpertsim(folder: Path, task: Task, designs: Sequence[Candidate]) -> None:
    """Writes a network file for each design, and `README.txt`."""
    crossbar = task.hardware.crossbar
    others: set[str] = set()
    for candidate in designs:
        rows = network_rows(task.backbone, candidate.design)
        write_text(folder / f"NetWork_{candidate.digest}.csv", network_text(rows, NetworkForm.XPERTSIM))
        own_side = crossbar.tile_side * task.hardware.of_design(candidate.design).crossbar.rows
        others |= {
            f"{layer.name} of {candidate.digest[:8]}"
            for layer, row in zip(candidate.design.layers, rows, strict=True)
            if simulated_tile_side(row, layer.crossbar(crossbar)) != own_side
        }
    bits = {layer.crossbar(crossbar).weight_bits for candidate in designs for layer in candidate.design.layers}
    chips = {"".join(f"      {line}\n" for line in chip_lines(task.hardware.of_design(c.design))): c for c in designs}
    note = XPERTSIM_NOTE.format(
        fill_in=FILLER_CHANNELS[0],
        fill_out=FILLER_CHANNELS[1],
        columns=_SHARED_COLUMNS,
        n_layers=len(task.backbone.layers),
        weight_bits=_weight_words(bits),
        parameters="".join(
            text if len(chips) == 1 else f"    as for {one.digest[:8]}:\n{text}" for text, one in chips.items()
        ),
        tiles=_tile_words(others, crossbar),
    )
    write_text(folder / "README.txt", note)


def write_neurosim(folder: Path, task: Task, designs: Sequence[Candidate]) -> list[str]:
    """Writes a network file and its parameters for each design; returns the ids of designs that vary them by layer."""
    mixed = []
    for candidate in designs:
        rows = network_rows(task.backbone, candidate.design)
        write_text(folder / f"NetWork_{candidate.digest}.csv", network_text(rows, NetworkForm.NEUROSIM_V1_3))
        write_text(folder / f"NetWork_{candidate.digest}.txt", parameter_text(candidate.design, task.hardware))
        if any(parameter.value_in(candidate.design) is None for parameter in _parameters(task.hardware)):
            mixed.append(candidate.digest)
    write_text(folder / "README.txt", NEUROSIM_NOTE.format(columns=_SHARED_COLUMNS))
    return mixed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameter:
    """A parameter of DNN+NeuroSim V1.3 that holds what a design chooses layer by layer.

    Attributes:
        name: In the program's Param.cpp, or of its argument.
        meaning: In words.
        of: The value for one layer, as the program writes it.
    """

    name: str
    meaning: str
    of: Callable[[LayerDesign], str]

    def value_in(self, design: Design) -> str | None:
        """The one value of all layers; None where they differ."""
        values = {self.of(layer) for layer in design.layers}
        return values.pop() if len(values) == 1 else None


_PARAMETERS = (
    _Parameter(
        name="numBitInput",
        meaning="bits of the input: the program's third argument",
        of=lambda layer: str(layer.input_precision),
    ),
    _Parameter(
        name="SARADC",
        meaning="true is SAR, false is Flash",
        of=lambda layer: "true" if layer.adc_type is AdcType.SAR else "false",
    ),
    _Parameter(
        name="levelOutput",
        meaning="ADC levels: 2 to the power of the ADC's bits",
        of=lambda layer: str(2**layer.adc_precision),
    ),
    _Parameter(
        name="numColMuxed",
        meaning="columns that share one ADC",
        of=lambda layer: str(layer.column_sharing),
    ),
)


def _parameters(hardware: Hardware) -> tuple[_Parameter, ...]:
    """The parameters of designs for a chip, whose crossbars decide the weight bits that a design does not."""
    weights = _Parameter(
        name="synapseBit",
        meaning="weight bits: the program's second argument",
        of=lambda layer: str(layer.crossbar(hardware.crossbar).weight_bits),
    )
    return (weights, *_PARAMETERS)


def _weight_words(bits: set[int]) -> str:
    """What to do about the weight bits of designs, for which the program has a constant."""
    if bits == {8}:
        return "The program's weights have 8 bits, as these designs' have."
    if len(bits) == 1:
        return f"ela_calc() in main.cpp sets synapseBit to 8: set it to {bits.pop()}, the weight bits of these designs."
    return (
        f"ela_calc() in main.cpp sets synapseBit to 8 for all layers; the weights of these designs have "
        f"{min(bits)} to {max(bits)} bits, so give it each layer's own."
    )


def parameter_text(design: Design, hardware: Hardware) -> str:
    """Returns the parameters of DNN+NeuroSim V1.3 in addition to the network file of a design."""
    lines = [
        f"Parameters of DNN+NeuroSim V1.3 for NetWork_{design.digest}.csv",
        "",
    ]
    differing = []
    for parameter in _parameters(hardware):
        value = parameter.value_in(design)
        if value is None:
            differing.append(parameter)
        else:
            lines.append(f"{parameter.name} = {value}    ({parameter.meaning})")
    lines += ["", "In Param.cpp, what the design was costed with:", "", *chip_lines(hardware.of_design(design))]
    if differing:
        names = ", ".join(parameter.name for parameter in differing)
        words = (
            f"This design chooses {names} layer by layer. The program has one value for all layers and cannot simulate "
            "that; XPertSim can (`xpert-evo export --format neurosim`). By layer:"
        )
        lines += ["", *textwrap.wrap(words, _WIDTH), ""]
        table = [["layer", *(parameter.name for parameter in differing)]]
        table += [[layer.name, *(parameter.of(layer) for parameter in differing)] for layer in design.layers]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines += ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join(lines) + "\n"


_MEMORY_CELLS = {"sram": 1, "fefet": 3}
"""The programs' `memcelltype` by device; resistive cells have 2."""


def chip_lines(hardware: Hardware) -> list[str]:
    """Parameters that both programs share, as they stand in Param.cpp, for the chip that costs are computed for."""
    crossbar, cell, technology = hardware.crossbar, hardware.device.cell, hardware.technology
    lines = [
        f"technode = {technology.node.feature_nm:.0f}",
        f"wireWidth = {1e3 * technology.layout.wire_pitch_um:.0f}",
        f"temp = {technology.node.temperature_k:.0f}",
        f"memcelltype = {_MEMORY_CELLS.get(hardware.device.name, 2)}",
        f"numRowSubArray = {crossbar.rows}",
        f"numColSubArray = {crossbar.columns}",
        f"cellBit = {crossbar.cell_bits}",
        f"resistanceOn = {cell.on_ohm:.10g}",
        f"resistanceOff = {cell.on_ohm * cell.on_off_ratio:.10g}",
        f"readVoltage = {cell.read_v:g}",
        f"writeVoltage = {cell.write_v:g}",
        "operationmode = 2    (all rows of a crossbar at once)",
        "novelMapping = false",
        "pipeline = false",
        "tileBufferCoreSizeRow = tileBufferCoreSizeCol = 1024",
    ]
    if crossbar.coding is not WeightCoding.OFFSET_ANALOG:
        lines.append(
            f"(weights are {crossbar.coding} here; the program has {crossbar.cells_per_weight} columns a weight and no "
            "reference: its chip is another one)"
        )
    return lines


def simulated_tile_side(row: LayerRow, crossbar: CrossbarSpec) -> int:
    """Side of the tiles that XPertSim builds for a layer and its filler row [cells].

    The program tries powers of two, from what holds the columns of the wider row down to more than four crossbars, and
    keeps the largest of those that leave the fewest cells empty.
    """
    cells = crossbar.cells_per_weight
    matrices = (
        (row.in_channels * row.kernel_size**2, row.out_channels * cells),
        (FILLER_CHANNELS[0] * FILLER_KERNEL**2, FILLER_CHANNELS[1] * cells),
    )
    least = 4 * crossbar.rows
    sides = [max(least, 1 << (max(columns for _, columns in matrices) - 1).bit_length())]
    while sides[-1] // 2 > least:
        sides.append(sides[-1] // 2)
    built = [sum(-(-rows // side) * -(-columns // side) * side**2 for rows, columns in matrices) for side in sides]
    return sides[built.index(min(built))]


def _tile_words(others: set[str], crossbar: CrossbarSpec) -> str:
    """Which layers the program builds with tiles of another size than the costs here are of."""
    own = f"{crossbar.tile_side} x {crossbar.tile_side} crossbars"
    if not others:
        return f"Tiles have {own} there as here."
    shown = ", ".join(sorted(others)[:8]) + (" and others" if len(others) > 8 else "")
    words = f"It chooses the size of tiles by itself: they have {own} there as here, but not for {shown}."
    return textwrap.fill(words, _WIDTH)
