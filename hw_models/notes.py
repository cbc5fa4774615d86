"""Sentences for the report on where designs lie outside the reference data of a cost model.

`hw_models/coverage.py` lists the range of these data. Values between two values of the data, such as maps of 28 x 28,
are taken as covered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hw_models.adc_survey import AdcModel
from hw_models.arrays import IntArray
from hw_models.coverage import Coverage, Range, coverage
from hw_models.crossbar import CrossbarSpec, WeightCoding
from hw_models.setting import Setting
from hw_models.technology import REFERENCE_DEVICES


def notes(setting: Setting, shapes: Mapping[str, IntArray], choices: Mapping[str, IntArray]) -> tuple[str, ...]:
    """Yields one sentence for each way in which designs lie outside the reference data.

    Args:
        setting: Setting of all layers.
        shapes: Fields of the distinct shapes, each (1, distinct shapes).
        choices: Fields of the distinct peripherals, each (1, distinct peripherals).
    """
    known = coverage(setting.model)
    return (
        *_of_setting(setting, known),
        *_of_crossbar(setting.crossbar, known),
        *_of_shapes(shapes, known),
        *_of_choices(setting, choices, known),
    )


def _of_setting(setting: Setting, known: Coverage) -> Iterator[str]:
    """Device, technology, activity, schedule and the source of the ADCs' energy."""
    device, technology = setting.device, setting.technology
    if device.extrapolated and not known.has_cell(technology.name, device.cell):
        own = device.name in REFERENCE_DEVICES
        yield _named("Device", device.name, sorted(REFERENCE_DEVICES, reverse=True), own=own)
    if technology.own_file or technology.name not in known.technologies:
        own = technology.name in known.technologies
        yield _named("Technology", technology.name, known.technologies, own=own)
    least, most = known.activities
    if not least <= setting.activity <= most:
        has = f"{least:g}" if least == most else f"{least:g} to {most:g}"
        yield _sentence("The activity", f"{setting.activity:g}", has)
    if setting.model.assumptions is None and setting.schedule is not setting.choices.schedule:
        yield _sentence("The schedule", f"{setting.schedule.value!r}", f"{setting.choices.schedule.value!r} only")
    if setting.adc_model is not AdcModel.CIRCUIT:
        yield _sentence("The ADCs' energy", f"{setting.adc_model.value!r}", "circuits only")


def _of_crossbar(crossbar: CrossbarSpec, known: Coverage) -> Iterator[str]:
    """Weight coding, the rows read at once, and the sizes of crossbars, PEs and tiles."""
    if crossbar.coding is not WeightCoding.OFFSET_ANALOG or crossbar.reference_columns:
        n = crossbar.reference_columns
        came = f"{crossbar.coding.value!r} with {n} reference column{'s' if n != 1 else ''}"
        has = f"{WeightCoding.OFFSET_ANALOG.value!r} with none (offsets subtracted at no cost)"
        yield _sentence("Weight coding", came, has)
    if crossbar.row_groups > 1:
        yield _sentence("Reading rows", f"{crossbar.rows_at_once} of {crossbar.rows} at once", "all at once")
    if crossbar.rows != crossbar.columns or crossbar.rows not in known.sides:
        yield _sentence("The crossbar", f"{crossbar.rows} x {crossbar.columns}", f"sides of {_listed(known.sides)}")
    for name, value, unit, values in (
        ("The precision of a cell", crossbar.cell_bits, " bits", known.cell_bits),
        ("The precision of a weight", crossbar.weight_bits, " bits", known.weight_bits),
        ("The side of a PE in crossbars", crossbar.pe_side, "", known.pe_sides),
        ("The side of a tile in crossbars", crossbar.tile_side, "", known.tile_sides),
    ):
        if value not in values:
            yield _sentence(name, f"{value}{unit}", _listed(values))


def _of_shapes(shapes: Mapping[str, IntArray], known: Coverage) -> Iterator[str]:
    """Maps, channels, kernels, stride and groups."""
    kernels = np.concatenate([shapes["kernel_size"], shapes["kernel_width"]], axis=1)
    others = kernels[(kernels != known.kernels[0]) & (kernels != known.kernels[1])]
    if others.size:
        yield _sentence("The kernel", _listed(np.unique(others).tolist()), _listed(known.kernels))
    height, width = shapes["output_size"], shapes["output_width"]
    uneven = height != width
    if uneven.any():
        came = f"{height[uneven][0]} x {width[uneven][0]}"
        yield _sentence("The shape of the output map", came, "squares only")
    yield from _beyond(known.shapes, shapes)


def _of_choices(setting: Setting, choices: Mapping[str, IntArray], known: Coverage) -> Iterator[str]:
    """Column sharing, which in the reference data covers all cells of a weight, and precisions."""
    cells, sharing = setting.crossbar.cells_per_weight, known.peripherals["column_sharing"]
    if cells <= sharing.least:
        return _beyond(known.peripherals, choices)
    wide = replace(sharing, name=f"{sharing.name} at {cells} cells per weight", least=cells)
    return _beyond({**known.peripherals, "column_sharing": wide}, choices)


def _beyond(ranges: Mapping[str, Range], values: Mapping[str, IntArray]) -> Iterator[str]:
    """Sentences for the ranges that some values exceed; one reduction for all values, as it runs for every batch."""
    rows = np.concatenate([values[name] for name in ranges])
    for known, least, most in zip(ranges.values(), rows.min(axis=1).tolist(), rows.max(axis=1).tolist(), strict=True):
        beyond = [value for value, out in ((least, least < known.least), (most, most > known.most)) if out]
        if beyond:
            has = str(known.least) if known.least == known.most else f"{known.least} to {known.most}"
            yield _sentence(known.name, _listed(beyond) + known.unit, has)


def _sentence(what: str, came: str, has: str) -> str:
    return f"{what} is extrapolated: got {came}, but the reference data cover {has}."


def _named(kind: str, name: str, known: Sequence[str], *, own: bool) -> str:
    """A device or technology outside the data; one of a user's file (`own`) may have the name of one inside."""
    which = f"{kind} {name!r}, a file of your own," if own else f"{kind} {name!r}"
    return f"{which} is extrapolated: the reference data cover {_listed(known)} only."


def _listed(values: Sequence[object]) -> str:
    """`2`, `2 and 4`, `2, 4 and 8`."""
    *others, last = map(str, values)
    return f"{', '.join(others)} and {last}" if others else last
