"""`xpert-evo status`: the progress of a run, read from its store without disturbing it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from xpert_evo.accuracy.training.recipes import load_recipe
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.config import parse_stored
from xpert_evo.locks import is_held
from xpert_evo.orchestration.estimate import planned_workers
from xpert_evo.orchestration.names import AFTER_SEARCH, FINALISTS, FIRST, NATIVE, REFINED, REUSED, WORKING
from xpert_evo.orchestration.native_left import judgements_s, trainings_s, unfinished
from xpert_evo.orchestration.native_plan import native_note, refined_weights
from xpert_evo.orchestration.native_progress import training_states
from xpert_evo.orchestration.remaining import SplitSizes, left_s
from xpert_evo.report.result import RunResult, load_result
from xpert_evo.report.table import native_table, result_table
from xpert_evo.report.unmet import unmet_limits
from xpert_evo.store import FILE_NAME, LOCK_NAME, Label, Store, Topic
from xpert_evo.streams import in_shell
from xpert_evo.words import counted, duration, listed

Keys: TypeAlias = set[tuple[str, str]]
"""Pairs of design digest and label context."""

_MEANING = (
    "predicted gain of the front over random guessing at the baseline's EDAP (accuracy above guessing times decades "
    "of EDAP saved; higher is better)"
)


def show_status(folder: Path) -> None:
    """Prints the progress of the run in `folder` and its best designs so far."""
    console = PlainConsole()
    with Store.open_readonly(folder) as store:
        console.lines(status_lines(store))
        reports = list(store.notes(Topic.HONESTY).values())
        result = load_result(store)
        console.lines([*native_lines(store, result), *state_lines(store, result)])
    if (natives := native_table(result)) is not None:
        console.table(natives)
    if result.shortlist.members:
        console.table(result_table(result))
    if result.final and (unmet := unmet_limits(result)) is not None:
        console.warnings([unmet])
    if reports and reports[-1]["warning"]:
        console.warnings([reports[-1]["warning"]])


def state_lines(store: Store, result: RunResult) -> list[str]:
    """Whether a process is working on the run, its last activity, the time left, and the next command."""
    folder = in_shell(store.folder)
    held = is_held(store.folder / LOCK_NAME)
    workers = _workers(store)
    lines = [_running_line(held, workers, result), *_last_line(store, running=held is True)]
    if result.has_ended:
        return [
            *lines,
            f"show its designs with `xpert-evo show {folder}`; write its report with `xpert-evo report {folder}`",
        ]
    n_workers = workers["n_workers"] if workers and held else planned_workers(result.config)
    lines += _left_lines(store, result, n_workers)
    return lines if held else [*lines, f"continue with `xpert-evo resume {folder}`"]


def _left_lines(store: Store, result: RunResult, n_workers: int) -> list[str]:
    """The time left of trainings, and what it leaves out; empty for runs of versions that did not store what it needs.

    At native size it is that of `resume --dry-run`, which measures how long refinements take as well.
    """
    sizes = result.dataset.get("n_images")
    if sizes is None:
        return []
    n_train, n_validation, n_test = sizes
    planned, task = native_note(store), result.task
    if planned is None:
        of = SplitSizes(n_train=n_train, n_validation=n_validation, n_test=n_test)
        left, others = left_s(store, task, of, n_workers), ["searches"]
        if result.config.native.train:
            others.append("trainings at native size")
    else:
        plans, n_judgements = unfinished(store, task, NATIVE), len(unfinished(store, task, REFINED))
        left = trainings_s(store, task, planned, plans, n_train, n_workers=n_workers)
        left += judgements_s(planned, n_judgements, n_workers=n_workers)
        others = []
    if refines(result) and refined_weights(store) is None:
        others.append("refinements")
    told = "unknown until a training has ended" if left is None else f"about {duration(left)} of trainings"
    apart = f", not counting {listed(others)}" if others else ""
    return [f"time left: {told}, {n_workers} at a time{apart}"]


def native_lines(store: Store, result: RunResult) -> list[str]:
    """How many designs are trained at native size, and at which stage and epoch the others are."""
    native, wanted = result.native, result.config.native
    if native is None:
        most = f"at most {counted(wanted.designs, 'design')} and {counted(wanted.rivals, 'rival')}"
        return [f"at native size: not planned yet ({most}, recipe {wanted.recipe})"] if wanted.train else []
    failed = f", {len(native.failed)} failed" if native.failed else ""
    plans = store.plans(NATIVE)
    n_trained = sum(one.candidate.batch == NATIVE for one in native.designs)
    lines = [f"{native.size_words}: {n_trained} of {len(plans)} trained{failed}, by {native.recipe_words}"]
    ended = {*(one.candidate.digest for one in native.designs), *native.failed}
    left = [plan.digest for plan in plans if plan.digest not in ended]
    lines += [f"  {state}" for state in training_states(store.folder, left, native.recipe)]
    return [*lines, *_refined_lines(store, result)]


def refines(result: RunResult) -> bool:
    """Whether networks at native size are refined, as far as it is known."""
    native = result.config.native
    recipe = load_recipe(native.recipe) if result.native is None else result.native.recipe
    return native.train and native.refine and not recipe.is_proxy


def _refined_lines(store: Store, result: RunResult) -> list[str]:
    """How many refined networks are judged."""
    if not refines(result):
        return []
    if refined_weights(store) is None:
        return ["refined networks: not all chosen yet"]
    plans = store.plans(REFINED)
    done = sum(plan.digest in store.labels(plan.context) for plan in plans)
    return [f"refined networks: {done} of {len(plans)} judged"]


def _workers(store: Store) -> dict[str, Any] | None:
    """The process that last worked on the run; None for runs of older versions."""
    texts = [text for _, kind, text in store.events() if kind == WORKING]
    return dict(json.loads(texts[-1])) if texts else None


def _running_line(held: bool | None, workers: dict[str, Any] | None, result: RunResult) -> str:
    who = f" ({workers['host']}, process {workers['process']})" if workers else ""
    if held is None:
        return "state: unknown, because the lock of the run cannot be read here"
    if held:
        return f"state: running{who}"
    return "state: ended" if result.has_ended else "state: not running, not finished"


def _last_line(store: Store, *, running: bool) -> list[str]:
    """Time of the last activity: a training, a line of the event log or, while the run is active, a generation."""
    last = store.last_at()
    if running:  # generations store no time, so the file's is used; a copied file has a later one
        files = [store.folder / name for name in (FILE_NAME, f"{FILE_NAME}-wal")]
        times = [datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in files if file.exists()]
        last = max([*times, *([last] if last else [])])
    if last is None:
        return []
    ago = max(0.0, (datetime.now(UTC) - last).total_seconds())
    return [f"last activity: {last.astimezone():%Y-%m-%d %H:%M:%S}, {duration(ago)} ago"]


def status_lines(store: Store) -> list[str]:
    """Lines on the finished and the remaining work."""
    training = parse_stored(store.meta("settings"), where=f"settings of {store.folder}").training
    plans = store.plans()
    finalists = {(p.digest, p.context) for p in plans if p.batch == FINALISTS}
    reused = {(plan.digest, plan.context) for plan in plans if plan.batch == REUSED}
    labels = store.all_labels()
    done = {(label.digest, label.context) for label in labels}
    searched = {(p.digest, p.context) for p in plans if p.batch not in {*AFTER_SEARCH, REUSED}}
    n_searched = len((searched & done) - reused)
    contexts = {p.context for p in plans if p.batch == FIRST}
    n_reused = sum(context in contexts for _, context in reused)
    failures = store.failures()
    lines = [
        f"{store.folder}: {n_searched} of {training.n_labels - len(searched & reused)} designs trained with "
        f"{training.protocol}" + (f", {counted(n_reused, 'label')} of other runs reused" if n_reused else ""),
        _finalist_line(finalists, done, reused),
    ]
    summaries = store.summaries()
    if summaries:
        last = summaries[-1]
        traded = last.get("objectives", ["accuracy", "edap"])
        meaning = _MEANING if traded == ["accuracy", "edap"] else f"of {', '.join(traded)}; higher is better"
        n_done = sum(row["round"] == last["round"] for row in summaries)
        lines.append(
            f"search: round {last['round']} of {training.rounds}, {counted(n_done, 'generation')} done; predicted "
            f"hypervolume {last['hypervolume']:.4f}: {meaning}"
        )
    own = [label for label in labels if (label.digest, label.context) not in reused]
    spent = sum(label.seconds for label in own)
    lines.append(f"spent in trainings: {duration(spent)}{_speed(own)}; failed trainings: {len(failures)}")
    if failures:
        lines.append(f"last failure: {failures[-1].digest}: {failures[-1].reason}")
    for round_, report in store.notes(Topic.HONESTY).items():
        held_out = report["surrogate"]
        lines.append(
            f"surrogate after round {round_}: Kendall tau {held_out['tau']:.2f} on {held_out['n']} trainings "
            f"predicted in advance (multiply-accumulates alone: {report['baseline']['tau']:.2f})"
        )
    return lines


def _finalist_line(finalists: Keys, done: Keys, reused: Keys) -> str:
    if not finalists:
        return "finalists: not chosen yet"
    n_reused = len(finalists & reused)
    ours = f"finalists: {len(finalists & done)} of {len(finalists)} trained, the baseline included"
    return f"{ours}, {n_reused} of them by other runs" if n_reused else ours


def _speed(labels: Sequence[Label]) -> str:
    """Training images per second and worker, from labels that store the number of images (older versions do not)."""
    told = [label for label in labels if "n_training_images" in label.details and label.seconds > 0]
    if not told:
        return ""
    rate = sum(label.details["n_training_images"] for label in told) / sum(label.seconds for label in told)
    return f", {rate:,.0f} training images/s per worker, judging included"
