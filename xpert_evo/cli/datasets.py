"""`xpert-evo data list`, `fetch` and `import`."""

from pathlib import Path

from rich.table import Table

from xpert_evo.accuracy.datasets.catalogue import DATASETS, command_to_get, find_folder
from xpert_evo.accuracy.datasets.transfer import fetch_dataset, import_dataset
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.errors import DataError


def show_datasets(data_dir: Path) -> None:
    """Lists the supported data sets and whether they are embedded, stored locally or still to be downloaded."""
    table = Table("name", "classes", "images", "stored in")
    for name, spec in DATASETS.items():
        table.add_row(name, str(spec.n_classes), spec.about, _place(name, data_dir))
    PlainConsole().table(table)


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
