"""`xpert-evo run`, `resume` and `report`."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.dry_run import show_left, show_task
from xpert_evo.cli.settings import changes, resolve
from xpert_evo.errors import InfeasibleError, InterruptedRunError, StoreError, XpertEvoError
from xpert_evo.image_sources import short_name
from xpert_evo.orchestration.native_plan import check_recipe_is_used
from xpert_evo.orchestration.start import begin, check_earlier, go_on
from xpert_evo.progress import Listener, Stage
from xpert_evo.report.result import RunResult, load_result
from xpert_evo.report.scene import Scene
from xpert_evo.report.table import limits_table, native_table, result_table, rival_line
from xpert_evo.report.unmet import unmet_limits
from xpert_evo.report.writing import write_report
from xpert_evo.store import FILE_NAME, Store, require_free
from xpert_evo.streams import in_shell, say


def start(
    config: Path | None,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    *,
    labels_from: Sequence[Path],
    out: Path | None,
    dry_run: bool,
    listener: Listener,
    json_log: bool,
) -> None:
    """Runs a new search and shows its result."""
    settings = resolve(config, assignments, options)
    if options.get("native.recipe") is not None:
        check_recipe_is_used(settings)
    folder = out or _free_folder(Path("runs") / f"{short_name(settings.dataset.name)}-{settings.seed}")
    if dry_run:
        check_earlier(labels_from)
        require_free(folder)
        show_task(settings, folder)
        return
    _work(folder, lambda: begin(settings, folder, listener, labels_from), listener, json_log=json_log)


def resume(
    folder: Path,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    *,
    listener: Listener,
    json_log: bool,
) -> None:
    """Continues a run and shows its result."""
    _work(folder, lambda: go_on(folder, changes(assignments, options), listener), listener, json_log=json_log)


def show_rest(folder: Path, assignments: Sequence[str] | None, options: Mapping[str, object | None]) -> None:
    """Shows what `resume` would do, and about how long it would take."""
    with Store.open_readonly(folder) as store:
        show_left(store, changes(assignments, options))


def _work(folder: Path, search: Callable[[], None], listener: Listener, *, json_log: bool) -> None:
    """Carries out a search, writes its report and shows it; after Ctrl-C, names the command that continues."""
    try:
        search()
        listener.tell(Stage(text="writing the report"))
        with _told_how(f"the search has ended; `xpert-evo report {in_shell(folder)}` writes its files"):
            written = _write(folder)
    except KeyboardInterrupt:  # before or after the steps that handle it themselves
        if not (folder / FILE_NAME).is_file():
            raise
        raise InterruptedRunError(
            f"stopped; all finished work is kept. Continue with `xpert-evo resume {in_shell(folder)}`."
        ) from None
    finally:
        listener.close()
    with _told_how(f"the search has ended and its files are written; `xpert-evo report {in_shell(folder)}` shows it"):
        _show(folder, *written, json_log=json_log)
    _must_keep_limits(folder)


@contextmanager
def _told_how(how: str) -> Iterator[None]:
    """Turns Ctrl-C into an InterruptedRunError that describes the state and how to continue."""
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedRunError(f"stopped; {how}.") from None


def show_result(folder: Path) -> None:
    """Writes the files of a run's result from its store, and shows its table; raises StoreError."""
    _show(folder, *_write(folder), json_log=False)


def _write(folder: Path) -> tuple[RunResult, Scene | None, list[str]]:
    """Writes the report files of a run; returns the result, its scene, and a sentence for each part that failed."""
    with Store.open_readonly(folder) as store:
        result = load_result(store)
    if not result.measured:
        raise StoreError(f"{folder} has no finished training yet; continue with `xpert-evo resume {in_shell(folder)}`.")
    return result, *write_report(folder, result)


def _show(folder: Path, result: RunResult, scene: Scene | None, complaints: list[str], *, json_log: bool) -> None:
    """Shows a result unless JSON is printed; raises XpertEvoError if some of its files could not be written."""
    if result.cost_drift is not None:
        say(result.cost_drift)
    if not json_log:
        console = PlainConsole()
        if (natives := native_table(result)) is not None and result.native is not None:
            console.table(natives)
            console.lines([result.native.line])
        console.table(result_table(result))
        if scene is not None:
            rival = rival_line(scene.recommended, result.config.training.protocol)
            luck = scene.luck.sentence if scene.luck is not None else None
            verdict = scene.verdict.line if scene.verdict is not None else None
            console.lines([line for line in (rival, luck, verdict) if line is not None])
        if (by_limit := limits_table(result)) is not None:
            console.table(by_limit)
        if not complaints:
            console.lines([f"report.html, front.json, front.csv and pictures: {folder}"])
    if complaints:
        raise XpertEvoError(
            f"the report in {folder} is incomplete: {'; '.join(complaints)}. No training is lost: fix this, then run "
            f"`xpert-evo report {in_shell(folder)}`."
        )


def report(folder: Path) -> None:
    """Writes a run's files again and shows its table; warns, without failing, if no design meets the limits."""
    show_result(folder)
    if (sentence := _unmet(folder)) is not None:
        PlainConsole().warnings([sentence])


def _must_keep_limits(folder: Path) -> None:
    """Raises InfeasibleError if a run has ended and no trained design meets the accuracy limits."""
    if (sentence := _unmet(folder)) is not None:
        raise InfeasibleError(f"{sentence} The trained designs are in {folder}.")


def _unmet(folder: Path) -> str | None:
    with Store.open_readonly(folder) as store:
        return unmet_limits(load_result(store))


def _free_folder(folder: Path) -> Path:
    """`folder`, or the first free name with a number appended."""
    n = 1
    candidate = folder
    while os.path.lexists(candidate):  # False, not an error, for names that no file system accepts
        n += 1
        candidate = folder.with_name(f"{folder.name}-{n}")
    return candidate
