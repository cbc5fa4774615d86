"""The commands for settings, data sets and sources."""

from pathlib import Path
from typing import Annotated

import typer

from xpert_evo.cli.root import OTHER, Assignments, SettingsFile
from xpert_evo.paths import DATA_DIR, user_path

commands = typer.Typer()
data = typer.Typer(no_args_is_help=True, help="List, inspect, download or import data sets.")
commands.add_typer(data, name="data", rich_help_panel=OTHER)
DataDir = Annotated[Path, typer.Option("--data-dir", parser=user_path, metavar="DIR", help="Folder of the data sets.")]
DatasetName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the data set; see `xpert-evo data list`.")]


@data.command("list")
def list_(data_dir: DataDir = Path(DATA_DIR)) -> None:
    """List the supported data sets and the ways to name your own images.

    Example:
      xpert-evo data list --data-dir ~/data
    """
    from xpert_evo.cli.datasets import show_datasets

    show_datasets(data_dir)


@data.command()
def info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Data set, such as folder:PATH; see `data list`.")],
    data_dir: DataDir = Path(DATA_DIR),
    image_size: Annotated[
        str | None, typer.Option(metavar="HxW", help="Resize your own images to this size, such as 32 or 48x64.")
    ] = None,
    resize: Annotated[
        str, typer.Option(metavar="crop|fit|stretch", help="Resize your own images in this way.")
    ] = "crop",
) -> None:
    """Show the classes and splits of a data set.

    Your own images are decoded once; later commands use the decoded copy.

    Examples:
      xpert-evo data info folder:flowers
      xpert-evo data info npz:digits.npz --image-size 32 --resize fit
    """
    from xpert_evo.cli.datasets import show_dataset

    show_dataset(name, data_dir, image_size, resize)


@data.command()
def fetch(name: DatasetName, data_dir: DataDir = Path(DATA_DIR)) -> None:
    """Download a data set and verify its checksum.

    It comes from its official source. An interrupted download is continued.

    Example:
      xpert-evo data fetch cifar10
    """
    from xpert_evo.cli.datasets import fetch_one

    fetch_one(name, data_dir)


@data.command("import")
def import_(
    name: DatasetName,
    path: Annotated[Path, typer.Argument(parser=user_path, metavar="PATH", help="Archive or folder to import.")],
    data_dir: DataDir = Path(DATA_DIR),
) -> None:
    """Import a data set from an archive or folder on this machine.

    Example:
      xpert-evo data import cifar10 cifar-10-binary.tar.gz
    """
    from xpert_evo.cli.datasets import import_one

    import_one(name, path, data_dir)


@commands.command(rich_help_panel=OTHER)
def init(
    path: Annotated[Path, typer.Argument(parser=user_path, metavar="FILE", help="Settings file to write.")] = Path(
        "xpert-evo.toml"
    ),
) -> None:
    """Write a settings file that documents every setting.

    Examples:
      xpert-evo init
      xpert-evo init my-search.toml
    """
    from xpert_evo.cli.settings import write_settings

    write_settings(path)


@commands.command(rich_help_panel=OTHER)
def sources(config: SettingsFile = None, assignments: Assignments = None) -> None:
    """List the publications behind the constants of the hardware model.

    Example:
      xpert-evo sources --set hardware.device=rram-100k
    """
    from xpert_evo.cli.costs import show_sources

    show_sources(config, assignments)
