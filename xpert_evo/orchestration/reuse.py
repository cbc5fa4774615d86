"""Reuse of labels from earlier runs with the same design, protocol, data and crossbars."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from xpert_evo.design import design_from_text
from xpert_evo.errors import DesignError
from xpert_evo.orchestration.names import FINALISTS, FIRST, REUSED
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.progress import Message
from xpert_evo.space import SearchSpace
from xpert_evo.store import Label, Plan, Store, Topic
from xpert_evo.words import counted

_KEY = "labels"


def reuse_labels(run: RunContext) -> None:
    """Copies the reusable labels of the given runs, once, in one transaction; damaged rows are left out.

    Raises:
        StoreError: A folder contains no run, or one whose file cannot be read.
    """
    folders = [Path(folder) for folder in run.store.meta("labels_from")]
    if not folders or run.store.note(Topic.REUSED, _KEY) is not None:
        return
    contexts = _contexts(run)
    searched = run.label_context(FIRST)
    found: dict[tuple[str, str], tuple[Plan, Label]] = {}
    for folder in folders:
        fitting = _fitting(run, folder, contexts)
        # Older versions trained finalists with the seeds of their labels, and so with the luck that had chosen them.
        lucky = {key for key, (_, label) in fitting.items() if _has_seed_of(label, fitting.get((key[0], searched)))}
        found = {**{key: pair for key, pair in fitting.items() if key not in lucky}, **found}
    with run.interrupts.held_back(), run.store.transaction() as store:
        store.add_plans(
            [
                replace(plan, batch=REUSED, position=position, predicted=None, std=None)
                for position, (plan, _) in enumerate(found.values())
            ]
        )
        for _, label in found.values():
            store.add_label(label)
        store.add_note(Topic.REUSED, _KEY, len(found))
    n_searched = sum(context == searched for _, context in found)
    run.listener.tell(
        Message(
            text=f"{counted(len(found), 'label')} of earlier runs fit this one and are reused: {n_searched} of "
            f"searches, {len(found) - n_searched} of finalists"
        )
    )
    _tell_of_earlier_rules(run, folders)


def _contexts(run: RunContext) -> set[str]:
    """Returns the contexts of labels and finalists of a run."""
    return {
        run.label_context(FIRST),
        run.label_context(FINALISTS),
    }


def _tell_of_earlier_rules(run: RunContext, folders: Sequence[Path]) -> None:
    """Warns about folders whose labels would fit but were made by an earlier version's rules."""
    contexts = {context for rules in range(1, run.rules) for context in _contexts(replace(run, rules=rules))}
    contexts -= _contexts(run)
    for folder in folders:
        with Store.open_readonly(folder, salvages=True) as store:
            n_labels = sum(label.context in contexts for label in store.all_labels())
        if n_labels:
            run.listener.tell(
                Message(
                    text=f"{counted(n_labels, 'label')} of {folder} cannot be reused: an earlier version made them, "
                    "which emulated ADCs with bits to spare, proxies of narrow layers or weights of few bits "
                    "differently",
                    warning=True,
                )
            )


def _fitting(run: RunContext, folder: Path, contexts: set[str]) -> dict[tuple[str, str], tuple[Plan, Label]]:
    """Returns the reusable labels of an earlier run with their plans, by digest and context."""
    space = run.task.space
    with Store.open_readonly(folder, salvages=True) as store:
        plans = {(plan.digest, plan.context): plan for plan in store.each_plan() if plan.context in contexts}
        labels = {(label.digest, label.context): label for label in store.all_labels() if label.context in contexts}
        n_left_out = store.n_left_out
    if n_left_out:
        text = f"{counted(n_left_out, 'damaged row')} of the plans and trainings of {folder} left out"
        run.listener.tell(Message(text=text, warning=True))
    return {key: (plans[key], labels[key]) for key in sorted(labels) if key in plans and _is_in(space, plans[key])}


def _has_seed_of(label: Label, searched: tuple[Plan, Label] | None) -> bool:
    """Whether a finalist's label was trained with the seed of the same design's label in the search."""
    return searched is not None and label is not searched[1] and label.seed == searched[1].seed


def _is_in(space: SearchSpace, plan: Plan) -> bool:
    try:
        space.encode([design_from_text(plan.design)])
    except DesignError:
        return False
    return True
