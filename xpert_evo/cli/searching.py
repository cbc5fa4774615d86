"""`xpert-evo run`, `resume` and `report`."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.dry_run import show_task
from xpert_evo.cli.settings import changes, resolve
from xpert_evo.errors import InfeasibleError, StoreError
from xpert_evo.orchestration.start import begin, check_earlier, go_on
from xpert_evo.progress import choose_listener
from xpert_evo.report.result import load_result
from xpert_evo.report.table import limits_table, result_table, rival_line
from xpert_evo.report.unmet import unmet_limits
from xpert_evo.report.writing import write_report
from xpert_evo.store import Store


def start(
    config: Path | None,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    *,
    labels_from: Sequence[Path],
    out: Path | None,
    dry_run: bool,
    json_log: bool,
    quiet: bool,
) -> None:
    """Runs a new search and shows its result."""
    settings = resolve(config, assignments, options)
    folder = out or _free_folder(Path("runs") / f"{settings.dataset.name}-{settings.seed}")
    if dry_run:
        check_earlier(labels_from)
        show_task(settings, folder)
        return
    listener = choose_listener(json_log=json_log, quiet=quiet)
    try:
        begin(settings, folder, listener, labels_from)
    finally:
        listener.close()
    show_result(folder, json_log=json_log)
    _must_keep_limits(folder)


def resume(
    folder: Path,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    *,
    json_log: bool,
    quiet: bool,
) -> None:
    """Goes on with a run and shows its result."""
    listener = choose_listener(json_log=json_log, quiet=quiet)
    try:
        go_on(folder, changes(assignments, options), listener)
    finally:
        listener.close()
    show_result(folder, json_log=json_log)
    _must_keep_limits(folder)


def show_result(folder: Path, *, json_log: bool = False) -> None:
    """Writes the files of a run's result from its store, and shows its table unless a machine reads along."""
    with Store.open_readonly(folder) as store:
        result = load_result(store)
    if not result.measured:
        raise StoreError(f"{folder} has no finished training yet; go on with `xpert-evo resume {folder}`.")
    scene, complaints = write_report(folder, result)
    for complaint in complaints:
        sys.stderr.write(f"xpert-evo: {complaint}; mend that, then `xpert-evo report {folder}`.\n")
    if result.cost_drift is not None:
        sys.stderr.write(f"xpert-evo: {result.cost_drift}\n")
    if not json_log:
        console = PlainConsole()
        console.table(result_table(result))
        if scene is not None:
            rival = rival_line(scene.recommended, result.config.training.protocol)
            luck = scene.luck.sentence if scene.luck is not None else None
            console.lines([line for line in (rival, luck) if line is not None])
        if (by_limit := limits_table(result)) is not None:
            console.table(by_limit)
        console.lines([f"report.html, front.json, front.csv and pictures: {folder}"])


def report(folder: Path) -> None:
    """Writes a run's files again and shows its table; where nothing keeps the limits, it says so and ends well."""
    show_result(folder)
    if (sentence := _unmet(folder)) is not None:
        PlainConsole().warnings([sentence])


def _must_keep_limits(folder: Path) -> None:
    """Raises InfeasibleError where a run has ended and nothing that it trained keeps the limits on accuracy."""
    if (sentence := _unmet(folder)) is not None:
        raise InfeasibleError(f"{sentence} What was trained: {folder}.")


def _unmet(folder: Path) -> str | None:
    with Store.open_readonly(folder) as store:
        return unmet_limits(load_result(store))


def _free_folder(folder: Path) -> Path:
    """`folder`, or the first free one with a number behind its name."""
    n = 1
    candidate = folder
    while os.path.lexists(candidate):  # false, not an error, for a name that no file system takes
        n += 1
        candidate = folder.with_name(f"{folder.name}-{n}")
    return candidate
