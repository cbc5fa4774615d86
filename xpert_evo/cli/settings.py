"""`xpert-evo init`, and the conversion of command-line options to settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from xpert_evo.cli.annotated import annotated_settings
from xpert_evo.config import RunConfig, load_config, parse_assignments
from xpert_evo.errors import UsageError
from xpert_evo.files import write_text
from xpert_evo.streams import in_shell


def resolve(
    config: Path | None, assignments: Sequence[str] | None, options: Mapping[str, object | None] | None = None
) -> RunConfig:
    """Settings from a file, `--set` and the command's own options; later ones take precedence."""
    return load_config(config, changes(assignments, options))


def changes(assignments: Sequence[str] | None, options: Mapping[str, object | None] | None = None) -> dict[str, object]:
    """Dotted names and values from `--set` and the command's own options; None means that an option was not given."""
    named = {name: value for name, value in (options or {}).items() if value is not None}
    return {**parse_assignments(assignments or []), **named}


def other_model(model: str | None, assignments: Sequence[str] | None) -> dict[str, object | None]:
    """Settings that select another cost model, with its own converters and schedule unless `--set` names some."""
    if model is None:
        return {}
    given = parse_assignments(assignments or [])
    own = {name: "none" for name in ("hardware.adc", "hardware.schedule") if name not in given}
    return {"hardware.model": model, **own}


def write_settings(path: Path) -> None:
    """Writes the annotated settings file; never overwrites an existing file."""
    if path.exists():
        raise UsageError(f"{path} already exists and is not overwritten; choose another name or move the file.")
    try:
        write_text(path, annotated_settings())
    except OSError as failure:
        raise UsageError(f"{path} cannot be written ({failure.strerror}); choose another name.") from None
    print(f"wrote {path}; use it with `xpert-evo run --config {in_shell(path)}`")  # noqa: T201
