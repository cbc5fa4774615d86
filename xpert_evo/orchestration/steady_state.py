"""The steady-state schedule: whenever a worker is free, the next design is chosen from what is known and submitted.

No worker waits for the end of a batch. What is chosen depends on which trainings have ended, so on timing; but each
choice is written down together with its fit, which is that of the first so many labels in the order in which they came,
and follows from this and the plans before it alone. So a run can be replayed from its log, and a resumed one goes on
from it.

Surrogate and search are made anew each time `training.designs_per_round` further labels are there, and each choice in
between is one infill: designs that were chosen since, in training or not, count at their predictions.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from xpert_evo.accuracy.surrogate.fit import LEAST_LABELS
from xpert_evo.executors import JobFailed
from xpert_evo.orchestration.baselines import score_baselines
from xpert_evo.orchestration.batches import (
    job_of,
    plan_batch,
    plans_of,
    record,
    reused_digests,
    sizes_of,
    too_few_labels,
)
from xpert_evo.orchestration.candidates import DrawnTruths, Searched, searched
from xpert_evo.orchestration.choosing import Chooser, first_batch, n_rivals
from xpert_evo.orchestration.goals import joint_goals
from xpert_evo.orchestration.knowledge import genome_of, known_digests, look, note_once, stacked
from xpert_evo.orchestration.names import FINALISTS, FIRST, SEARCHED, STEADY
from xpert_evo.orchestration.randomness import Purpose, spawned
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.searching import evolve
from xpert_evo.orchestration.stopping import stops_before
from xpert_evo.orchestration.surrogates import Surrogates, check_honesty, fit_round
from xpert_evo.orchestration.trainings import TrainingJob, train_job
from xpert_evo.space import Genomes
from xpert_evo.store import Plan, Topic

AHEAD = 1
"""Number of jobs queued in advance, so that a free worker need not wait while the next design is chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Surrogates and populations that designs are chosen from until the next fit.

    Attributes:
        number: Number of the fit, from 1.
        n_known: Number of labels fitted to.
        surrogates: Surrogates fitted to these labels.
        truths: Functions drawn from the surrogates.
        searches: The search for each area limit, with its candidates.
    """

    number: int
    n_known: int
    surrogates: Surrogates
    truths: DrawnTruths
    searches: list[Searched]


def run_steady_state(run: RunContext) -> None:
    """Trains the first designs and all that follow, until there are `training.n_labels` or the run stops before.

    Raises:
        TrainingError: So many trainings failed that no surrogate can be fitted.
    """
    if not run.store.plans(FIRST):
        plan_batch(run, FIRST, run.task.space.decode(first_batch(run.task)))
    line = _Line(run)
    for outcome in run.executor.run(train_job, line.more(), line.more):
        plan, size = line.given[outcome.position]
        record(run, plan, outcome, size)
        line.ended(plan, failed=isinstance(outcome, JobFailed))
    check_honesty(run, len(fit_sizes(run)), run.store.plans(STEADY))
    if len(known_digests(run)) < LEAST_LABELS:
        raise too_few_labels(run)


class _Line:
    """Queue of waiting, running and next trainings; restored from the store when a run is resumed."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self.given: list[tuple[Plan, float]] = []
        self._n_running = 0
        labelled = known_digests(run)
        plans = [*run.store.plans(FIRST), *run.store.plans(STEADY)]
        context = run.label_context(FIRST)
        run.tally.skip(SEARCHED, len(reused_digests(run, context) & {plan.digest for plan in plans}))
        self._n_steady = sum(plan.batch == STEADY for plan in plans)
        self._n_failures = Counter(f.digest for f in run.store.failures(context))
        self._waiting = [plan for plan in plans if plan.digest not in labelled and self._may_try(plan)]
        self._fit: Fit | None = None

    def more(self) -> list[TrainingJob]:
        """Jobs that fill the workers, and one more."""
        added = []
        while self._n_running < self._run.executor.n_workers + AHEAD:
            plan = self._waiting.pop(0) if self._waiting else self._next()
            if plan is None:
                break
            job = job_of(self._run, plan)
            [size] = sizes_of(self._run, [plan])
            self._run.tally.begin_more(SEARCHED, [size])
            self.given.append((plan, size))
            added.append(job)
            self._n_running += 1
        return added

    def ended(self, plan: Plan, *, failed: bool) -> None:
        """Takes a job off the workers; a failed one may be tried again."""
        self._n_running -= 1
        if failed:
            self._n_failures[plan.digest] += 1
            if self._may_try(plan):
                self._waiting.append(plan)

    def _may_try(self, plan: Plan) -> bool:
        return self._n_failures[plan.digest] <= self._run.task.config.training.retries

    def _next(self) -> Plan | None:
        """Chooses and writes down the next design; None where none is wanted, or too little is known yet."""
        run, training = self._run, self._run.task.config.training
        position, n_known = self._n_steady, len(known_digests(run))
        least = LEAST_LABELS if not self._n_running else max(LEAST_LABELS, training.first_designs // 2)
        if position >= training.n_labels - training.first_designs or n_known < least:
            return None
        fit = self._current(n_known)
        if fit is None:
            return None
        genomes = choose(run, fit, position)
        if not len(genomes):
            return None
        expected = fit.surrogates.accuracy(genomes)
        designs = run.task.space.decode(genomes)
        plans = plans_of(run, STEADY, designs, prediction=expected, first=position)
        with run.interrupts.held_back(), run.store.transaction() as store:
            store.add_plans(plans)
            store.add_note(Topic.STEADY_CHOICE, str(position), {"n_known": n_known, "fit": fit.number})
        self._n_steady += 1
        return plans[0]

    def _current(self, n_known: int) -> Fit | None:
        """The newest fit, or a new one where enough labels came since; None where the run stops instead."""
        run, each = self._run, self._run.task.config.training.designs_per_round
        sizes = fit_sizes(run)
        if not sizes or n_known >= sizes[-1] + each:
            number = len(sizes) + 1
            if _stops(run, [*sizes, n_known]):
                return None
            if number > 1:
                check_honesty(run, number - 1, run.store.plans(STEADY), n_known)
            note_once(run, Topic.STEADY_FIT, str(number), {"n_known": n_known})
            sizes.append(n_known)
        if self._fit is None or self._fit.number != len(sizes):
            self._fit = make_fit(run, len(sizes), sizes[-1])
        return self._fit


def fit_sizes(run: RunContext) -> list[int]:
    """How many labels each fit so far knew."""
    return [int(note["n_known"]) for note in run.store.notes(Topic.STEADY_FIT).values()]


def make_fit(run: RunContext, number: int, n_known: int) -> Fit:
    """Returns the fit to the first `n_known` labels; uses what the store contains of it and computes the rest."""
    known = look(run, n_known=n_known)
    surrogates = fit_round(run, number, known)
    truths = DrawnTruths.of(surrogates, number)
    states = [(goal, evolve(run, number, goal, surrogates, known)) for goal in joint_goals(run.task)]
    score_baselines(run, number, surrogates, states[-1][1].n_evaluated)
    searches = [searched(number, *each, surrogates, truths) for each in states]
    return Fit(number=number, n_known=n_known, surrogates=surrogates, truths=truths, searches=searches)


def choose(run: RunContext, fit: Fit, position: int) -> Genomes:
    """The design that position `position` trains, (1, genes), or (0, genes) where all are tried.

    It follows from the fit and the plans before it; nothing that came later is looked at, so that a training counts
    as expected whether it has ended, failed or runs.
    """
    task, training = run.task, run.task.config.training
    rng = np.random.default_rng(spawned(task.config.seed, Purpose.INFILL, position, 1))
    earlier = [
        plan
        for plan in run.store.each_plan()
        if plan.batch != FINALISTS and (plan.batch != STEADY or plan.position < position)
    ]
    tried = stacked(run, [genome_of(run, plan) for plan in earlier])
    one = fit.searches[position % len(fit.searches)]
    place = training.designs_per_round - position % training.designs_per_round  # from the end of a round's worth
    chooser = Chooser(surrogates=fit.surrogates, truths=fit.truths, tried=tried, counted=tried, rng=rng)
    chosen = tried[:0]
    if place > training.probes_per_round:
        chosen = chooser.members(one, 1)
    elif place > training.probes_per_round - n_rivals(training):
        chosen = chooser.rivals(one.goal, 1)
    return chosen if len(chosen) else chooser.probes(one.goal, 1)


def _stops(run: RunContext, sizes: list[int]) -> bool:
    """Whether the run stops before a fit of `sizes[-1]` labels."""
    stall = run.task.config.search.stall_rounds
    if stall is None or len(sizes) <= stall:
        return stops_before(run, len(sizes))
    before, now = (look(run, n_known=n) for n in (sizes[-1 - stall], sizes[-1]))
    return stops_before(run, len(sizes), before=before, now=now)
