"""Output of `--dry-run`: the resolved settings with defaults dimmed, the task, and an estimate of its time."""

from collections.abc import Mapping
from pathlib import Path

from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.backbone_remarks import remarks_on, shared_depths
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.status import status_lines
from xpert_evo.config import RunConfig, Schedule
from xpert_evo.orchestration.chips import alike_words, device_words
from xpert_evo.orchestration.estimate import Estimate, estimate, planned_workers
from xpert_evo.orchestration.finalists import most_finalists
from xpert_evo.orchestration.limits import reach
from xpert_evo.orchestration.names import REUSED
from xpert_evo.orchestration.native_estimate import NativeEstimate, estimate_native
from xpert_evo.orchestration.native_left import NativeLeft, native_left
from xpert_evo.orchestration.native_plan import native_note
from xpert_evo.orchestration.proxies import proxy_warnings
from xpert_evo.orchestration.remaining import SplitSizes, left_s
from xpert_evo.orchestration.start import opened, prepare
from xpert_evo.orchestration.task import Task
from xpert_evo.progress import Silent
from xpert_evo.report.page.tables import flat_settings
from xpert_evo.store import Store
from xpert_evo.streams import in_shell
from xpert_evo.words import counted, duration, edap_text

_UNITS = {"area": "mm²", "latency": "µs", "energy": "µJ"}


def show_task(config: RunConfig, folder: Path) -> None:
    """Prints the settings, the task and an estimate of its time; raises the same errors as `prepare`.

    Args:
        config: Settings of the run.
        folder: Folder that the run would write to.
    """
    task, dataset = prepare(config)
    console, used = PlainConsole(), alike_words(task.config)
    for name, value, default in flat_settings(task.config):
        console.lines([f"{name} = {value}{used.get(name, '')}"], style="dim" if default else "bold")
    console.lines(["", *_task_lines(task, dataset), f"output folder: {folder}", f"executor: {_workers(config)}"])
    console.lines(_idle_lines(config))
    console.lines(dataset.notes)
    console.warnings([*remarks_on(task.backbone), *filter(None, [task.implausibility])])
    console.warnings(proxy_warnings(task.space, config))
    console.lines(["measuring speed on this machine ..."], style="dim")
    with console.ticker() as ticker:

        def tell(what: str) -> None:
            ticker.tick(lambda: f"measuring {what}")

        found = estimate(task, dataset, tell=tell)
        lines = _time_lines(config, found)
        if config.native.train:
            native = estimate_native(task, dataset, n_workers=found.n_workers, search_s=found.seconds, tell=tell)
            lines = [lines[0].replace("time:", "search and finalists:", 1), lines[1], *_native_lines(native, dataset)]
            lines.append(f"time: about {duration(found.seconds + native.total_s)} for the whole run")
    console.lines(lines)


def show_left(store: Store, overrides: Mapping[str, object]) -> None:
    """Prints what is left of a run and an estimate of its time; raises the errors of `opened`.

    Args:
        store: Store of the run.
        overrides: Changed settings by dotted name.
    """
    _, task, dataset = opened(store, overrides, Silent())
    n_workers = planned_workers(task.config)
    left = left_s(store, task, SplitSizes.of(dataset), n_workers)
    console = PlainConsole()
    lines = [*status_lines(store)]
    planned = native_note(store) if task.config.native.train else None
    with console.ticker() as ticker:

        def tell(what: str) -> None:
            ticker.tick(lambda: f"measuring {what}")

        if planned is not None:
            rest = native_left(store, task, dataset, planned, n_workers=n_workers, tell=tell)
            lines += _left_lines(rest)
        else:
            told = "unknown until a training has ended" if left is None else f"about {duration(left)}"
            rest_of_search = f"left of the search: {told} of trainings, {n_workers} at a time, not counting searches"
            lines.append("no training of the search is left" if left == 0 else rest_of_search)
            if left == 0 and not task.config.native.train:
                lines.append(f"`xpert-evo resume {in_shell(store.folder)} --to native` trains designs at native size")
            if task.config.native.train:
                search_s = (left or 0.0) + _own_s(store) / n_workers
                native = estimate_native(task, dataset, n_workers=n_workers, search_s=search_s, tell=tell)
                lines += _native_lines(native, dataset)
                if left is not None:
                    lines.append(f"time: about {duration(left + native.total_s)} for what is left")
    console.lines(lines)


def _own_s(store: Store) -> float:
    """Seconds of the run's own trainings; labels of other runs cost it nothing."""
    reused = {(plan.digest, plan.context) for plan in store.plans(REUSED)}
    return sum(label.seconds for label in store.all_labels() if (label.digest, label.context) not in reused)


def _left_lines(rest: NativeLeft) -> list[str]:
    parts = [
        (counted(rest.n_trainings, "training"), rest.n_trainings, rest.training_s),
        (f"at most {counted(rest.n_refinements, 'refinement')}", rest.n_refinements, rest.refining_s),
        (f"at most {counted(rest.n_judgements, 'judgement')}", rest.n_judgements, rest.judging_s),
    ]
    lines = [f"left at native size: {what}, about {duration(seconds)} together" for what, n, seconds in parts if n]
    total = f"time: about {duration(rest.seconds)} for what is left"
    return [*lines, total] if lines else ["nothing is left at native size"]


def _task_lines(task: Task, dataset: Dataset) -> list[str]:
    training = task.config.training
    n_images = [len(split.labels) for split in (dataset.train, dataset.validation, dataset.test)]
    baseline = task.costs(task.baseline)
    return [
        f"space: {task.space.n_genes} genes, about 10^{task.space.log10_size:.0f} designs of {task.backbone.name}",
        *filter(None, [shared_depths(task.backbone)]),
        *(f"reachable {cost}: {low} to {high} {_UNITS[cost]}" for cost, (low, high) in reach(task.table).items()),
        f"baseline: {baseline['area'][0]:.2f} mm², EDAP {edap_text(baseline['edap'][0])} mm² µs µJ "
        f"({task.hardware.words})",
        f"data: {dataset.name}, {n_images[0]:,} training, {n_images[1]:,} validation and {n_images[2]:,} test images",
        f"trainings: {training.n_labels} with protocol {training.protocol}, then at most {most_finalists(task.config)} "
        f"with {training.finalist_protocol}",
        f"accuracies: measured on {device_words(task.config)}",
    ]


def _workers(config: RunConfig) -> str:
    settings = config.executor
    if settings.dask_scheduler is not None:
        return f"{settings.kind}, with the workers that join {settings.dask_scheduler}"
    if not settings.kind.record.has_workers:
        return f"{settings.kind}, in this process"
    return f"{settings.kind}, {counted(planned_workers(config), 'worker')} of one thread each"


def _idle_lines(config: RunConfig) -> list[str]:
    """Lines for batches that leave workers idle at their end.

    Batch sizes are never adapted to the workers automatically, because results must not depend on the machine.
    """
    n_workers, training = planned_workers(config), config.training
    if training.schedule is Schedule.STEADY_STATE:
        return []
    batches = {"first_designs": training.first_designs, "designs_per_round": training.designs_per_round}
    return [
        f"training.{name} = {n} leaves {-n % n_workers} of {n_workers} workers idle at the end; use a multiple of "
        f"{n_workers} or training.schedule = steady-state to avoid that"
        for name, n in batches.items()
        if n % n_workers
    ]


def _native_lines(found: NativeEstimate, dataset: Dataset) -> list[str]:
    """Lines on the stages at native size, the time of each, and of all trainings together."""
    protocols = found.recipe.fitted(dataset.name, len(dataset.train))
    stages = zip(found.recipe.stages, protocols, found.stages_s, strict=True)
    each = [
        f"stage {number} at native size, {protocol.name} ({counted(protocol.epochs, 'epoch')}): about "
        f"{duration(seconds)} a training" + (", for each pass" if stage.at_most > 1 else "")
        for number, (stage, protocol, seconds) in enumerate(stages, start=1)
    ]
    hours = "" if found.recipe.hours is None else f", scaled to a run of {found.recipe.hours:g} h"
    refining = f"refining at native size: about {duration(found.refining_s)} a network"
    return [
        *each,
        f"judging at native size: about {duration(found.judging_s)} a network",
        f"at native size: at most {counted(found.n_trainings, 'training')} by recipe {found.recipe.name}{hours}, about "
        f"{duration(found.seconds)} together",
        *([refining] if found.refining_s else []),
    ]


def _time_lines(config: RunConfig, found: Estimate) -> list[str]:
    if config.executor.dask_scheduler is not None:
        workers = "one worker as fast as this machine's; divide by the number of workers that will join"
    else:
        workers = counted(found.n_workers, "worker")
    return [
        f"time: about {duration(found.seconds)} with {workers}; per training {duration(found.training_s)} on average, "
        f"per finalist {duration(found.finalist_s)}, all searches together {duration(found.search_s)}",
        f"(extrapolated from {found.measured_s:.0f} s of training steps, judgements and generations for two of the "
        "first designs on one thread; other work on the machine adds to it)",
    ]
