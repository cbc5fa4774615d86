"""Cost models: named sets of assumptions, one TOML file each in `hw_models/models`.

A file has a `name`, a `description`, a table `[sources]` of citations by key, and a table `[choices]` that names one
formula for each question on which credible models differ: `{value = "...", source = "key"}`. Constants that belong to
a model rather than to a node or a device stand in further tables, each with value, unit and source as in every file of
constants (`model_constants.py` lists them). Adding a model is writing a file and at most one formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from hw_models.constants import Constant, ConstantFile, available, is_path, load_file
from hw_models.errors import HardwareModelError, suggestion
from hw_models.model_constants import (
    SECTIONS,
    SIMULATOR_SECTIONS,
    Assumptions,
    SimulatorConstants,
    tables_of,
)
from hw_models.simulator_choices import (
    ColumnModel,
    ComparatorArea,
    DelayCycles,
    GlobalSum,
    LeakageCount,
    PairMux,
    RowActivity,
    TileBuffers,
)
from hw_models.user_files import completed_model

DEFAULT_MODEL = "published"
"""The model that the program uses unless told otherwise, and the one that users' files build on."""
SIMULATOR_MODEL = "neurosim"
"""The model that has the constants of formulas of DNN+NeuroSim V1.3."""


class DigitalClock(StrEnum):
    """The clock of adders, buffers and wires."""

    LAYER = "layer"
    """The period of the layer's conversion, as in XPertSim: everything waits for the converter."""
    OWN = "own"
    """A clock of the node, whatever the converters do; a tile's buffers are as wide as its sums."""


class Converters(StrEnum):
    """Where area, energy and time of a conversion come from."""

    CIRCUITS = "circuits"
    """The reference's SAR and Flash circuits."""
    PUBLISHED = "published"
    """Converters that were built and measured, see `hw_models.adc_library`."""


class ColumnCurrent(StrEnum):
    """How long a column draws its current."""

    CONVERSION = "conversion"
    """For the whole conversion, at the power a siemens that the reference data show for each type."""
    SAMPLED = "sampled"
    """V^2 G while a capacitor samples it, and no longer; row lines stay as they are while columns take turns."""


class Buffers(StrEnum):
    """Energy of a bit in the buffers of tiles and chip."""

    REGISTERS = "registers"
    """The reference's register files."""
    SRAM = "sram"
    """Published memories."""


class RowDrivers(StrEnum):
    """What lifts row lines to the voltage that cells are written with."""

    TECHNOLOGY = "technology"
    """The level shifter of the technology file."""
    DEVICE = "device"
    """The device's own figure, or the model's where the device has none."""


class Overheads(StrEnum):
    """What is added to the energy of events."""

    NONE = "none"
    """Nothing: dynamic energy as simulated."""
    LEAKAGE_AND_LAYOUT = "leakage-and-layout"
    """The layout ratio on simulated circuits, and what leaks while an image is computed."""


class Schedule(StrEnum):
    """What works at the same time."""

    SEQUENTIAL = "sequential"
    """Nothing: the parts of a layer follow one another, and so do layers."""
    OVERLAPPED = "overlapped"
    """The parts of a layer: it takes as long as its slowest one, and the others once to fill it."""
    PIPELINED = "pipelined"
    """Layers as well, each on another image: the slowest one sets the images a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """One formula for each question on which models differ; every file names all of them."""

    digital_clock: DigitalClock
    converters: Converters
    column_current: ColumnCurrent
    buffers: Buffers
    row_drivers: RowDrivers
    overheads: Overheads
    schedule: Schedule
    comparator_area: ComparatorArea
    pair_mux: PairMux
    tile_buffers: TileBuffers
    delay_cycles: DelayCycles
    global_sum: GlobalSum
    row_activity: RowActivity
    column_model: ColumnModel
    leakage_count: LeakageCount


_ENUMS: Mapping[str, type[StrEnum]] = MappingProxyType(
    {
        "digital_clock": DigitalClock,
        "converters": Converters,
        "column_current": ColumnCurrent,
        "buffers": Buffers,
        "row_drivers": RowDrivers,
        "overheads": Overheads,
        "schedule": Schedule,
        "comparator_area": ComparatorArea,
        "pair_mux": PairMux,
        "tile_buffers": TileBuffers,
        "delay_cycles": DelayCycles,
        "global_sum": GlobalSum,
        "row_activity": RowActivity,
        "column_model": ColumnModel,
        "leakage_count": LeakageCount,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModel:
    """A named set of assumptions.

    Attributes:
        name, description: of the file.
        choices: the formulas that it uses.
        constants: its constants with unit and source, by "section.key".
        choice_sources: the citation behind each choice.
        assumptions, simulated: the same constants by kind; None for a model whose formulas need none of them.
    """

    name: str
    description: str
    choices: Choices
    constants: Mapping[str, Constant]
    choice_sources: Mapping[str, str]
    assumptions: Assumptions | None = None
    simulated: SimulatorConstants | None = None

    @property
    def assumed(self) -> Assumptions:
        """The model's own constants.

        Raises:
            HardwareModelError: for a model that has none.
        """
        if self.assumptions is None:
            raise HardwareModelError(
                f"the cost model {self.name!r} has no constants of its own; choose one of those that do, such as "
                "'published'."
            )
        return self.assumptions

    @property
    def simulator(self) -> SimulatorConstants:
        """The constants of formulas that follow DNN+NeuroSim V1.3.

        Raises:
            HardwareModelError: for a model that has none.
        """
        if self.simulated is None:
            raise HardwareModelError(
                f"the cost model {self.name!r} has no constants of a simulator; choose 'neurosim', or name its choices "
                'tile_buffers = "cores" and column_model = "cells" in the file.'
            )
        return self.simulated


def model_names() -> list[str]:
    """Names that `load_model` knows."""
    return available("models")


def load_model(name: str) -> CostModel:
    """A cost model by name, or by the path of a file that ends in `.toml`.

    A user's file takes every choice and constant that it leaves out from `published`, and constants of formulas that
    `published` does not use from `neurosim`.

    Raises:
        HardwareModelError: for an unknown name or a file that breaks the rules.
    """
    file = load_file("models", name)
    if is_path(name):
        file = completed_model(file, load_file("models", DEFAULT_MODEL), load_file("models", SIMULATOR_MODEL))
    return model_from(file)


def model_from(file: ConstantFile) -> CostModel:
    """A cost model from a checked file.

    Raises:
        HardwareModelError: for a missing or unknown choice or constant.
    """
    wanted = [field.name for field in fields(Choices)]
    for key in file.choices:
        if key not in wanted:
            raise HardwareModelError(f"{file.name}: unknown choice {key!r}; {suggestion(key, wanted)}")
    chosen: dict[str, Any] = {}
    for key in wanted:
        if key not in file.choices:
            raise HardwareModelError(f"{file.name}: choices.{key} is missing; name one of {', '.join(_ENUMS[key])}.")
        value = file.choices[key].value
        if value not in set(_ENUMS[key]):
            raise HardwareModelError(
                f"{file.name}: choices.{key} {value!r} is unknown; {suggestion(value, _ENUMS[key])}"
            )
        chosen[key] = _ENUMS[key](value)
    tables = tables_of(chosen)
    for key in file.constants:
        section = key.partition(".")[0]
        if section not in tables:
            raise HardwareModelError(
                f"{file.name}: none of the model's formulas reads the table [{section}]; remove it."
            )
    return CostModel(
        name=file.name,
        description=file.description,
        choices=Choices(**chosen),
        constants=MappingProxyType(dict(file.constants)),
        choice_sources=MappingProxyType({key: choice.source for key, choice in file.choices.items()}),
        assumptions=Assumptions(**_by_kind(file, SECTIONS)) if tables.issuperset(SECTIONS) else None,
        simulated=(
            SimulatorConstants(**_by_kind(file, SIMULATOR_SECTIONS)) if tables.issuperset(SIMULATOR_SECTIONS) else None
        ),
    )


def _by_kind(file: ConstantFile, sections: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Constants of a file's tables, each in its class."""
    return {section: file.section(kind, section) for section, kind in sections.items()}
