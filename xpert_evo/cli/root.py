"""The application itself, and the options that several of its commands share."""

from pathlib import Path
from typing import Annotated

import typer

from xpert_evo.executor_kinds import ExecutorKind
from xpert_evo.paths import user_path

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Evolve neural networks together with the analog in-memory-computing chips that run them.",
    epilog="Start with [bold]xpert-evo run[/bold]; it needs no settings and no data.",
)

RunFolder = Annotated[
    Path, typer.Argument(parser=user_path, metavar="DIR", help="A run's folder, such as runs/fashion-mnist-0.")
]
DesignFile = Annotated[
    Path,
    typer.Argument(
        parser=user_path, metavar="DESIGN.json", help="A design, a list of designs, or the front.json of a run."
    ),
]
OneDesign = Annotated[
    Path,
    typer.Argument(parser=user_path, metavar="DESIGN.json", help="One design, as `xpert-evo show --json` writes it."),
]
JsonLog = Annotated[bool, typer.Option("--json-log", help="Tell progress as JSON lines, for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Tell only the result.")]
SettingsFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", parser=user_path, metavar="FILE", help="Settings in TOML.", show_default=False),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as search.generations=40.", show_default=False),
]
ImagesName = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="NAME",
        help="Data set, or your own as folder:PATH, npz:FILE, module:M:F.",
        show_default=False,
    ),
]
ImagesFolder = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", parser=user_path, metavar="DIR", help="Where data sets lie (default: data).", show_default=False
    ),
]
Executor = Annotated[
    str | None,
    typer.Option("--executor", metavar="|".join(ExecutorKind), help="Where trainings run.", show_default=False),
]
Workers = Annotated[
    int | None, typer.Option("--workers", "-j", metavar="N", help="Trainings at a time.", show_default=False)
]
DaskScheduler = Annotated[
    str | None,
    typer.Option("--dask-scheduler", metavar="ADDRESS", help="A cluster, as tcp://host:8786.", show_default=False),
]

CostModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Cost model: published, xpertsim, neurosim, optimistic, pessimistic, or a file of your own (.toml).",
        show_default=False,
    ),
]

DesignId = Annotated[
    str | None, typer.Option("--id", metavar="K", help="A trained design, by the start of its id.", show_default=False)
]

SEARCH, RESULTS, DESIGNS, OTHER = "Search", "Results", "Designs", "Settings and data"


def image_settings(dataset: str | None, data_dir: Path | None) -> dict[str, object | None]:
    """The options of a command that name its images, as settings; None where an option was not given."""
    return {"dataset.name": dataset, "dataset.data_dir": str(data_dir) if data_dir is not None else None}


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Versions that matter, and exit.")] = False) -> None:
    """Evolve neural networks together with the analog in-memory-computing chips that run them."""
    if version:
        from xpert_evo.versions import versions

        for name, number in versions().items():
            typer.echo(f"{name} {number}")
        raise typer.Exit
