"""The commands and their options. Nothing heavy is imported before a command runs, so that `--help` is instant."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Evolve neural networks together with the analog in-memory-computing chips that run them.",
    epilog="Start with [bold]xpert-evo run[/bold]; it needs no settings and no data.",
)

RunFolder = Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, such as runs/fashion-mnist-0.")]
DesignFile = Annotated[
    Path, typer.Argument(metavar="DESIGN.json", help="A design, a list of designs, or the front.json of a run.")
]
JsonLog = Annotated[bool, typer.Option("--json-log", help="Tell progress as JSON lines, for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Tell only the result.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="Settings in TOML.", show_default=False)
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as search.generations=40.", show_default=False),
]
Executor = Annotated[
    str | None,
    typer.Option("--executor", metavar="serial|processes|dask", help="Where trainings run.", show_default=False),
]
Workers = Annotated[
    int | None, typer.Option("--workers", "-j", metavar="N", help="Trainings at a time.", show_default=False)
]
DaskScheduler = Annotated[
    str | None,
    typer.Option("--dask-scheduler", metavar="ADDRESS", help="A cluster, as tcp://host:8786.", show_default=False),
]

DesignId = Annotated[
    str | None, typer.Option("--id", metavar="K", help="A trained design, by the start of its id.", show_default=False)
]

SEARCH, RESULTS, DESIGNS, OTHER = "Search", "Results", "Designs", "Settings and data"


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Versions that matter, and exit.")] = False) -> None:
    """Evolve neural networks together with the analog in-memory-computing chips that run them."""
    if version:
        from xpert_evo.versions import versions

        for name, number in versions().items():
            typer.echo(f"{name} {number}")
        raise typer.Exit


def _executor_options(
    executor: str | None, workers: int | None, dask_scheduler: str | None
) -> dict[str, object | None]:
    """Where trainings run, as settings; the address of a Dask scheduler says enough."""
    if dask_scheduler is not None and executor is None:
        executor = "dask"
    return {"executor.kind": executor, "executor.workers": workers, "executor.dask_scheduler": dask_scheduler}


@app.command(rich_help_panel=SEARCH)
def run(
    config: SettingsFile = None,
    assignments: Assignments = None,
    dataset: Annotated[str | None, typer.Option(metavar="NAME", help="Images to learn.", show_default=False)] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where data sets lie.", show_default=False)
    ] = None,
    area_limit_mm2: Annotated[
        float | None, typer.Option(metavar="X", help="Largest chip area.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of all randomness.", show_default=False)] = None,
    executor: Executor = None,
    workers: Workers = None,
    dask_scheduler: DaskScheduler = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run folder [runs/DATASET-SEED].", show_default=False)
    ] = None,
    labels_from: Annotated[
        list[Path] | None,
        typer.Option("--labels-from", metavar="DIR", help="Reuse an earlier run's labels.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the settings and the task, then stop.")] = False,
    json_log: JsonLog = False,
    quiet: Quiet = False,
) -> None:
    """Search: train first designs, fit the surrogate, evolve, train the front, judge the finalists.

    Examples:
      xpert-evo run
      xpert-evo run --dataset cifar10 --data-dir ~/data --area-limit-mm2 40 --seed 1
      xpert-evo run --set training.protocol=smoke --set search.generations=20
    """
    from xpert_evo.cli.searching import start

    options = {
        "dataset.name": dataset,
        "dataset.data_dir": str(data_dir) if data_dir is not None else None,
        "hardware.area_limit_mm2": area_limit_mm2,
        "seed": seed,
        **_executor_options(executor, workers, dask_scheduler),
    }
    start(
        config,
        assignments,
        options,
        labels_from=labels_from or (),
        out=out,
        dry_run=dry_run,
        json_log=json_log,
        quiet=quiet,
    )


@app.command(rich_help_panel=SEARCH)
def resume(
    folder: RunFolder,
    assignments: Assignments = None,
    executor: Executor = None,
    workers: Workers = None,
    dask_scheduler: DaskScheduler = None,
    json_log: JsonLog = False,
    quiet: Quiet = False,
) -> None:
    """Go on with an interrupted run; it ends with the same front as an uninterrupted one.

    Example:
      xpert-evo resume runs/fashion-mnist-0
    """
    from xpert_evo.cli import searching

    options = _executor_options(executor, workers, dask_scheduler)
    searching.resume(folder, assignments, options, json_log=json_log, quiet=quiet)


@app.command(rich_help_panel=SEARCH)
def status(folder: RunFolder) -> None:
    """Tell how far a run is and its best designs so far, without disturbing it."""
    from xpert_evo.cli.status import show_status

    show_status(folder)


@app.command(rich_help_panel=SEARCH)
def report(folder: RunFolder) -> None:
    """Write report.html, front.json, front.csv and the pictures of a run again, from its store."""
    from xpert_evo.cli.searching import show_result

    show_result(folder)


@app.command(rich_help_panel=RESULTS)
def show(
    folder: RunFolder,
    knee: Annotated[bool, typer.Option("--knee", help="The knee of the front (what is shown by default).")] = False,
    accuracy: Annotated[
        float | None,
        typer.Option(metavar="X", help="The lowest EDAP of at least this validation accuracy.", show_default=False),
    ] = None,
    id_: DesignId = None,
    as_json: Annotated[bool, typer.Option("--json", help="As a design file.")] = False,
) -> None:
    """Show one design of a run, layer by layer.

    Examples:
      xpert-evo show runs/fashion-mnist-0 --knee
      xpert-evo show runs/fashion-mnist-0 --accuracy 0.85 --json > design.json
    """
    from xpert_evo.cli import results

    results.show(folder, knee=knee, accuracy=accuracy, id_=id_, as_json=as_json)


@app.command(rich_help_panel=RESULTS)
def compare(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR DIR...", help="Folders of two or more runs.")],
    picture: Annotated[Path, typer.Option(metavar="FILE", help="Their fronts; png, svg or pdf.")] = Path(
        "comparison.png"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Compare fronts: hypervolume, EDAP at equal accuracy, and whose designs survive the union.

    Example:
      xpert-evo compare runs/fashion-mnist-0 runs/fashion-mnist-1
    """
    from xpert_evo.cli.results import compare_runs

    compare_runs(folders, picture=picture, as_json=as_json)


@app.command(rich_help_panel=RESULTS)
def export(
    folder: RunFolder,
    formats: Annotated[
        str, typer.Option("--format", metavar="NAME,...", help="json, csv, neurosim or torch.")
    ] = "json,csv,neurosim",
    id_: DesignId = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder [DIR/export].", show_default=False)] = None,
) -> None:
    """Write the front, or one design, for other tools; torch needs designs that `train` has trained.

    Example:
      xpert-evo export runs/fashion-mnist-0 --format json,neurosim
    """
    from xpert_evo.cli.results import export_designs

    export_designs(folder, formats=formats, id_=id_, out=out)


@app.command(rich_help_panel=DESIGNS)
def evaluate(
    design: DesignFile,
    config: SettingsFile = None,
    assignments: Assignments = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Decides image planes and classes.", show_default=False),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="LAYER", help="Follow a layer's numbers to constants.", show_default=False),
    ] = None,
) -> None:
    """Show the hardware cost of designs, by layer and component.

    Examples:
      xpert-evo evaluate design.json
      xpert-evo evaluate design.json --explain conv4
      xpert-evo evaluate runs/fashion-mnist-0/front.json --json
    """
    from xpert_evo.cli.costs import show_cost

    show_cost(design, config, assignments, dataset=dataset, as_json=as_json, explain=explain)


@app.command(rich_help_panel=DESIGNS)
def train(
    design: DesignFile,
    config: SettingsFile = None,
    assignments: Assignments = None,
    dataset: Annotated[str | None, typer.Option(metavar="NAME", help="Images to learn.", show_default=False)] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where data sets lie.", show_default=False)
    ] = None,
    protocol: Annotated[str, typer.Option(metavar="NAME", help="Named training settings.")] = "full",
    seed: Annotated[int, typer.Option(metavar="N", help="Of initial weights, batches and noise.")] = 0,
    noise_draws: Annotated[int, typer.Option(metavar="K", min=0, help="Random devices to judge with.")] = 5,
    noise: Annotated[
        list[str] | None,
        typer.Option("--noise", metavar="KEY=VALUE", help="Of the devices [variation_ratio=0.1].", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder [runs/train-DIGEST].", show_default=False)
    ] = None,
) -> None:
    """Train one design to the end and measure it on the test set, with and without device noise.

    Goes on from its last epoch when called again with the same folder.

    Example:
      xpert-evo train design.json --protocol laptop-finalist --noise-draws 5
    """
    from xpert_evo.cli.training import train_one

    options = {"dataset.name": dataset, "dataset.data_dir": str(data_dir) if data_dir is not None else None}
    train_one(
        design,
        config,
        assignments,
        options,
        protocol=protocol,
        seed=seed,
        noise=noise or ["variation_ratio=0.1"],
        noise_draws=noise_draws,
        out=out,
    )


data = typer.Typer(no_args_is_help=True, help="List data sets, download one, or import one that you have.")
app.add_typer(data, name="data", rich_help_panel=OTHER)
DataDir = Annotated[Path, typer.Option("--data-dir", metavar="DIR", help="Where data sets lie.")]
DatasetName = Annotated[str, typer.Argument(metavar="NAME", help="Of the data set; see `xpert-evo data list`.")]


@data.command("list")
def list_(data_dir: DataDir = Path("data")) -> None:
    """Show the known data sets and which of them are at hand."""
    from xpert_evo.cli.datasets import show_datasets

    show_datasets(data_dir)


@data.command()
def fetch(name: DatasetName, data_dir: DataDir = Path("data")) -> None:
    """Download a data set from its canonical place, with checksum; goes on where it was cut off.

    Example:
      xpert-evo data fetch cifar10
    """
    from xpert_evo.cli.datasets import fetch_one

    fetch_one(name, data_dir)


@data.command("import")
def import_(
    name: DatasetName,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Archive or folder that you have.")],
    data_dir: DataDir = Path("data"),
) -> None:
    """Take a data set from an archive or folder that you have.

    Example:
      xpert-evo data import cifar10 cifar-10-binary.tar.gz
    """
    from xpert_evo.cli.datasets import import_one

    import_one(name, path, data_dir)


@app.command(rich_help_panel=OTHER)
def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write.")] = Path("xpert-evo.toml"),
) -> None:
    """Write a settings file with every setting, its default and what it means."""
    from xpert_evo.cli.settings import write_settings

    write_settings(path)


@app.command(rich_help_panel=OTHER)
def sources(config: SettingsFile = None, assignments: Assignments = None) -> None:
    """List the publications behind every constant in use."""
    from xpert_evo.cli.costs import show_sources

    show_sources(config, assignments)
