"""Trainings at native size after the search: planned once, trained by a recipe, and judged once on test images.

Every step checks the store first and does only what is missing.
"""

from collections.abc import Callable, Sequence

import numpy as np

from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.recipes import load_recipe
from xpert_evo.orchestration.batches import plans_of, run_batch
from xpert_evo.orchestration.effort import makespan
from xpert_evo.orchestration.knowledge import look
from xpert_evo.orchestration.names import FINALISTS, FIRST, HOMOGENEOUS, NATIVE, SEARCHED
from xpert_evo.orchestration.native_choice import promising, rivals
from xpert_evo.orchestration.native_plan import (
    NativePlan,
    add_native_note,
    at_a_time,
    native_note,
    seconds_each,
    times_by_size,
    within,
)
from xpert_evo.orchestration.native_progress import progress_told
from xpert_evo.orchestration.native_refining import run_refinements
from xpert_evo.orchestration.native_refining_time import refinement_s
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.stopping import spent_s
from xpert_evo.orchestration.surrogates import Surrogates
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.progress import Message, Stage
from xpert_evo.space import Genomes
from xpert_evo.words import counted, duration


def run_native(run: RunContext, fit: Callable[[RunContext], Surrogates]) -> None:
    """Trains the chosen designs at native size.

    Args:
        run: Context of the run.
        fit: Fits the surrogates to all labels of the search, by which designs are chosen.

    Raises:
        TrainingError: Every training failed.
    """
    if not run.store.plans(NATIVE):
        _plan(run, fit(run))
        plan = native_note(run.store)
        assert plan is not None
        run.tally.expect(NATIVE, len(plan.roles), work=0.0, seconds=plan.seconds)
    labelled = run.store.labels(run.label_context(NATIVE))
    digests = [plan.digest for plan in run.store.plans(NATIVE) if plan.digest not in labelled]
    recipe = run.task.recipe_carried_out(run.native_recipe)
    if digests and (warning := limit_warning(run.task.config.training.time_limit_s, native_note(run.store))):
        run.listener.tell(Message(text=warning, warning=True))
    with progress_told(run.store.folder, digests, recipe, run.listener):
        run_batch(run, NATIVE)
    if run.task.config.native.refine and not run.native_recipe.is_proxy:
        run_refinements(run)


def limit_warning(limit_s: float | None, plan: NativePlan | None) -> str | None:
    """Warns of a time limit that trainings at native size are expected to exceed; None otherwise.

    Args:
        limit_s: `training.time_limit_s` [s]; None for no limit.
        plan: Plan of the trainings.
    """
    if limit_s is None or plan is None or plan.seconds <= limit_s:
        return None
    return (
        f"a training at native size takes about {duration(plan.seconds)}, but training.time_limit_s = {limit_s:g} "
        "stops it and counts it as failed; stop this run and resume it with a longer limit "
        f"(--set training.time_limit_s={2 * plan.seconds:.0f})"
    )


def _plan(run: RunContext, surrogates: Surrogates) -> None:
    task, native = run.task, run.task.config.native
    designs = promising(task, look(run), surrogates, native.designs)
    opponents = rivals(task, surrogates, designs, native.rivals)
    genomes = np.concatenate([designs, opponents])
    plan = _scaled(run, surrogates, genomes, [SEARCHED] * len(designs) + [HOMOGENEOUS] * len(opponents))
    with run.interrupts.held_back(), run.store.transaction() as store:
        add_native_note(store, plan)
        store.add_plans(plans_of(run, NATIVE, task.space.decode(genomes)))
        store.add_event("planned", f"{NATIVE}: {len(genomes)} designs")
    dataset = cached_dataset(task.config.dataset, run.dataset_digest)
    _tell(run, plan, plan.recipe.fitted(dataset.name, len(dataset.train)), (len(designs), len(opponents)))


def _scaled(run: RunContext, surrogates: Surrogates, genomes: Genomes, roles: list[str]) -> NativePlan:
    """Measures the recipe's stages on this machine and scales them to what is left of the budget."""
    task, hours = run.task, run.task.config.native.hours
    dataset, recipe = cached_dataset(task.config.dataset, run.dataset_digest), load_recipe(task.config.native.recipe)
    run.listener.tell(Stage(text="measuring the speed of trainings at native size"))
    times, places = times_by_size(task, dataset, genomes, recipe)
    n_workers = run.executor.n_workers
    lanes = at_a_time(task.config, recipe, n_workers)
    if hours is not None:
        ends = task.space.decode(genomes[[int(places.argmin()), int(places.argmax())]])
        refining_s = len(genomes) * refinement_s(
            task, dataset, recipe, [*zip(ends, times, strict=True)], n_workers=n_workers
        )
        left_s = 3600 * hours - spent_s(run, batches=(FIRST, FINALISTS)) / n_workers - refining_s
        recipe, times = within(times, places, recipe, dataset, hours, seconds=left_s, n_workers=lanes)
        needed_s = makespan(seconds_each(times, places), lanes)
        if needed_s > 1.1 * left_s:
            text = (
                f"native.hours = {hours:g} is too short: the search took "
                f"{duration(3600 * hours - left_s - refining_s)}, refinements take about {duration(refining_s)}, and "
                f"the shortest useful trainings at native size take about {duration(needed_s)}"
            )
            run.listener.tell(Message(text=text, warning=True))
    expected = surrogates.accuracy(genomes)[0]
    digests = [design.digest for design in task.space.decode(genomes)]
    seconds = seconds_each(times, places)
    return NativePlan(
        recipe=recipe,
        roles=dict(zip(digests, roles, strict=True)),
        expected={digest: float(value) for digest, value in zip(digests, expected, strict=True)},
        seconds=sum(seconds) / len(seconds),
        judging_s=sum(one.judging_s for one in times) / len(times),
    )


def _tell(run: RunContext, plan: NativePlan, stages: Sequence[TrainingProtocol], n_each: tuple[int, int]) -> None:
    """Tells the stages as carried out, and the numbers of designs of the search and of homogeneous ones."""
    words = ", ".join(f"{one.name} ({counted(one.epochs, 'epoch')})" for one in stages)
    lanes = at_a_time(run.task.config, plan.recipe, run.executor.n_workers)
    total_s = makespan([plan.seconds] * len(plan.roles), lanes)
    text = (
        f"at native size: {counted(n_each[0], 'design')} of the search and {n_each[1]} homogeneous, by recipe "
        f"{plan.recipe.name}: {words}; about {duration(total_s)} with {counted(run.executor.n_workers, 'worker')}"
    )
    run.listener.tell(Message(text=text, topic=NATIVE))
