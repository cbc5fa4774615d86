"""The settings that belong to a design file: those of the run that contains it, else the defaults."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xpert_evo.accuracy.datasets.catalogue import DatasetSpec
from xpert_evo.cli.settings import changes, resolve
from xpert_evo.config import RunConfig
from xpert_evo.config.problem import HardwareConfig
from xpert_evo.hardware import Hardware
from xpert_evo.words import counted
from xpert_evo.workbench.arguments import settings_beside

_CHIP = {"model", "schedule", "adc", "device", "technology", "crossbar"}


def settings_for(
    path: Path, config: Path | None, assignments: Sequence[str] | None, options: Mapping[str, object | None]
) -> tuple[RunConfig, Path | None]:
    """The settings to cost or train a design file with, and the folder of the run that they come from.

    A design file in the folder of a run, or of its export, uses the run's settings unless `--set` or an option of the
    command overrides them. A settings file given by the user replaces the run's settings.

    Raises:
        ConfigError: A setting is wrong.
        StoreError: The run beside the file is damaged.
    """
    if config is not None:
        return resolve(config, assignments, options), None
    return settings_beside(path, changes(assignments, options))


def whose_settings(folder: Path) -> str:
    """A line saying that a design file is used with the settings of the run that contains it."""
    return f"settings of the run in {folder}, which contains the designs (--set and options take precedence)"


def assumption_lines(settings: RunConfig, spec: DatasetSpec, folder: Path | None) -> list[str]:
    """Lines that name the images and the chip that costs are computed for, and the source of these settings."""
    hardware = settings.hardware
    lines = [whose_settings(folder)] if folder else []
    planes = counted(spec.image_channels, "image plane")
    return [
        *lines,
        f"assumed: {settings.dataset.name} ({spec.n_classes} classes, {planes}), device "
        f"{hardware.device}, technology {hardware.technology}, crossbars of {hardware.crossbar.rows} x "
        f"{hardware.crossbar.columns}{_rows_read(hardware)}, {Hardware.of(settings).words}",
    ]


def _rows_read(hardware: HardwareConfig) -> str:
    n = hardware.crossbar.rows_read
    return "" if n is None else f" ({n} rows read at once)"


def plain_assumptions(settings: RunConfig, spec: DatasetSpec, folder: Path | None) -> dict[str, Any]:
    """The same assumptions as plain values for JSON."""
    return {
        "settings_of": None if folder is None else str(folder),
        "dataset": settings.dataset.name,
        "n_classes": spec.n_classes,
        "image_channels": spec.image_channels,
        "hardware": settings.hardware.model_dump(mode="json", include=_CHIP),
    }
