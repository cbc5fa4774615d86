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
    Path, typer.Argument(parser=user_path, metavar="DIR", help="Folder of a run, such as runs/fashion-mnist-0.")
]
DesignFile = Annotated[
    Path,
    typer.Argument(
        parser=user_path, metavar="DESIGN.json", help="File with one design or several, such as a run's front.json."
    ),
]
TrainedWeights = Annotated[
    Path,
    typer.Argument(
        parser=user_path, metavar="WEIGHTS.safetensors", help="Network trained by `xpert-evo train`, or its folder."
    ),
]
OneDesign = Annotated[
    Path,
    typer.Argument(
        parser=user_path, metavar="DESIGN.json", help="File with one design, as written by `xpert-evo show --json`."
    ),
]
JsonLog = Annotated[bool, typer.Option("--json-log", help="Print progress as JSON lines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result.")]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", parser=user_path, metavar="FILE", help="Read settings from a TOML file.", show_default=False
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting, such as search.generations=40; can be repeated.",
        show_default=False,
    ),
]
ImagesName = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="NAME",
        help="Use this data set, or your own images: folder:PATH, npz:FILE, module:MODULE:FUNCTION.",
        show_default=False,
    ),
]
ImagesFolder = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        parser=user_path,
        metavar="DIR",
        help="Read data sets from DIR (default: data).",
        show_default=False,
    ),
]
Executor = Annotated[
    str | None,
    typer.Option("--executor", metavar="|".join(ExecutorKind), help="Choose where trainings run.", show_default=False),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", "-j", metavar="N", help="Run N trainings in parallel.", show_default=False),
]
DaskScheduler = Annotated[
    str | None,
    typer.Option(
        "--dask-scheduler",
        metavar="ADDRESS",
        help="Use the Dask cluster with this scheduler, such as tcp://host:8786.",
        show_default=False,
    ),
]

CostModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Use this cost model: published, xpertsim, neurosim, optimistic, pessimistic, or your own TOML file.",
        show_default=False,
    ),
]

DesignId = Annotated[
    str | None,
    typer.Option("--id", metavar="K", help="Select a trained design by the start of its id.", show_default=False),
]

SEARCH, RESULTS, DESIGNS, OTHER = "Search", "Results", "Designs", "Settings and data"

LOADING = "loading the program"
"""What commands tell before the imports that take seconds."""


def image_settings(dataset: str | None, data_dir: Path | None) -> dict[str, object | None]:
    """Settings given by a command's data set options; None where an option was not given."""
    return {"dataset.name": dataset, "dataset.data_dir": str(data_dir) if data_dir is not None else None}


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print version numbers and exit.")] = False) -> None:
    """Evolve neural networks together with the analog in-memory-computing chips that run them."""
    if version:
        from xpert_evo.versions import versions

        for name, number in versions().items():
            typer.echo(f"{name} {number}")
        raise typer.Exit
