"""Settings written as a TOML file, which `load_config` turns back into equal settings."""

import tomli_w

from xpert_evo.config.run import RunConfig


def settings_toml(config: RunConfig) -> str:
    """Every setting, defaults included, so that a repeated run does not change when defaults do."""
    return tomli_w.dumps({name: _without_none(value) for name, value in config.to_plain().items()})


def _without_none(value: object) -> object:
    """`none` for settings without a value; layers of a custom backbone omit such entries instead."""
    if isinstance(value, dict):
        return {name: _without_none(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_present(entry) if isinstance(entry, dict) else entry for entry in value]
    return "none" if value is None else value


def _present(entry: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in entry.items() if value is not None}
