"""Cost models: named sets of assumptions, one TOML file each in `hw_models/models`.

A file has a `name`, a `description`, a table `[sources]` of citations by key, and a table `[choices]` that names one
formula for each question on which credible models differ: `{value = "...", source = "key"}`. Constants that belong to
a model rather than to a node or a device stand in further tables, each with value, unit and source as in every file of
constants. Adding a model is writing a file and at most one formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from hw_models.constants import Constant, ConstantFile, available, load_file
from hw_models.errors import HardwareModelError, suggestion
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


class DigitalClock(StrEnum):
    """The clock of adders, buffers and wires."""

    LAYER = "layer"
    """The period of the layer's conversion, as in XPertSim: everything waits for the converter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """One formula for each question on which models differ; every file names all of them."""

    digital_clock: DigitalClock
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
    """

    name: str
    description: str
    choices: Choices
    constants: Mapping[str, Constant]
    choice_sources: Mapping[str, str]

    def number(self, key: str) -> float:
        """A constant of the model that is one number, by "section.key".

        Raises:
            HardwareModelError: for a constant that the file lacks, or that is a table.
        """
        if key not in self.constants:
            near = suggestion(key, self.constants) if self.constants else "the file has none."
            raise HardwareModelError(f"{self.name}: the constant {key} is missing; {near}")
        value = self.constants[key].value
        if isinstance(value, tuple):
            raise HardwareModelError(f"{self.name}: {key} must be a number, got {value}.")
        return value


def model_names() -> list[str]:
    """Names that `load_model` knows."""
    return available("models")


def load_model(name: str) -> CostModel:
    """A cost model by name.

    Raises:
        HardwareModelError: for an unknown name or a file that breaks the rules.
    """
    return model_from(load_file("models", name))


def model_from(file: ConstantFile) -> CostModel:
    """A cost model from a checked file.

    Raises:
        HardwareModelError: for a missing or unknown choice.
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
    return CostModel(
        name=file.name,
        description=file.description,
        choices=Choices(**chosen),
        constants=MappingProxyType(dict(file.constants)),
        choice_sources=MappingProxyType({key: choice.source for key, choice in file.choices.items()}),
    )
