"""What of designs lies outside the reference data, in sentences for the report.

The reference data are the layers and networks of the simulator published with XPert (Moitra, Bhattacharjee, Kim, Panda,
DAC 2023, arXiv 2303.17646). Values between two of theirs, such as maps of 28 x 28, are taken as inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hw_models.adc_survey import AdcModel
from hw_models.arrays import IntArray
from hw_models.crossbar import CrossbarSpec, WeightCoding
from hw_models.setting import Setting
from hw_models.technology import REFERENCE_DEVICES

TECHNOLOGY = "cmos-32nm-lstp"
SIDES = (32, 64, 128)
CELL_BITS = (1, 2, 4)
WEIGHT_BITS = (8,)
PE_SIDES = (2, 4)
TILE_SIDES = (8,)
KERNELS = (1, 3)
ACTIVITIES = (0.1, 0.5)
"""The least and the largest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What the reference data hold of a quantity that designs have.

    Attributes:
        name: of the quantity, as a sentence begins with it.
        least, most: of the data.
        unit: behind a number, with its space.
    """

    name: str
    least: int
    most: int
    unit: str = ""

    def note(self, least: int, most: int) -> str | None:
        """The sentence for designs whose values lie between two numbers; None where the data cover them."""
        beyond = [value for value, out in ((least, least < self.least), (most, most > self.most)) if out]
        if not beyond:
            return None
        has = str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
        return _sentence(self.name, _listed(beyond) + self.unit, has)


SHAPES = {
    "output_size": Range(name="The height of the output map", least=1, most=32),
    "output_width": Range(name="The width of the output map", least=1, most=32),
    "in_channels": Range(name="The number of input channels", least=3, most=512),
    "out_channels": Range(name="The number of output channels", least=10, most=512),
    "stride": Range(name="The stride", least=1, most=1),
    "groups": Range(name="The number of groups", least=1, most=1),
}
PERIPHERALS = {
    "column_sharing": Range(name="The column sharing", least=2, most=128),
    "adc_precision": Range(name="The ADC precision", least=3, most=8, unit=" bits"),
    "input_precision": Range(name="The input precision", least=1, most=8, unit=" bits"),
    "copies": Range(name="The number of copies", least=1, most=1),
}


def notes(setting: Setting, shapes: Mapping[str, IntArray], choices: Mapping[str, IntArray]) -> tuple[str, ...]:
    """One sentence for each way in which designs lie outside the reference data.

    Args:
        setting: of all layers.
        shapes: fields of the distinct shapes, each (1, distinct shapes).
        choices: fields of the distinct peripherals, each (1, distinct peripherals).
    """
    return (*_of_setting(setting), *_of_crossbar(setting.crossbar), *_of_shapes(shapes), *_of_choices(setting, choices))


def _of_setting(setting: Setting) -> Iterator[str]:
    """Device, technology, activity, schedule and the source of the ADCs' energy."""
    if setting.device.extrapolated:
        yield _named("Device", setting.device.name, sorted(REFERENCE_DEVICES, reverse=True))
    if setting.technology.name != TECHNOLOGY:
        yield _named("Technology", setting.technology.name, (TECHNOLOGY,))
    least, most = ACTIVITIES
    if not least <= setting.activity <= most:
        yield _sentence("The activity", f"{setting.activity:g}", f"{least:g} to {most:g}")
    if setting.model.assumptions is None and setting.schedule is not setting.choices.schedule:
        yield _sentence("The schedule", f"{setting.schedule.value!r}", f"{setting.choices.schedule.value!r} only")
    if setting.adc_model is not AdcModel.CIRCUIT:
        yield _sentence("The ADCs' energy", f"{setting.adc_model.value!r}", "circuits only")


def _of_crossbar(crossbar: CrossbarSpec) -> Iterator[str]:
    """The coding of weights, the rows read at once, and the sizes of crossbars, PEs and tiles."""
    if crossbar.coding is not WeightCoding.OFFSET_ANALOG or crossbar.reference_columns:
        n = crossbar.reference_columns
        came = f"{crossbar.coding.value!r} with {n} reference column{'s' if n != 1 else ''}"
        has = f"{WeightCoding.OFFSET_ANALOG.value!r} with none, offsets are subtracted at no cost"
        yield _sentence("Weight coding", came, has)
    if crossbar.row_groups > 1:
        yield _sentence("Reading rows", f"{crossbar.rows_at_once} of {crossbar.rows} at once", "all at once")
    if crossbar.rows != crossbar.columns or crossbar.rows not in SIDES:
        yield _sentence("The crossbar", f"{crossbar.rows} x {crossbar.columns}", f"sides of {_listed(SIDES)}")
    for name, value, unit, known in (
        ("The precision of a cell", crossbar.cell_bits, " bits", CELL_BITS),
        ("The precision of a weight", crossbar.weight_bits, " bits", WEIGHT_BITS),
        ("The side of a PE in crossbars", crossbar.pe_side, "", PE_SIDES),
        ("The side of a tile in crossbars", crossbar.tile_side, "", TILE_SIDES),
    ):
        if value not in known:
            yield _sentence(name, f"{value}{unit}", _listed(known))


def _of_shapes(shapes: Mapping[str, IntArray]) -> Iterator[str]:
    """Maps, channels, kernels, stride and groups."""
    kernels = shapes["kernel_size"]
    others = kernels[(kernels != KERNELS[0]) & (kernels != KERNELS[1])]
    if others.size:
        yield _sentence("The kernel", _listed(np.unique(others).tolist()), _listed(KERNELS))
    height, width = shapes["output_size"], shapes["output_width"]
    uneven = height != width
    if uneven.any():
        came = f"{height[uneven][0]} x {width[uneven][0]}"
        yield _sentence("The form of the output map", came, "squares only")
    yield from _beyond(SHAPES, shapes)


def _of_choices(setting: Setting, choices: Mapping[str, IntArray]) -> Iterator[str]:
    """Column sharing, which in the reference data takes in all cells of a weight, and precisions."""
    cells, sharing = setting.crossbar.cells_per_weight, PERIPHERALS["column_sharing"]
    if cells <= sharing.least:
        return _beyond(PERIPHERALS, choices)
    wide = replace(sharing, name=f"{sharing.name} at {cells} cells a weight", least=cells)
    return _beyond({**PERIPHERALS, "column_sharing": wide}, choices)


def _beyond(ranges: Mapping[str, Range], values: Mapping[str, IntArray]) -> Iterator[str]:
    """The sentences of ranges that some values leave; all values in one reduction, as this is done for every batch."""
    rows = np.concatenate([values[name] for name in ranges])
    for known, least, most in zip(ranges.values(), rows.min(axis=1).tolist(), rows.max(axis=1).tolist(), strict=True):
        note = known.note(least, most)
        if note is not None:
            yield note


def _sentence(what: str, came: str, has: str) -> str:
    return f"{what} is extrapolated: {came} came, the reference data have {has}."


def _named(kind: str, name: str, known: Sequence[str]) -> str:
    return f"{kind} {name!r} is extrapolated: the reference data have {_listed(known)} only."


def _listed(values: Sequence[object]) -> str:
    """`2`, `2 and 4`, `2, 4 and 8`."""
    *others, last = map(str, values)
    return f"{', '.join(others)} and {last}" if others else last
