"""Custom files of devices, technologies, converters and cost models: a run keeps them as they were when it began.

Settings name such a file by its path. What it says decides every cost of the run, so its text is kept in the store, and
a copy lies in the run's folder: whoever resumes after a change is refused, and reports go on with the copy.
"""

from pathlib import Path

from xpert_evo.backbone_file import SUFFIX
from xpert_evo.config import RunConfig
from xpert_evo.errors import StoreError
from xpert_evo.files import write_text
from xpert_evo.paths import read_text
from xpert_evo.store import Store, Topic

_SETTINGS = ("model", "adc", "device", "technology")


def keep_files(store: Store, config: RunConfig) -> None:
    """Notes the text of every file of the user's that the hardware settings name, and copies it beside the store."""
    texts = {name: read_text(Path(path)) for name, path in _named(config).items()}
    with store.transaction():
        for name, text in texts.items():
            store.add_note(Topic.OWN_FILES, name, text)
    for name, text in texts.items():
        write_text(_copy(store, name), text)


def check_files(store: Store, config: RunConfig) -> None:
    """Raises StoreError where a file has changed since the run began, or cannot be read any more."""
    for name, path in _named(config).items():
        kept = store.note(Topic.OWN_FILES, name)
        if kept is not None and _text(path) != kept:
            happened = "cannot be read any more" if _text(path) is None else "has changed since the run began"
            raise StoreError(
                f"{path} (hardware.{name}) {happened}, so that costs of {store.folder} would not compare; put it back "
                f"as it was ({_copy(store, name)} is a copy), or begin another run."
            )


def kept_files(store: Store, config: RunConfig) -> dict[str, str]:
    """By the setting's dotted name the copies of files that have changed or gone; what has not is left out."""
    copies = {}
    for name, path in _named(config).items():
        kept = store.note(Topic.OWN_FILES, name)
        if kept is not None and _text(path) != kept and _text(str(_copy(store, name))) == kept:
            copies[f"hardware.{name}"] = str(_copy(store, name).absolute())
    return copies


def with_kept_files(store: Store, config: RunConfig) -> RunConfig:
    """Settings that name the copies of files that have changed or gone, for reports of what the run did."""
    changes = {name.removeprefix("hardware."): path for name, path in kept_files(store, config).items()}
    return config.model_copy(update={"hardware": config.hardware.model_copy(update=changes)}) if changes else config


def _named(config: RunConfig) -> dict[str, str]:
    """The paths of own files by setting."""
    named = {name: getattr(config.hardware, name) for name in _SETTINGS}
    return {name: path for name, path in named.items() if path is not None and path.endswith(SUFFIX)}


def _copy(store: Store, name: str) -> Path:
    return store.folder / f"{name}{SUFFIX}"


def _text(path: str) -> str | None:
    try:
        return read_text(Path(path))
    except (OSError, ValueError):
        return None
