"""The honesty gate: what was predicted before trainings against what they measured, noted and told, with a warning."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice

import numpy as np

from xpert_evo.accuracy.surrogate.features import macs
from xpert_evo.accuracy.surrogate.fit import honesty
from xpert_evo.orchestration.knowledge import genome_of, note_once
from xpert_evo.orchestration.names import FIRST
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.progress import Message
from xpert_evo.store import Plan, Topic


def check_honesty(run: RunContext, round_: int, plans: Sequence[Plan], n_known: int | None = None) -> None:
    """Compares the predictions of labelled plans with their labels; plans without either are passed over.

    Args:
        run: Its task, store and workers.
        round_: After which this is told.
        plans: Whose predictions count.
        n_known: Only the first so many labels count, in the order in which they came; None for all.
    """
    accuracies = dict(islice(run.store.accuracies(run.label_context(FIRST)).items(), n_known))
    judged = [plan for plan in plans if plan.digest in accuracies and plan.predicted is not None]
    if len(judged) < 2:
        return
    report = honesty(
        np.array([plan.predicted for plan in judged], dtype=np.float64),
        np.array([plan.std for plan in judged], dtype=np.float64),
        [accuracies[plan.digest] for plan in judged],
        macs(run.task.space, np.stack([genome_of(run, plan) for plan in judged]).astype(np.int64)),
    )
    if not note_once(run, Topic.HONESTY, str(round_), asdict(report)):
        return
    held_out = report.surrogate
    run.listener.tell(
        Message(
            text=f"honesty after round {round_}: on {held_out.n} trainings predicted beforehand, Kendall tau "
            f"{held_out.tau:.2f} (multiply-accumulates alone {report.baseline.tau:.2f}), error "
            f"{100 * held_out.rmse:.1f} points, 90 % intervals hold {100 * held_out.coverage:.0f} %",
            topic=Topic.HONESTY,
        )
    )
    if report.warning:
        run.listener.tell(Message(text=report.warning, warning=True))
