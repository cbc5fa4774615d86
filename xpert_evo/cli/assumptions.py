"""The settings that belong to a design file: those of the run that contains it, else the defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from xpert_evo.accuracy.datasets.catalogue import dataset_spec
from xpert_evo.accuracy.datasets.own_images import open_source
from xpert_evo.cli.settings import changes, resolve
from xpert_evo.config import RunConfig, parse_stored
from xpert_evo.config.problem import HardwareConfig
from xpert_evo.hardware import Hardware
from xpert_evo.image_sources import ImageSize, form_of, size_text, stored_size
from xpert_evo.store import Store
from xpert_evo.words import counted
from xpert_evo.workbench.arguments import settings_beside

_CHIP = {"model", "schedule", "adc", "device", "technology", "crossbar"}


class ImageKind(Protocol):
    """What a network's ends depend on: a data set, the entry of one, or a user's images that are not read yet."""

    @property
    def n_classes(self) -> int:
        """Classes."""

    @property
    def image_channels(self) -> int:
        """Planes of an image."""

    @property
    def image_size(self) -> ImageSize:
        """Height and width of an image [pixels]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKind:
    """The `ImageKind` of a user's own images."""

    n_classes: int
    image_channels: int
    image_size: ImageSize


def kind_of(settings: RunConfig, run: Path | None) -> ImageKind:
    """Classes and planes of the images that settings name, without decoding any; raises DataError.

    Those of a run's own images come from the run, which may have been made elsewhere.

    Args:
        settings: That name the images.
        run: The folder whose run the settings are from; None where they are the user's or the defaults.
    """
    named = settings.dataset
    if form_of(named.name) is None:
        return dataset_spec(named.name)
    if run is not None:
        with Store.open_readonly(run) as store:
            stored, of_run = store.meta("dataset"), parse_stored(store.meta("settings"), where=f"settings of {run}")
        same_size = named.size == of_run.dataset.size
        size = stored_size(stored) if same_size else named.size
        if of_run.dataset.name == named.name and size is not None:
            return OwnKind(n_classes=stored["n_classes"], image_channels=stored["image_channels"], image_size=size)
    source = open_source(named.name, named.size)
    return OwnKind(
        n_classes=source.n_classes,
        image_channels=source.image_channels,
        image_size=named.size or source.image_size,
    )


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


def assumption_lines(settings: RunConfig, kind: ImageKind, folder: Path | None) -> list[str]:
    """Lines that name the images and the chip that costs are computed for, and the source of these settings.

    They are assumed only where no run says them.
    """
    hardware = settings.hardware
    lines = [whose_settings(folder)] if folder else []
    images = f"images of {size_text(kind.image_size)} with {counted(kind.image_channels, 'channel')}"
    return [
        *lines,
        f"{'used' if folder else 'assumed'}: {settings.dataset.name} ({kind.n_classes} classes, {images}), device "
        f"{hardware.device}, technology {hardware.technology}, crossbars of {hardware.crossbar.rows} x "
        f"{hardware.crossbar.columns}{_rows_read(hardware)}, {Hardware.of(settings).words}",
    ]


def _rows_read(hardware: HardwareConfig) -> str:
    n = hardware.crossbar.rows_read
    return "" if n is None else f" ({n} rows read at once)"


def plain_assumptions(settings: RunConfig, spec: ImageKind, folder: Path | None) -> dict[str, Any]:
    """The same assumptions as plain values for JSON."""
    return {
        "settings_of": None if folder is None else str(folder),
        "dataset": settings.dataset.name,
        "n_classes": spec.n_classes,
        "image_channels": spec.image_channels,
        "image_size": list(spec.image_size),
        "hardware": settings.hardware.model_dump(mode="json", include=_CHIP),
    }
