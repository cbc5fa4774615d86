"""Cost models: named sets of assumptions, one TOML file each in `hw_models/models`.

A file contains a `name`, a `description`, a table `[sources]` of citations by key, and a table `[choices]` that selects
one formula for each question on which credible models differ: `{value = "...", source = "key"}`. Constants that belong
to a model rather than to a node or a device are in further tables, each with value, unit and source as in every file of
constants (`model_constants.py` lists them). To add a model, write a file and, if needed, one new formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
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
"""The default model, and the one that users' files build on."""
SIMULATOR_MODEL = "neurosim"
"""The model with the constants for the formulas of DNN+NeuroSim V1.3."""


class DigitalClock(StrEnum):
    """The clock of adders, buffers and wires."""

    LAYER = "layer"
    """The conversion period of the layer, as in XPertSim: everything waits for the converter."""
    OWN = "own"
    """A clock of the node that does not depend on the converters; a tile's buffers are as wide as its sums."""


class Converters(StrEnum):
    """Source of the area, energy and time of a conversion."""

    CIRCUITS = "circuits"
    """The reference's SAR and Flash circuits."""
    PUBLISHED = "published"
    """Published measured converters, see `hw_models.adc_library`."""


class ColumnCurrent(StrEnum):
    """Duration of a column's current."""

    CONVERSION = "conversion"
    """For the whole conversion, at the power per siemens found in the reference data for each type."""
    SAMPLED = "sampled"
    """V^2 G only while a capacitor samples it; row lines hold their state while columns take turns."""


class Buffers(StrEnum):
    """Energy per bit in the buffers of tiles and chip."""

    REGISTERS = "registers"
    """The reference's register files."""
    SRAM = "sram"
    """Published memories."""


class RowDrivers(StrEnum):
    """The circuit that raises row lines to the write voltage of the cells."""

    TECHNOLOGY = "technology"
    """The level shifter of the technology file."""
    DEVICE = "device"
    """The device's own figure, or the model's if the device has none."""


class Overheads(StrEnum):
    """Additions to the energy of events."""

    NONE = "none"
    """Nothing: dynamic energy as simulated."""
    LEAKAGE_AND_LAYOUT = "leakage-and-layout"
    """The layout ratio on simulated circuits, and the leakage while an image is computed."""


class Schedule(StrEnum):
    """Which parts work at the same time."""

    SEQUENTIAL = "sequential"
    """None: the parts of a layer run one after another, and so do layers."""
    OVERLAPPED = "overlapped"
    """The parts of a layer: it takes as long as its slowest part, plus the others once to fill the pipeline."""
    PIPELINED = "pipelined"
    """Layers as well, each on another image: the slowest one determines the images per second."""


class WorkingCopies(StrEnum):
    """How many of the copies of a layer's weights that fit into its tiles shorten its time."""

    POSITIONS = "positions"
    """At most one for each position of the output map: a copy converts whole positions."""
    ALL = "all"
    """All of them, even if a linear layer has a single position, as in the simulators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """One formula for each question on which models differ; every file selects all of them."""

    digital_clock: DigitalClock
    converters: Converters
    column_current: ColumnCurrent
    buffers: Buffers
    row_drivers: RowDrivers
    overheads: Overheads
    schedule: Schedule
    working_copies: WorkingCopies
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
        "working_copies": WorkingCopies,
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
        name, description: Name and description given in the file.
        choices: Formulas that the model uses.
        constants: Constants with unit and source, by "section.key".
        choice_sources: Citation for each choice.
        own_file: Whether a user's file gives them, whatever its name.
        assumptions, simulated: The same constants by kind; None if the model's formulas do not need them.
    """

    name: str
    description: str
    choices: Choices
    constants: Mapping[str, Constant]
    choice_sources: Mapping[str, str]
    own_file: bool = False
    assumptions: Assumptions | None = None
    simulated: SimulatorConstants | None = None

    @property
    def assumed(self) -> Assumptions:
        """Returns the model's own constants.

        Raises:
            HardwareModelError: If the model has none.
        """
        if self.assumptions is None:
            raise HardwareModelError(
                f"the cost model {self.name!r} has no constants of its own; choose one that does, such as 'published'."
            )
        return self.assumptions

    @property
    def simulator(self) -> SimulatorConstants:
        """Returns the constants of formulas that follow DNN+NeuroSim V1.3.

        Raises:
            HardwareModelError: If the model has none.
        """
        if self.simulated is None:
            raise HardwareModelError(
                f"the cost model {self.name!r} has no simulator constants; choose 'neurosim', or set "
                'tile_buffers = "cores" and column_model = "cells" in the [choices] of the file.'
            )
        return self.simulated


def model_names() -> list[str]:
    """Returns the names that `load_model` accepts."""
    return available("models")


def load_model(name: str) -> CostModel:
    """Loads a cost model by name, or by the path of a `.toml` file.

    A user's file takes every choice and constant that it omits from `published`, and the constants of formulas that
    `published` does not use from `neurosim`.

    Raises:
        HardwareModelError: If the name is unknown or the file is invalid.
    """
    file = load_file("models", name)
    if not is_path(name):
        return model_from(file)
    file = completed_model(file, load_file("models", DEFAULT_MODEL), load_file("models", SIMULATOR_MODEL))
    return replace(model_from(file), own_file=True)


def model_from(file: ConstantFile) -> CostModel:
    """Builds a cost model from a checked file.

    Raises:
        HardwareModelError: If a choice or constant is missing or unknown.
    """
    wanted = [field.name for field in fields(Choices)]
    for key in file.choices:
        if key not in wanted:
            raise HardwareModelError(f"{file.name}: unknown choice {key!r}; {suggestion(key, wanted)}")
    chosen: dict[str, Any] = {}
    for key in wanted:
        if key not in file.choices:
            raise HardwareModelError(f"{file.name}: choices.{key} is missing; choose one of {', '.join(_ENUMS[key])}.")
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
                f"{file.name}: the table [{section}] is not used by any of the model's formulas; remove it."
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
    """Returns the constants of a file's tables, each in its class."""
    return {section: file.section(kind, section) for section, kind in sections.items()}
