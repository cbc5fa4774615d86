"""Types of library arguments for settings and designs, and the spelling of arguments in messages."""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path

from xpert_evo.config import RunConfig, load_config, parse_stored, with_stored_model
from xpert_evo.orchestration.own_files import kept_files
from xpert_evo.store import FILE_NAME, Store

Spelling = Callable[[str], str]
"""Spells an argument in messages: `noise_draws` in Python, `--chips` on the command line."""

Settings = RunConfig | Mapping[str, object] | None
"""All settings, or some of them by dotted name such as `{"dataset.name": "cifar10"}`; None for the defaults."""

AnyPath = str | PathLike[str]

_EXPORT = "export"


def as_argument(name: str) -> str:
    """The spelling in Python."""
    return name


def settings_of(config: Settings) -> RunConfig:
    """The settings given by an argument; raises ConfigError."""
    return config if isinstance(config, RunConfig) else load_config(None, config)


def settings_beside(path: Path, overrides: Mapping[str, object] | None) -> tuple[RunConfig, Path | None]:
    """The settings that belong to a design file, and the folder of the run that they come from.

    A file in the folder of a run, or of its export, uses the settings of the run; other files use the defaults.

    Args:
        path: Path of the design file.
        overrides: Dotted names and values that override these settings.

    Raises:
        ConfigError: A setting is wrong.
        StoreError: The run beside the file is damaged.
    """
    folder = _run_of(path)
    if folder is None:
        return load_config(None, overrides), None
    with Store.open_readonly(folder) as store:
        base = with_stored_model(store.meta("settings"))
        kept = kept_files(store, parse_stored(base, where=f"settings of {folder}"))
    return load_config(None, {**kept, **(overrides or {})}, base=base), folder


def _run_of(path: Path) -> Path | None:
    folder = path.parent
    above = folder.absolute().parent
    if (folder / FILE_NAME).is_file():
        return folder
    return above if folder.absolute().name == _EXPORT and (above / FILE_NAME).is_file() else None
