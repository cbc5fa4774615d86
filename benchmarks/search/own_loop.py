"""The steps of `xpert-evo run` with labels from a landscape, for benchmarks that compare or replace parts of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from search.labelling import Labeller

from xpert_evo.accuracy.surrogate.fit import FittedSurrogate, fit_surrogate
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.candidates import DrawnTruths, Searched, searched
from xpert_evo.orchestration.choosing import Chooser, infill, starting_designs
from xpert_evo.orchestration.goals import joint_goals
from xpert_evo.orchestration.randomness import Purpose, as_integer, spawned
from xpert_evo.orchestration.searching import generations
from xpert_evo.orchestration.surrogates import Surrogates
from xpert_evo.orchestration.task import Task
from xpert_evo.space import Genomes

N_GENERATIONS = 40
"""Generations of a round's search; a run has 150, which take longer and change little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the designs of a round are chosen from.

    Attributes:
        task: Task with costs, limits, settings and seed.
        round_: Number of the round, from 1.
        searched: The round's search and its candidates.
        surrogates: Surrogates of the labels so far.
        truths: Functions drawn from them.
        labelled: Designs with a label, (designs, genes).
    """

    task: Task
    round_: int
    searched: Searched
    surrogates: Surrogates
    truths: DrawnTruths
    labelled: Genomes

    @property
    def n_designs(self) -> int:
        """Number of designs to choose."""
        return self.task.config.training.designs_per_round

    @property
    def n_members(self) -> int:
        """Number of them that a run takes from the candidates, the others being rivals and probes."""
        return self.n_designs - self.task.config.training.probes_per_round

    def chooser(self) -> Chooser:
        """A chooser that has chosen nothing yet."""
        return Chooser(
            surrogates=self.surrogates,
            truths=self.truths,
            tried=self.labelled,
            counted=self.labelled,
            rng=np.random.default_rng(spawned(self.task.config.seed, Purpose.INFILL, self.round_)),
        )


Choose = Callable[[Choice], Genomes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A finished round.

    Attributes:
        surrogate: Surrogate that its designs were chosen with.
        front: Front of its search, (designs, genes).
        chosen: Designs that were labelled, (designs, genes).
        labels: Their labels, fractions.
    """

    surrogate: FittedSurrogate
    front: Genomes
    chosen: Genomes
    labels: FloatArray


def as_in_a_run(choice: Choice) -> Genomes:
    """The designs that a run would train."""
    return infill(
        choice.task,
        choice.round_,
        [choice.searched],
        surrogates=choice.surrogates,
        truths=choice.truths,
        labelled=choice.labelled,
        tried=choice.labelled,
    )


def run_loop(
    label: Labeller,
    seed: int,
    *,
    n_first: int,
    n_a_round: int,
    n_probes: int | None = None,
    kind: str | None = None,
    choose: Choose = as_in_a_run,
) -> list[Round]:
    """First designs, then rounds of a surrogate, a search and new labels, until no labels are left.

    Args:
        label: Gives the labels.
        seed: Random seed of the run.
        n_first: Number of first designs.
        n_a_round: Number of designs of a round.
        n_probes: How many of these are rivals and probes; the default setting if None.
        kind: Kind of surrogate; the default setting if None.
        choose: Chooses the designs of a round.
    """
    task = _set(label.problem.task, seed, n_first=n_first, n_a_round=n_a_round, n_probes=n_probes, kind=kind)
    [goal] = joint_goals(task)
    label(starting_designs(task, goal, n_first))
    state, rounds = None, []
    while label.n_left:
        round_ = len(rounds) + 1
        surrogate = fit_surrogate(
            task.space,
            label.genomes,
            label.labels,
            crossbar=task.hardware.crossbar,
            seed=as_integer(spawned(seed, Purpose.SURROGATE, round_)),
            kind=task.config.search.surrogate,
        )
        surrogates = Surrogates(task=task, fitted={"accuracy": surrogate})
        before = state
        for later in generations(round_, goal, surrogates, label.genomes, before=before):
            state = later
        assert state is not None
        truths = DrawnTruths.of(surrogates, round_)
        choice = Choice(
            task=task,
            round_=round_,
            searched=searched(round_, goal, state, surrogates, truths),
            surrogates=surrogates,
            truths=truths,
            labelled=label.genomes,
        )
        chosen = choose(choice)[: label.n_left]
        rounds.append(Round(surrogate=surrogate, front=state.genomes[state.front], chosen=chosen, labels=label(chosen)))
    return rounds


def _set(task: Task, seed: int, *, n_first: int, n_a_round: int, n_probes: int | None, kind: str | None) -> Task:
    training: dict[str, object] = {"first_designs": n_first, "designs_per_round": n_a_round}
    if n_probes is not None:
        training["probes_per_round"] = n_probes
    search: dict[str, object] = {"generations": N_GENERATIONS}
    if kind is not None:
        search["surrogate"] = kind
    config = task.config
    changed = {
        "seed": seed,
        "training": config.training.model_copy(update=training),
        "search": config.search.model_copy(update=search),
    }
    return replace(task, config=config.model_copy(update=changed))
