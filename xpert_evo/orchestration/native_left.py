"""What is left of the trainings at native size of a run that has planned them, and how long it takes."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.design import design_from_text
from xpert_evo.orchestration.batches import native_folder, seed_of
from xpert_evo.orchestration.chips import Chips
from xpert_evo.orchestration.effort import makespan
from xpert_evo.orchestration.names import NATIVE, REFINED
from xpert_evo.orchestration.native_plan import NativePlan, at_a_time, refined_weights, times_by_size
from xpert_evo.orchestration.native_progress import seconds_left
from xpert_evo.orchestration.native_refining import refined_folder, refining_of
from xpert_evo.orchestration.native_refining_time import LATER, is_refined, refinement_s
from xpert_evo.orchestration.refining import prepare
from xpert_evo.orchestration.refining.estimate import Planner
from xpert_evo.orchestration.refining.plan import Pace
from xpert_evo.orchestration.refining.progress import steps_taken
from xpert_evo.orchestration.stage_times import StageTimes
from xpert_evo.orchestration.task import Task
from xpert_evo.progress import Silent
from xpert_evo.store import Plan, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeLeft:
    """What is left at native size.

    Attributes:
        n_trainings: Number of trainings that have not ended.
        training_s: Duration of what is left of these together [s].
        n_refinements: Largest number of refinements that have not ended.
        refining_s: Duration of what is left of these together [s].
        n_judgements: Largest number of refined networks that are not judged.
        judging_s: Duration of these judgements together [s].
    """

    n_trainings: int
    training_s: float
    n_refinements: int
    refining_s: float
    n_judgements: int
    judging_s: float

    @property
    def seconds(self) -> float:
        """Duration of all of it [s]."""
        return self.training_s + self.refining_s + self.judging_s


def native_left(
    store: Store,
    task: Task,
    dataset: Dataset,
    planned: NativePlan,
    *,
    n_workers: int,
    tell: Callable[[str], None] | None = None,
) -> NativeLeft:
    """What a run has left at native size; measures the speed of trainings if networks are yet to be refined.

    Args:
        store: Store of the run.
        task: Search task.
        dataset: Data set of the run.
        planned: Its plan at native size.
        n_workers: Number of concurrent trainings.
        tell: Called with a description of each measurement.
    """
    plans, left = store.plans(NATIVE), unfinished(store, task, NATIVE)
    ended = [plan for plan in plans if plan.digest in store.labels(plan.context)]
    refining: list[float] = []
    if refined_weights(store) is not None:
        n_judgements = len(unfinished(store, task, REFINED))
    elif is_refined(task.config, planned.recipe, len(dataset.validation)):
        genomes = task.space.encode([design_from_text(plan.design) for plan in plans])
        times, places = times_by_size(task, dataset, genomes, planned.recipe, tell)
        ends = [times[round(float(place))] for place in places]
        for plan, own in zip(plans, ends, strict=True):
            if plan in ended:
                refining.append(_refining_s(store, task, planned, plan, own, n_workers=n_workers))
            elif plan in left:
                design = design_from_text(plan.design)
                refining.append(refinement_s(task, dataset, planned.recipe, [(design, own)], n_workers=n_workers))
        n_judgements = len(refining)
    else:
        n_judgements = 0
    return NativeLeft(
        n_trainings=len(left),
        training_s=trainings_s(store, task, planned, left, len(dataset.train), n_workers=n_workers),
        n_refinements=sum(seconds > 0 for seconds in refining),
        refining_s=sum(refining),
        n_judgements=n_judgements,
        judging_s=judgements_s(planned, n_judgements, n_workers=n_workers),
    )


def unfinished(store: Store, task: Task, batch: str) -> list[Plan]:
    """Returns the plans of a batch that have no label yet, and that have not failed in every attempt.

    Args:
        store: Store of the run.
        task: Search task.
        batch: Name of the batch.
    """
    attempts = 1 + task.config.training.retries
    tries = Counter((failure.digest, failure.context) for failure in store.failures())
    plans = store.plans(batch)
    labels = {context: store.labels(context) for context in {plan.context for plan in plans}}
    return [
        plan
        for plan in plans
        if plan.digest not in labels[plan.context] and tries[plan.digest, plan.context] < attempts
    ]


def trainings_s(
    store: Store, task: Task, planned: NativePlan, plans: Sequence[Plan], n_train: int, *, n_workers: int
) -> float:
    """Returns the expected duration of what is left of trainings at native size, finished epochs aside [s].

    Args:
        store: Store of the run.
        task: Search task.
        planned: Its plan at native size.
        plans: The trainings, such as those that are unfinished.
        n_train: Number of training images in the data set.
        n_workers: Number of concurrent trainings.
    """
    each = [seconds_left(store.folder, plan.digest, task, planned, n_train) for plan in plans]
    return makespan(each, at_a_time(task.config, planned.recipe, n_workers))


def judgements_s(planned: NativePlan, n_judgements: int, *, n_workers: int) -> float:
    """Returns the expected duration of judging refined networks on test images [s]."""
    return makespan([planned.judging_s] * n_judgements, n_workers)


def _refining_s(
    store: Store, task: Task, planned: NativePlan, plan: Plan, times: StageTimes, *, n_workers: int
) -> float:
    """Duration of what is left of the refinement of a trained network [s]."""
    protocols = [stage.protocol for stage in planned.recipe.stages]
    chips = Chips.of(task.config) if planned.on_chips else None
    refining = refining_of(protocols, seed_of(task.config.seed, plan), chips)
    network = prepare(native_folder(store.folder.absolute(), plan.digest), task.config, refining, Silent())
    folder = refined_folder(store.folder.absolute(), plan.digest)
    tuning = None if network.refining.tune is None else network.refining.tuning(task.protocol(network.refining.tune))
    planner = Planner.of(network, network.design, tuning)
    pace = Pace(conversion_s=times.emulated_image_s / planner.conversions, step_image_s=times.step_image_s)
    return planner.plan().after(steps_taken(network, folder, network.design, Silent())).seconds(LATER, pace, n_workers)
