"""Constants with a unit and a source, read from TOML and checked strictly.

A file contains a `name`, a `description`, a table `[sources]` of citations by key, and tables of constants. Each
constant is `{value = ..., unit = "...", source = "key"}`; a value is a number or a list of numbers. A user's file,
given by a path that ends in `.toml`, may be shorter: see `user_files`.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from hw_models.errors import HardwareModelError, suggestion

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_SectionT = TypeVar("_SectionT", bound="DataclassInstance")
_ENTRY_KEYS = {"value", "unit", "source"}
_NO_CONSTANTS = frozenset({"name", "description", "sources", "choices"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One published or fitted constant.

    Attributes:
        name: Full key in its file, "section.key".
        value: A number, or the numbers of a table.
        unit: Unit; "1" for a ratio or a count.
        source: Full citation.
    """

    name: str
    value: float | tuple[float, ...]
    unit: str
    source: str

    @property
    def value_text(self) -> str:
        """The value in six significant digits; a table's numbers in brackets."""
        return f"{self.value:g}" if isinstance(self.value, float) else f"({', '.join(f'{v:g}' for v in self.value)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A formula selected by a file.

    Attributes:
        value: Name of the formula.
        source: Full citation.
    """

    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantFile:
    """A checked file of constants.

    Attributes:
        name: Name of the file in the program.
        description: One-line description for users.
        sources: Citations by key.
        constants: Constants by "section.key".
        choices: Formulas selected by the file, by key; present only in files of `models`.
    """

    name: str
    description: str
    sources: Mapping[str, str]
    constants: Mapping[str, Constant]
    choices: Mapping[str, Choice] = field(default_factory=dict)

    def section(self, kind: type[_SectionT], section: str) -> _SectionT:
        """Returns the section as a frozen dataclass whose field names are its keys.

        Raises:
            HardwareModelError: If a key is missing or unknown, or a number stands where a list is expected or vice
                versa.
        """
        wanted = {entry.name: str(entry.type) for entry in fields(kind)}
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
        """Like `section`; returns None if the file has no such table."""
        absent = not any(key.startswith(f"{section}.") for key in self.constants)
        return None if absent else self.section(kind, section)


def available(folder: str) -> list[str]:
    """Returns the names of the files of one kind: "technologies", "devices", "models" or "adcs"."""
    entries = resources.files("hw_models").joinpath(folder).iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml"))


def load_file(folder: str, name: str) -> ConstantFile:
    """Loads a file that comes with the package, or a user's file, which is given by its path.

    Raises:
        HardwareModelError: If the name is unknown or the file is invalid.
    """
    if is_path(name):
        return user_file(name)
    names, kind = available(folder), {"technologies": "technology"}.get(folder, folder.removesuffix("s"))
    if name not in names:
        raise HardwareModelError(
            f"unknown {kind} {name!r}; {suggestion(str(name), names)} To use your own file, give its path, "
            "which must end in .toml."
        )
    try:
        text = resources.files("hw_models").joinpath(folder, f"{name}.toml").read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise HardwareModelError(f"{name}: cannot be read as UTF-8 ({error}); install the package again.") from None
    return parse_file(text, name)


def is_path(name: str) -> bool:
    """Whether a name is the path of a user's file."""
    return str(name).endswith(".toml")


def user_file(path: str) -> ConstantFile:
    """Reads a user's file, which may omit its name, description and sources, and give bare numbers and names.

    Raises:
        HardwareModelError: If the file cannot be read or is invalid.
    """
    where = Path(path).expanduser()
    try:
        text = where.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise HardwareModelError(
            f"the file {path} cannot be read ({reason}); check the path, which is relative to the current folder."
        ) from None
    tables = _tables(text, where.name)
    given = f"given in {where.name} without a source"
    sources = tables.get("sources", {})
    if isinstance(sources, dict):
        tables["sources"] = {**sources, "given": sources.get("given", given)}
    tables = {"name": where.stem, "description": f"from {where.name}", **tables}
    for section, table in tables.items():
        if section not in _NO_CONSTANTS - {"choices"} and isinstance(table, dict):
            tables[section] = {key: _complete(entry) for key, entry in table.items()}
    return _checked(tables, str(tables["name"]), label=where.name)


def _complete(entry: object) -> object:
    """Fills in the parts of an entry that a user's file may omit."""
    if isinstance(entry, dict):
        return {"source": "given", **entry}
    return {"value": entry, "source": "given"}


def parse_file(text: str, name: str) -> ConstantFile:
    """Parses and checks the text of a file of constants.

    Raises:
        HardwareModelError: If the TOML is invalid, a constant has no source, or a key is unknown.
    """
    tables = _tables(text, name)
    for key in ("name", "description", "sources"):
        if key not in tables:
            raise HardwareModelError(f"{name}: the key {key!r} is missing; {suggestion(key, tables)}")
    if tables["name"] != name:
        raise HardwareModelError(f"{name}: the file has the name {tables['name']!r}; its name must match the file's.")
    return _checked(tables, name, label=name)


def _tables(text: str, name: str) -> dict[str, Any]:
    """Returns the tables of a TOML text."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise HardwareModelError(f"{name}: not valid TOML: {error}.") from None


def _checked(tables: dict[str, Any], name: str, *, label: str) -> ConstantFile:
    """Builds a file from its tables; `label` identifies it in messages."""
    if not isinstance(tables["sources"], dict):
        raise HardwareModelError(f"{label}: 'sources' must be a table of citations, got {tables['sources']!r}.")
    sources = {str(key): str(value) for key, value in tables["sources"].items()}
    constants: dict[str, Constant] = {}
    for section, table in tables.items():
        if section in _NO_CONSTANTS:
            continue
        if not isinstance(table, dict):
            raise HardwareModelError(f"{label}: {section!r} is not a table of constants; move it into one.")
        for key, entry in table.items():
            constants[f"{section}.{key}"] = _constant(label, f"{section}.{key}", entry, sources)
    return ConstantFile(
        name=name,
        description=str(tables["description"]),
        sources=MappingProxyType(sources),
        constants=MappingProxyType(constants),
        choices=MappingProxyType(_choices(label, tables.get("choices", {}), sources)),
    )


def _choices(file: str, table: object, sources: Mapping[str, str]) -> dict[str, Choice]:
    """Checks and returns the table of choices."""
    if not isinstance(table, dict):
        raise HardwareModelError(f"{file}: 'choices' must be a table of formula names, got {table!r}.")
    found: dict[str, Choice] = {}
    for key, entry in table.items():
        if not isinstance(entry, dict) or set(entry) != {"value", "source"} or not isinstance(entry["value"], str):
            raise HardwareModelError(
                f'{file}: choices.{key} must be {{value = "name of a formula", source = "key"}}, got {entry!r}.'
            )
        if entry["source"] not in sources:
            raise HardwareModelError(
                f"{file}: choices.{key} has the unknown source {entry['source']!r}; "
                f"{suggestion(str(entry['source']), sources)}"
            )
        found[str(key)] = Choice(value=entry["value"], source=sources[entry["source"]])
    return found


def _constant(file: str, key: str, entry: object, sources: Mapping[str, str]) -> Constant:
    """One checked entry."""
    if not isinstance(entry, dict):
        raise HardwareModelError(f"{file}: {key} must be {{value = ..., unit = ..., source = ...}}, got {entry!r}.")
    for part in entry:
        if part not in _ENTRY_KEYS:
            raise HardwareModelError(f"{file}: {key} has an unknown field {part!r}; {suggestion(part, _ENTRY_KEYS)}")
    if "value" not in entry:
        raise HardwareModelError(f"{file}: {key} has no value; give it one.")
    source = str(entry.get("source", ""))
    if source not in sources:
        raise HardwareModelError(
            f"{file}: {key} has no source"
            + (f": {source!r} is unknown; {suggestion(str(source), sources)}" if source else ".")
            + " Every constant must name an entry of [sources]."
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
