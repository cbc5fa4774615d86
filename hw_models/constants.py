"""Constants with a unit and a source, read from TOML and checked strictly.

A file has a `name`, a `description`, a table `[sources]` of citations by key, and tables of constants. Each constant is
`{value = ..., unit = "...", source = "key"}`; a value is a number or a list of numbers.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from hw_models.errors import HardwareModelError, suggestion

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_SectionT = TypeVar("_SectionT", bound="DataclassInstance")
_ENTRY_KEYS = {"value", "unit", "source"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One published or fitted constant.

    Attributes:
        name: "section.key" in its file.
        value: the number, or the numbers of a table.
        unit: its unit; "1" for a ratio or a count.
        source: the citation, in full.
    """

    name: str
    value: float | tuple[float, ...]
    unit: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantFile:
    """A file of constants after its checks.

    Attributes:
        name: what the file is called in the program.
        description: one line for people.
        sources: citations by key.
        constants: by "section.key".
    """

    name: str
    description: str
    sources: Mapping[str, str]
    constants: Mapping[str, Constant]

    def section(self, kind: type[_SectionT], section: str) -> _SectionT:
        """The section as a frozen dataclass whose field names are its keys.

        Raises:
            HardwareModelError: for a missing or an unknown key, a number where a list belongs, or the reverse.
        """
        wanted = {field.name: str(field.type) for field in fields(kind)}
        present = {
            key.partition(".")[2]: value for key, value in self.constants.items() if key.startswith(f"{section}.")
        }
        for key in present:
            if key not in wanted:
                raise HardwareModelError(f"{self.name}: unknown constant {section}.{key}; {suggestion(key, wanted)}")
        for key, kind_of_value in wanted.items():
            if key not in present:
                near = suggestion(key, present) if present else "the section is empty or missing."
                raise HardwareModelError(f"{self.name}: the constant {section}.{key} is missing; {near}")
            shape = "list of numbers" if kind_of_value == "Table" else "number"
            if isinstance(present[key].value, tuple) != (shape != "number"):
                raise HardwareModelError(f"{self.name}: {section}.{key} must be a {shape}, got {present[key].value}.")
        return kind(**{key: present[key].value for key in wanted})

    def optional_section(self, kind: type[_SectionT], section: str) -> _SectionT | None:
        """Like `section`; None where the file has no such table."""
        absent = not any(key.startswith(f"{section}.") for key in self.constants)
        return None if absent else self.section(kind, section)


def available(folder: str) -> list[str]:
    """Names of the files of one kind: "technologies" or "devices"."""
    entries = resources.files("hw_models").joinpath(folder).iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml"))


def load_file(folder: str, name: str) -> ConstantFile:
    """A file that comes with the package.

    Raises:
        HardwareModelError: for an unknown name, or a file that breaks the rules.
    """
    names = available(folder)
    if name not in names:
        raise HardwareModelError(f"no {folder} file is called {name!r}; {suggestion(str(name), names)}")
    try:
        text = resources.files("hw_models").joinpath(folder, f"{name}.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HardwareModelError(f"{name}: cannot be read as UTF-8 ({error}); install the package again.") from None
    return parse_file(text, name)


def parse_file(text: str, name: str) -> ConstantFile:
    """Check the text of a file of constants.

    Raises:
        HardwareModelError: for invalid TOML, a constant without a source, or any key that does not belong.
    """
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise HardwareModelError(f"{name}: not valid TOML: {error}.") from None
    for key in ("name", "description", "sources"):
        if key not in tables:
            raise HardwareModelError(f"{name}: the key {key!r} is missing; {suggestion(key, tables)}")
    if tables["name"] != name:
        raise HardwareModelError(f"{name}: the file calls itself {tables['name']!r}; name and file must agree.")
    if not isinstance(tables["sources"], dict):
        raise HardwareModelError(f"{name}: 'sources' must be a table of citations, got {tables['sources']!r}.")
    sources = {str(key): str(value) for key, value in tables["sources"].items()}
    constants: dict[str, Constant] = {}
    for section, table in tables.items():
        if section in {"name", "description", "sources"}:
            continue
        if not isinstance(table, dict):
            raise HardwareModelError(f"{name}: {section!r} is no table of constants; put it into one.")
        for key, entry in table.items():
            constants[f"{section}.{key}"] = _constant(name, f"{section}.{key}", entry, sources)
    return ConstantFile(
        name=name,
        description=str(tables["description"]),
        sources=MappingProxyType(sources),
        constants=MappingProxyType(constants),
    )


def _constant(file: str, key: str, entry: object, sources: Mapping[str, str]) -> Constant:
    """One checked entry."""
    if not isinstance(entry, dict):
        raise HardwareModelError(f"{file}: {key} must be {{value = ..., unit = ..., source = ...}}, got {entry!r}.")
    for part in entry:
        if part not in _ENTRY_KEYS:
            raise HardwareModelError(f"{file}: {key} has an unknown part {part!r}; {suggestion(part, _ENTRY_KEYS)}")
    if "value" not in entry:
        raise HardwareModelError(f"{file}: {key} has no value; give it one.")
    source = str(entry.get("source", ""))
    if source not in sources:
        raise HardwareModelError(
            f"{file}: {key} has no source"
            + (f": {source!r} is unknown; {suggestion(str(source), sources)}" if source else ".")
            + " Every constant names an entry of [sources]."
        )
    return Constant(
        name=key,
        value=_value(file, key, entry["value"]),
        unit=str(entry.get("unit", "1")),
        source=sources[source],
    )


def _value(file: str, key: str, value: object) -> float | tuple[float, ...]:
    """A number or a tuple of numbers."""
    if isinstance(value, list) and value:
        return tuple(_number(file, key, item) for item in value)
    return _number(file, key, value)


def _number(file: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise HardwareModelError(f"{file}: {key} must be a number or a list of numbers, got {value!r}.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise HardwareModelError(f"{file}: {key} must be finite, got {value!r}.")
    return number
