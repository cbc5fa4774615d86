"""The commands that run and watch searches."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from xpert_evo.cli.root import (
    LOADING,
    SEARCH,
    Assignments,
    CostModelName,
    DaskScheduler,
    Executor,
    ImagesFolder,
    ImagesName,
    JsonLog,
    Quiet,
    RunFolder,
    SettingsFile,
    Workers,
    image_settings,
)
from xpert_evo.errors import UsageError
from xpert_evo.paths import user_path

commands = typer.Typer()

Goal = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="native",
        help="Train the best designs and their rivals at native size afterwards.",
        show_default=False,
    ),
]
NativeRecipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME",
        help="Train at native size by quick, hour, night, best or a FILE.toml (default: hour).",
        show_default=False,
    ),
]
Hours = Annotated[
    float | None,
    typer.Option(metavar="H", help="Scale trainings at native size so that all takes H hours.", show_default=False),
]


def _executor_options(
    executor: str | None, workers: int | None, dask_scheduler: str | None
) -> dict[str, object | None]:
    """Settings of the executor; the address of a Dask scheduler implies the Dask executor."""
    if dask_scheduler is not None and executor is None:
        executor = "dask"
    return {"executor.kind": executor, "executor.workers": workers, "executor.dask_scheduler": dask_scheduler}


def _native_options(goal: str | None, recipe: str | None, hours: float | None) -> dict[str, object | None]:
    """Settings of the trainings at native size; raises UsageError for an unknown goal."""
    if goal not in {None, "native"}:
        raise UsageError(f"--to takes native, got '{goal}'; leave it out to end with the front of proxies.")
    return {"native.train": True if goal else None, "native.recipe": recipe, "native.hours": hours}


def _area_limits(limits: list[float]) -> dict[str, object]:
    """Area limits as settings: the loosest is the run's limit; each of the others gets a front of its own."""
    if not limits:
        return {}
    *further, loosest = sorted(limits)
    return {"hardware.area_limit_mm2": loosest, **({"hardware.further_area_limits_mm2": further} if further else {})}


@commands.command(rich_help_panel=SEARCH)
def run(
    config: SettingsFile = None,
    assignments: Assignments = None,
    dataset: ImagesName = None,
    data_dir: ImagesFolder = None,
    model: CostModelName = None,
    area_limit_mm2: Annotated[
        list[float] | None,
        typer.Option(
            metavar="X",
            help="Limit the total area of the tiles (mm²); repeat it for one front per limit.",
            show_default=False,
        ),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(metavar="MODE", help="Search joint, two-phase, random or random-homogeneous.", show_default=False),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Random seed of the run.", show_default=False)] = None,
    goal: Goal = None,
    recipe: NativeRecipe = None,
    hours: Hours = None,
    executor: Executor = None,
    workers: Workers = None,
    dask_scheduler: DaskScheduler = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="DIR",
            help="Write the run to DIR (default: runs/DATASET-SEED).",
            show_default=False,
        ),
    ] = None,
    labels_from: Annotated[
        list[Path] | None,
        typer.Option(
            "--labels-from",
            parser=user_path,
            metavar="DIR",
            help="Reuse the measured accuracies of the run in DIR; can be repeated.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the settings, the task and an estimate of its time, then exit.")
    ] = False,
    json_log: JsonLog = False,
    quiet: Quiet = False,
) -> None:
    """Search for designs that trade accuracy against hardware cost.

    A run trains some first designs, fits a surrogate to their accuracies, evolves
    designs on it, trains the most promising ones, and measures the finalists on
    test images. With --to native, the most promising designs and the best
    homogeneous ones are then trained at native size and judged.

    Examples:
      xpert-evo run
      xpert-evo run --to native --hours 8
      xpert-evo run --dataset cifar10 --data-dir ~/data --area-limit-mm2 40
      xpert-evo run --mode two-phase
      xpert-evo run --model xpertsim
      xpert-evo run --area-limit-mm2 50 --area-limit-mm2 30
      xpert-evo run --set training.protocol=smoke --set search.generations=20
    """
    from xpert_evo.progress import Stage, choose_listener

    listener = choose_listener(json_log=json_log, quiet=quiet or dry_run)
    listener.tell(Stage(text=LOADING))  # before the imports that take seconds
    options = {
        **image_settings(dataset, data_dir),
        "search.mode": mode,
        "hardware.model": model,
        **_area_limits(area_limit_mm2 or []),
        "seed": seed,
        **_native_options(goal, recipe, hours),
        **_executor_options(executor, workers, dask_scheduler),
    }
    with closing(listener):
        from xpert_evo.cli.searching import start

        start(
            config,
            assignments,
            options,
            labels_from=labels_from or (),
            out=out,
            dry_run=dry_run,
            listener=listener,
            json_log=json_log,
        )


@commands.command(rich_help_panel=SEARCH)
def resume(
    folder: RunFolder,
    assignments: Assignments = None,
    goal: Goal = None,
    recipe: NativeRecipe = None,
    hours: Hours = None,
    executor: Executor = None,
    workers: Workers = None,
    dask_scheduler: DaskScheduler = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what is left and an estimate of its time, then exit.")
    ] = False,
    json_log: JsonLog = False,
    quiet: Quiet = False,
) -> None:
    """Continue an interrupted run, or train the designs of an ended one.

    The front is the same, bit for bit, as without the interruption. With --to
    native, the designs of an ended search are trained at native size.

    Examples:
      xpert-evo resume runs/fashion-mnist-0
      xpert-evo resume runs/fashion-mnist-0 --to native --recipe quick
    """
    from xpert_evo.progress import Stage, choose_listener

    listener = choose_listener(json_log=json_log, quiet=quiet or dry_run)
    listener.tell(Stage(text=LOADING))
    with closing(listener):
        from xpert_evo.cli import searching

        options = {
            **_native_options(goal, recipe, hours),
            **_executor_options(executor, workers, dask_scheduler),
        }
        if dry_run:
            searching.show_rest(folder, assignments, options)
        else:
            searching.resume(folder, assignments, options, listener=listener, json_log=json_log)


@commands.command(rich_help_panel=SEARCH)
def status(folder: RunFolder) -> None:
    """Show the progress of a run and its best designs so far.

    It only reads, so it does not disturb a run in progress.

    Example:
      xpert-evo status runs/fashion-mnist-0
    """
    from xpert_evo.cli.status import show_status

    show_status(folder)


@commands.command(rich_help_panel=SEARCH)
def report(folder: RunFolder) -> None:
    """Write the report of a run again.

    Writes report.html, front.json, front.csv and the pictures from the stored
    results.

    Example:
      xpert-evo report runs/fashion-mnist-0
    """
    from xpert_evo.cli import searching

    searching.report(folder)
