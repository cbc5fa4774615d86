"""`xpert-evo data list`, `info`, `fetch` and `import`."""

from pathlib import Path

from rich.table import Table

from xpert_evo.accuracy.datasets.catalogue import DATASETS, command_to_get, find_folder
from xpert_evo.accuracy.datasets.sources import PARTS
from xpert_evo.accuracy.datasets.transfer import fetch_dataset, import_dataset
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.config import load_config
from xpert_evo.errors import DataError
from xpert_evo.image_sources import size_text
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.words import counted

_MOST_SHOWN = 50
_OWN_LINES = (
    "Your own images, wherever a data set is named:",
    "  folder:PATH                     a sub-folder of image files for each class; or train, val and test with such",
    "  npz:FILE                        arrays x_train, y_train, x_test, y_test (x_val, y_val) of numpy.savez",
    "  module:PACKAGE.MODULE:FUNCTION  a function that returns such arrays, or two data sets of (image, label)",
    "`xpert-evo data info folder:PATH` shows what is found, and whether images are resized.",
)


def show_datasets(data_dir: Path) -> None:
    """Lists the supported data sets, where they are stored, and how to name your own images."""
    table = Table("name", "classes", "images", "stored in")
    for name, spec in DATASETS.items():
        table.add_row(name, str(spec.n_classes), spec.about, _place(name, data_dir))
    console = PlainConsole()
    console.table(table)
    console.lines(_OWN_LINES)


def show_dataset(name: str, data_dir: Path, image_size: str | None, resize: str) -> None:
    """Prints what a data set holds, class by class for one's own; decodes one's own images."""
    named = {"name": name, "data_dir": str(data_dir), "image_size": image_size, "resize": resize}
    settings = {f"dataset.{key}": value for key, value in named.items() if value is not None}
    dataset = cached_dataset(load_config(None, settings).dataset)
    shape = f"{size_text(dataset.image_size)} pixels with {counted(dataset.image_channels, 'channel')}"
    console = PlainConsole()
    console.lines(
        [
            f"{dataset.name}: {dataset.n_classes:,} classes, images of {shape}",
            f"digest {dataset.digest}",
        ]
    )
    table = Table("class", *PARTS)
    splits = [getattr(dataset, part) for part in PARTS]
    counts = [split.labels.bincount(minlength=dataset.n_classes).tolist() for split in splits]
    names = dataset.class_names or tuple(map(str, range(dataset.n_classes)))
    for label, own in list(zip(names, zip(*counts, strict=True), strict=True))[:_MOST_SHOWN]:
        table.add_row(label, *(f"{n:,}" for n in own))
    if len(names) > _MOST_SHOWN:
        table.add_row(f"{len(names) - _MOST_SHOWN:,} more", *[""] * len(PARTS))
    table.add_row("all", *(f"{len(split):,}" for split in splits))
    console.table(table)
    console.lines(dataset.notes)


def _place(name: str, data_dir: Path) -> str:
    if DATASETS[name].folder is None:
        return "embedded"
    try:
        return str(find_folder(name, data_dir))
    except DataError:
        return f"not found; {command_to_get(name, data_dir)}"


def fetch_one(name: str, data_dir: Path) -> None:
    """Downloads a data set into `data_dir`."""
    PlainConsole().lines([f"{name}: {fetch_dataset(name, data_dir)}"])


def import_one(name: str, path: Path, data_dir: Path) -> None:
    """Imports a data set from an archive or folder into `data_dir`."""
    PlainConsole().lines([f"{name}: {import_dataset(name, path, data_dir)}"])
