"""Selection of designs to train: the first designs, those of a round, and the finalists."""

from dataclasses import dataclass

import numpy as np

from xpert_evo.accuracy.surrogate.fit import LEAST_LABELS
from xpert_evo.config import SearchMode
from xpert_evo.config.method import TrainingConfig
from xpert_evo.errors import ConfigError, InfeasibleError
from xpert_evo.orchestration.candidates import DrawnTruths, Searched
from xpert_evo.orchestration.completing import Completion
from xpert_evo.orchestration.goals import Goal, first_phase, joint_goals, second_phase
from xpert_evo.orchestration.randomness import Purpose, spawned
from xpert_evo.orchestration.surrogates import Surrogates
from xpert_evo.orchestration.task import Task
from xpert_evo.search.baselines import BASELINES
from xpert_evo.search.infill import select_by_draws, select_infill
from xpert_evo.search.phases import FIRST_PHASE, SECOND_PHASE
from xpert_evo.search.seeding import DEPTH_FACTORS, first_designs, first_population, homogeneous_designs
from xpert_evo.space import Genomes

_ATTEMPTS = 20
"""Maximum number of draws of random designs if too few satisfy the limits."""


def check_spaces(task: Task) -> None:
    """Raises ConfigError if a search space contains too few designs, before anything is trained."""
    searched = {"a run": (task.space, LEAST_LABELS)}
    if task.config.search.mode is SearchMode.TWO_PHASE:
        second = second_phase(task, task.baseline)  # its network will differ, but the space has the same size
        searched = {
            f"the first phase (search.mode = two-phase; {', '.join(FIRST_PHASE)})": (
                first_phase(task).space,
                LEAST_LABELS,
            ),
            f"the second phase (search.mode = two-phase; {', '.join(SECOND_PHASE)})": (second.space, 2),
        }
    for name, (space, least) in searched.items():
        n_designs = round(10 ** min(space.log10_size, 9.0))
        if n_designs < least:
            raise ConfigError(
                f"{name} needs a space of at least {least} designs, got {n_designs}; offer more choices in [space]."
            )


def check_first_batch(task: Task) -> None:
    """Raises InfeasibleError if too few designs satisfy the limits to start a run, ConfigError if all are too alike."""
    n_designs, least = len(first_batch(task)), LEAST_LABELS
    if n_designs >= least:
        return
    few = f"a run needs at least {least} designs to start with, including the baseline, but only {n_designs} were found"
    goal = first_phase(task) if task.config.search.mode is SearchMode.TWO_PHASE else joint_goals(task)[-1]
    drawn = [homogeneous_designs(goal.space, DEPTH_FACTORS), goal.space.random(np.random.default_rng(0), 2000)]
    if not goal.feasible(np.concatenate(drawn)).all():
        raise InfeasibleError(f"{few}: hardly any design keeps {limits_told(task)}; raise the limits.")
    kinds = dict.fromkeys(goal.space.genes[i].kind.record.label for i in sorted(Completion(goal).columns))
    computed = f" (best choices of {' and '.join(kinds)} are computed, as they only change costs)" if kinds else ""
    raise ConfigError(f"{few}: the space has too few that differ in accuracy{computed}; offer more choices in [space].")


def limits_told(task: Task) -> str:
    """Returns the chip limits as settings: `hardware.area_limit_mm2 = 50 and hardware.latency_limit_us = 900`."""
    limits = task.constraints.on_chip
    return " and ".join(f"hardware.{name} = {getattr(limits, name):g}" for name in limits.active)


def first_batch(task: Task) -> Genomes:
    """Returns the designs that a run trains first, including the homogeneous baseline."""
    mode, n = task.config.search.mode, task.config.training.first_designs
    if mode is SearchMode.JOINT:
        return starting_designs(task, joint_goals(task)[-1], n)
    if mode is SearchMode.TWO_PHASE:
        return starting_designs(task, first_phase(task), first_share(n))
    return np.concatenate([task.baseline, random_batch(task, n - 1, task.baseline, 0)])


def first_share(n_designs: int) -> int:
    """Returns the number of first designs trained by the first of two phases; the second trains the rest."""
    return min(n_designs, max(LEAST_LABELS, (n_designs + 1) // 2))


def starting_designs(task: Task, goal: Goal, n_designs: int, *key: int) -> Genomes:
    """Returns the designs to train before a goal's first surrogate, including the baseline if its space contains it.

    Args:
        task: Task that defines costs and seed.
        goal: Goal that defines space and limits.
        n_designs: Number of designs.
        *key: Distinguishes further sets of a run from its first.
    """
    completion = Completion(goal)
    genomes = first_designs(
        goal.space,
        n_designs,
        np.random.default_rng(spawned(task.config.seed, Purpose.FIRST_DESIGNS, *key)),
        costs=lambda rows: np.log10(task.costs(goal.whole(rows))["edap"]),
        feasible=goal.feasible,
        reference=goal.own(task.baseline) if goal.holds(task.baseline).all() else None,
        within=goal.within_limits,
        complete=lambda rows: goal.own(completion.completed(goal.whole(rows))),
        costing=completion.columns,
    )
    return goal.whole(genomes)


def infill(
    task: Task,
    round_: int,
    searches: list[Searched],
    *,
    surrogates: Surrogates,
    truths: DrawnTruths,
    labelled: Genomes,
    tried: Genomes,
) -> Genomes:
    """Returns the designs of a round: the most promising candidates, homogeneous rivals, and random probes.

    The goals share the batch evenly. Rivals and probes keep the surrogate honest: front members are too similar to
    judge its ranking by, and a front must be compared with the best homogeneous designs.
    """
    training = task.config.training
    rng = np.random.default_rng(spawned(task.config.seed, Purpose.INFILL, round_))
    chooser = Chooser(surrogates=surrogates, truths=truths, tried=tried, counted=labelled, rng=rng)
    left = training.designs_per_round - training.probes_per_round
    for i, one in enumerate(searches):
        left -= len(chooser.members(one, left // (len(searches) - i)))
    goal = searches[-1].goal
    chooser.rivals(goal, n_rivals(training))
    n_missing = training.designs_per_round - (len(chooser.tried) - len(tried))
    chooser.probes(goal, n_missing, training.designs_per_round)
    return chooser.tried[len(tried) :]


def n_rivals(training: TrainingConfig) -> int:
    """Returns how many of a round's probes are rivals: half of them, rounded down."""
    return training.probes_per_round // 2


@dataclass(slots=True, kw_only=True)
class Chooser:
    """Chooses designs to train, none twice; chosen designs count as tried and as part of the front.

    Attributes:
        surrogates: Surrogates fitted to the labels so far.
        truths: Functions drawn from the surrogates.
        tried: Designs with a label, a failed training or a planned training, (designs, genes).
        counted: Tried designs whose front is to be improved, without failed ones, (designs, genes).
        rng: Random generator of the choices.
    """

    surrogates: Surrogates
    truths: DrawnTruths
    tried: Genomes
    counted: Genomes
    rng: np.random.Generator

    def members(self, one: Searched, n_designs: int) -> Genomes:
        """Chooses at most `n_designs` of a search's candidates, the most promising ones."""
        chosen = self._promising(one.goal, one.candidates, n_designs)
        return np.concatenate([chosen, self._spread(one.goal, one.candidates, n_designs - len(chosen))])

    def rivals(self, goal: Goal, n_designs: int) -> Genomes:
        """Chooses at most `n_designs` homogeneous designs, the most promising ones.

        Surrogates underestimate good homogeneous designs, which are rare among their labels, so that these do not
        reach the predicted front by themselves. A goal with frozen genes has no rivals.
        """
        if not goal.searches_everything:
            return self.tried[:0]
        homogeneous = homogeneous_designs(goal.space, DEPTH_FACTORS)
        return self._promising(goal, homogeneous[goal.feasible(homogeneous)], n_designs)

    def probes(self, goal: Goal, n_designs: int, n_pool: int = 10) -> Genomes:
        """Chooses at most `n_designs` random designs within a goal's limits, from `4 * n_pool` drawn ones."""
        pool = first_population(goal.space, 4 * n_pool, self.rng, feasible=goal.feasible)
        designs = Completion(goal).completed(goal.whole(self.rng.permutation(pool)))
        return self._taken(unknown(designs, self.tried)[:n_designs])

    def _promising(self, goal: Goal, candidates: Genomes, n_designs: int) -> Genomes:
        """Chooses at most `n_designs` of the candidates, those expected to improve the front of `counted` most.

        The front is made of drawn accuracies, not of labels: a measured front favours designs with lucky seeds, and few
        candidates would promise a gain over them.
        """
        if not (n_designs and len(candidates)):
            return candidates[:0]
        within = (goal.constraints.violations(self.surrogates.values(self.counted)) <= 0).all(axis=1)
        picked = select_by_draws(
            n_designs,
            genomes=candidates,
            drawn=self.truths.minimised(candidates, goal.traded),
            trained=self.tried,
            fronts=self.truths.minimised(self.counted[within], goal.traded),
            reference_point=goal.task.reference_of(goal.traded),
        )
        return self._taken(candidates[picked])

    def _spread(self, goal: Goal, candidates: Genomes, n_designs: int) -> Genomes:
        """Chooses at most `n_designs` by expected gain and distance, where no further one promises a gain."""
        if n_designs < 1 or not len(candidates):
            return candidates[:0]
        expected = self.surrogates.values(self.counted)
        within = (goal.constraints.violations(expected) <= 0).all(axis=1)
        picked = select_infill(
            n_designs,
            genomes=candidates,
            mean=goal.traded.minimised(self.surrogates.values(candidates)),
            std=self.surrogates.doubt(candidates, goal.traded),
            trained=self.tried,
            front=goal.traded.minimised(expected)[within],
            reference_point=goal.task.reference_of(goal.traded),
            rng=self.rng,
        )
        return self._taken(candidates[picked])

    def _taken(self, chosen: Genomes) -> Genomes:
        self.tried = np.concatenate([self.tried, chosen])
        self.counted = np.concatenate([self.counted, chosen])
        return chosen


def unknown(genomes: Genomes, *tried: Genomes) -> Genomes:
    """Returns the genomes that have not been tried, in order, each once."""
    seen = {row.tobytes() for known in tried for row in known.astype(np.int64)}
    kept = []
    for i, row in enumerate(genomes.astype(np.int64)):
        if row.tobytes() not in seen:
            seen.add(row.tobytes())
            kept.append(i)
    return genomes[kept]


def random_batch(task: Task, n_designs: int, tried: Genomes, *key: int) -> Genomes:
    """Draws untried designs within the loosest limits for the random modes; may return fewer than requested.

    Args:
        task: Task that defines space, limits, mode and seed.
        n_designs: Number of designs.
        tried: Designs that must not be drawn again, (designs, genes).
        *key: Identifies the draw within the run.

    Raises:
        InfeasibleError: No drawn design satisfies the limits.
    """
    rng = np.random.default_rng(spawned(task.config.seed, Purpose.INFILL, *key))
    draw = BASELINES[task.config.search.mode]
    found, n_feasible = tried[:0], 0
    for _ in range(_ATTEMPTS if task.config.search.mode is SearchMode.RANDOM else 1):
        drawn = draw(task.space, 10_000, rng)
        drawn = drawn[task.feasible(drawn)]
        n_feasible += len(drawn)
        found = np.concatenate([found, unknown(drawn, tried, found)])[:n_designs]
        if len(found) == n_designs:
            break
    if not n_feasible:
        raise InfeasibleError(
            f"none of the designs that search.mode = {task.config.search.mode} draws keeps {limits_told(task)}, "
            "although other designs do; raise the limits or use search.mode = joint."
        )
    return found
