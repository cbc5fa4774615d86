"""The commands for settings, data sets and sources."""

from pathlib import Path
from typing import Annotated

import typer

from xpert_evo.cli.root import OTHER, Assignments, SettingsFile
from xpert_evo.paths import DATA_DIR, user_path

commands = typer.Typer()
data = typer.Typer(
    no_args_is_help=True, help="List data sets, look into one, download one, or import one that you have."
)
commands.add_typer(data, name="data", rich_help_panel=OTHER)
DataDir = Annotated[Path, typer.Option("--data-dir", parser=user_path, metavar="DIR", help="Where data sets lie.")]
DatasetName = Annotated[str, typer.Argument(metavar="NAME", help="Of the data set; see `xpert-evo data list`.")]


@data.command("list")
def list_(data_dir: DataDir = Path(DATA_DIR)) -> None:
    """Show the known data sets, which of them are at hand, and how to name your own images.

    Example:
      xpert-evo data list --data-dir ~/data
    """
    from xpert_evo.cli.datasets import show_datasets

    show_datasets(data_dir)


@data.command()
def info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Data set, such as folder:PATH; see `data list`.")],
    data_dir: DataDir = Path(DATA_DIR),
    resize: Annotated[
        str, typer.Option(metavar="crop|fit|stretch", help="How your own images become square.")
    ] = "crop",
) -> None:
    """Read a data set and show its classes and splits; decodes your own images, so later commands need not.

    Examples:
      xpert-evo data info folder:flowers
      xpert-evo data info npz:digits.npz --resize fit
    """
    from xpert_evo.cli.datasets import show_dataset

    show_dataset(name, data_dir, resize)


@data.command()
def fetch(name: DatasetName, data_dir: DataDir = Path(DATA_DIR)) -> None:
    """Download a data set from its canonical place, with checksum; goes on where it was cut off.

    Example:
      xpert-evo data fetch cifar10
    """
    from xpert_evo.cli.datasets import fetch_one

    fetch_one(name, data_dir)


@data.command("import")
def import_(
    name: DatasetName,
    path: Annotated[Path, typer.Argument(parser=user_path, metavar="PATH", help="Archive or folder that you have.")],
    data_dir: DataDir = Path(DATA_DIR),
) -> None:
    """Take a data set from an archive or folder that you have.

    Example:
      xpert-evo data import cifar10 cifar-10-binary.tar.gz
    """
    from xpert_evo.cli.datasets import import_one

    import_one(name, path, data_dir)


@commands.command(rich_help_panel=OTHER)
def init(
    path: Annotated[Path, typer.Argument(parser=user_path, metavar="FILE", help="Where to write.")] = Path(
        "xpert-evo.toml"
    ),
) -> None:
    """Write a settings file with every setting, its default and what it means.

    Examples:
      xpert-evo init
      xpert-evo init my-search.toml
    """
    from xpert_evo.cli.settings import write_settings

    write_settings(path)


@commands.command(rich_help_panel=OTHER)
def sources(config: SettingsFile = None, assignments: Assignments = None) -> None:
    """List the publications behind every constant in use.

    Example:
      xpert-evo sources --set hardware.device=rram-100k
    """
    from xpert_evo.cli.costs import show_sources

    show_sources(config, assignments)
