"""Finished and remaining trainings of a run, and the time left."""

from dataclasses import dataclass
from typing import Self

from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.surrogate.features import macs
from xpert_evo.design import design_from_text
from xpert_evo.orchestration.effort import images_trained, work_of
from xpert_evo.orchestration.finalists import most_finalists
from xpert_evo.orchestration.names import AFTER_SEARCH, FINALISTS, FIRST, NATIVE, REFINED, REUSED, SEARCHED
from xpert_evo.orchestration.native_plan import native_note
from xpert_evo.orchestration.stopping import early_stop
from xpert_evo.orchestration.tally import Tally
from xpert_evo.orchestration.task import Task
from xpert_evo.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSizes:
    """Number of images in each split of a data set."""

    n_train: int
    n_validation: int
    n_test: int

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Returns the sizes of a loaded data set."""
        return cls(n_train=len(dataset.train), n_validation=len(dataset.validation), n_test=len(dataset.test))


def count(store: Store, task: Task, tally: Tally, sizes: SplitSizes) -> None:
    """Fills a new tally with expected and finished trainings.

    Args:
        store: Store of the run.
        task: Search task of the run.
        tally: Tally to fill.
        sizes: Sizes of the run's data set.
    """
    training = task.config.training
    plans = store.plans()
    finalists = [plan for plan in plans if plan.batch == FINALISTS]
    designs = {plan.digest: plan.design for plan in plans if plan.batch not in {REUSED, NATIVE, REFINED}}
    n_test = min(training.judge_images or sizes.n_test, sizes.n_test)
    for kind, name, n in (
        (SEARCHED, training.protocol, training.n_labels),
        (FINALISTS, training.finalist_protocol, len(finalists) or most_finalists(task.config)),
    ):
        protocol = task.protocol(name)
        judged = min(protocol.n_validation or sizes.n_validation, sizes.n_validation)
        tally.expect(
            kind,
            n,
            work=work_of(protocol, sizes.n_train, judged + (n_test if kind == FINALISTS else 0)),
            images=images_trained(protocol, sizes.n_train),
            batch_size=None if kind == FINALISTS else training.designs_per_round,
        )
        contexts = {plan.context for plan in plans if plan.batch == (FIRST if kind == SEARCHED else FINALISTS)}
        reused = {plan.digest for plan in plans if plan.batch == REUSED and plan.context in contexts}
        for context in contexts:
            for label in store.labels(context).values():
                if label.digest in designs.keys() - reused:
                    genome = task.space.encode([design_from_text(designs[label.digest])])
                    tally.add(kind, label.seconds, float(macs(task.space, genome)[0]))
    _count_native(store, tally)


def _count_native(store: Store, tally: Tally) -> None:
    """Adds trainings at native size once they are planned."""
    planned = native_note(store)
    if planned is None:
        return
    for kind, seconds in ((NATIVE, planned.seconds), (REFINED, planned.judging_s)):
        plans = store.plans(kind)
        if plans:
            tally.expect(kind, len(plans), work=0.0, seconds=seconds)
        for context in {plan.context for plan in plans}:
            for label in store.labels(context).values():
                tally.add(kind, label.seconds)


def left_s(store: Store, task: Task, sizes: SplitSizes, n_workers: int) -> float | None:
    """Estimates the time of the remaining trainings from finished ones [s]; returns None before the first one.

    Args:
        store: Store of the run.
        task: Search task of the run.
        sizes: Sizes of the run's data set.
        n_workers: Number of concurrent trainings.
    """
    tally = Tally(n_workers)
    count(store, task, tally, sizes)
    plans, attempts = store.plans(), 1 + task.config.training.retries
    failures = [(failure.digest, failure.context) for failure in store.failures()]
    reused = {(plan.digest, plan.context) for plan in plans if plan.batch == REUSED}
    for plan in plans:
        key = plan.digest, plan.context
        if plan.batch != REUSED and (key in reused or failures.count(key) >= attempts):
            tally.skip(plan.batch if plan.batch in AFTER_SEARCH else SEARCHED, 1)
    searched = {plan.digest for plan in plans if plan.batch not in {*AFTER_SEARCH, REUSED}}
    if early_stop(store) or any(plan.batch == FINALISTS for plan in plans):
        tally.skip(SEARCHED, task.config.training.n_labels - len(searched))
    return tally.left_s()
