"""Reading of settings from nested tables, TOML files and assignments on the command line."""

import copy
import tomllib
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from xpert_evo.backbone_file import SUFFIX
from xpert_evo.config.run import RunConfig
from xpert_evo.errors import ConfigError
from xpert_evo.image_sources import with_absolute_path
from xpert_evo.paths import absolute_path, read_text, user_path
from xpert_evo.validation import parse

_FIRST_MODEL = "xpertsim"
"""Cost model of runs whose stored settings name none."""

_FIRST_REFERENCE_COLUMNS = 1
"""Default of `hardware.crossbar.reference_columns` in those runs."""

_FIRST_DEVICE = "rram-6k"
"""Device of runs whose stored settings name none."""

_FIRST_DEVICES = {"devices": "ideal", "judge_chips": 0}
"""How runs measured accuracy before settings said so."""

_NAMES_OR_FILES = {
    *("space.backbone", "hardware.model", "hardware.adc", "hardware.device", "hardware.technology"),
    *("search.cost_models", "native.recipe"),
}
"""Settings whose value is a built-in name or the path of a user's file, or a list of them."""


def parse_config(data: Mapping[str, object], *, where: str = "settings") -> RunConfig:
    """Settings from nested tables; the text `none` stands for no value, which TOML cannot express.

    Raises:
        ConfigError: A setting is wrong; the sentence starts with `where`.
    """
    return parse(RunConfig, _with_none(data), where=where, error=ConfigError)


def parse_stored(data: Mapping[str, Any], *, where: str) -> RunConfig:
    """Settings stored by a run, of this version or an earlier one.

    Raises:
        ConfigError: A setting is wrong; the sentence starts with `where`.
    """
    return parse_config(with_stored_model(data), where=where)


def with_stored_model(data: Mapping[str, Any]) -> dict[str, Any]:
    """The stored tables of a run, completed by what it was made with where its version had no setting for it.

    Runs of versions with a single cost model use xpertsim and a reference column; runs of versions without chips
    measure accuracy on ideal devices; runs that name no device use that of these versions.
    """
    hardware, training = data.get("hardware", {}), data.get("training", {})
    completed = dict(data)
    if "devices" not in training:
        completed["training"] = {**_FIRST_DEVICES, **training}
    if "model" not in hardware:
        crossbar = {"reference_columns": _FIRST_REFERENCE_COLUMNS, **hardware.get("crossbar", {})}
        hardware = {"model": _FIRST_MODEL, **hardware, "crossbar": crossbar}
    return {**completed, "hardware": {"device": _FIRST_DEVICE, **hardware}}


def _with_none(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _with_none(inner) for name, inner in value.items()}
    return None if isinstance(value, str) and value == "none" else value


def load_config(
    path: Path | None, overrides: Mapping[str, object] | None = None, *, base: Mapping[str, object] | None = None
) -> RunConfig:
    """Settings from a TOML file, or from the tables of a run, with dotted overrides.

    Paths in the file are relative to the file's folder, paths in `overrides` to the working directory.

    Args:
        path: A TOML file; None to use only `base`.
        overrides: Dotted names and values that override the file, such as `{"search.generations": 40}`. The values
            that they replace need not be valid.
        base: Nested tables used instead of a file, such as those stored by a run; None for the defaults.

    Raises:
        ConfigError: The file cannot be read, or a setting is wrong.
    """
    tables: dict[str, Any] = _read(path) if path is not None else copy.deepcopy(dict(base or {}))
    kept = copy.deepcopy(tables)
    for name in overrides or {}:
        _take_out(kept, name)
    try:
        for name, value in (overrides or {}).items():
            _put(tables, name, _rooted(value, name, Path.cwd()))
        return parse_config(tables)
    except ConfigError:
        if path is not None:
            parse_config(kept, where=str(path))  # so that the file is blamed for its own mistakes
        raise


def parse_assignments(
    assignments: Sequence[str], *, option: str = "--set", example: str = "search.generations=40"
) -> dict[str, object]:
    """`["search.generations=40"]` as `{"search.generations": 40}`; raises ConfigError.

    A value is read as TOML, or as text if it is not valid TOML, so quotes may be left out.

    Args:
        assignments: Assignments as typed by the user.
        option: Command-line option that they belong to, for messages.
        example: Example of an assignment, for messages.
    """
    overrides: dict[str, object] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"{option} takes NAME=VALUE, such as {example}, got '{assignment}'.")
        try:
            value: object = tomllib.loads(f"value = {text}")["value"]
        except (tomllib.TOMLDecodeError, RecursionError, ValueError):
            value = text.strip()
        overrides[name.strip()] = value
    return overrides


def _read(path: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(read_text(user_path(path)))
    except OSError as failure:
        raise ConfigError(
            f"{path}: cannot be read ({failure.strerror}); `xpert-evo init` writes a settings file."
        ) from None
    except (ValueError, RecursionError) as failure:
        raise ConfigError(f"{path}: is not a TOML file in UTF-8 ({failure}).") from None
    rooted: dict[str, Any] = _rooted(tables, "", absolute_path(path).parent)
    return rooted


def _rooted(value: Any, name: str, folder: Path) -> Any:
    """A setting, or a table of settings, with paths made absolute; relative ones are relative to `folder`."""
    if isinstance(value, Mapping):
        return {key: _rooted(inner, f"{name}.{key}" if name else str(key), folder) for key, inner in value.items()}
    if isinstance(value, list | tuple) and name in _NAMES_OR_FILES:
        return [_rooted(inner, name, folder) for inner in value]
    if not isinstance(value, str | PathLike) or value == "none":
        return value
    if name == "dataset.name":
        return with_absolute_path(str(value), folder)
    is_file = name in _NAMES_OR_FILES and str(value).endswith(SUFFIX)  # else the name of a built-in one
    return str(absolute_path(value, folder)) if is_file or name == "dataset.data_dir" else value


def _take_out(tables: dict[str, Any], name: str) -> None:
    *path, last = name.split(".")
    for part in path:
        inner = tables.get(part)
        if not isinstance(inner, dict):
            return
        tables = inner
    tables.pop(last, None)


def _put(tables: dict[str, Any], name: str, value: object) -> None:
    *path, last = name.split(".")
    for part in path:
        tables = tables.setdefault(part, {})
        if not isinstance(tables, dict):
            raise ConfigError(f"--set {name}: '{part}' is a value, not a table of settings.")
    tables[last] = value
