"""Goals of a round's searches: all objectives within each area limit, or one of the paper's two phases."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpert_evo.config import SearchMode
from xpert_evo.objectives import Constraints, FloatArray, Objectives
from xpert_evo.orchestration.knowledge import Knowledge, look, note_once
from xpert_evo.orchestration.limits import check_limits
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.task import Task
from xpert_evo.progress import Message
from xpert_evo.search.phases import FIRST_PHASE, SECOND_PHASE, frozen_space, to_frozen_space, to_whole_space
from xpert_evo.space import Genomes, SearchSpace
from xpert_evo.store import Store, Topic

ACCURACY_LOSS = 0.02
"""Default accuracy loss allowed for the first phase's network, relative to the homogeneous baseline."""

_NETWORK = "network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Goal of one search.

    Attributes:
        number: Number of the search in its round, from 0.
        task: Search task of the run.
        space: Space of this search: the whole space, or a part of it with frozen genes.
        objectives: Objectives that the search minimises.
        traded: Objectives by which designs are chosen for training: `objectives`, and accuracy if it is only limited.
        constraints: Limits of the search.
        where: Description of the space for messages.
    """

    number: int
    task: Task
    space: SearchSpace
    objectives: Objectives
    traded: Objectives
    constraints: Constraints
    where: str = "of this space"

    @property
    def searches_everything(self) -> bool:
        """Whether it searches the whole space, whose genomes then need no translation."""
        return self.space is self.task.space

    def feasible(self, genomes: Genomes) -> NDArray[np.bool_]:
        """Returns which genomes of its space satisfy the chip limits, (designs,)."""
        costs = self.task.own_costs(self.whole(genomes))
        return np.asarray((self.constraints.on_chip.violations(costs) <= 0).all(axis=1))

    def within_limits(self) -> Genomes:
        """Returns a design of its space within the chip limits, (1, genes); raises InfeasibleError if there is none."""
        frozen = {
            i: whole.choices.index(gene.choices[0])
            for i, (gene, whole) in enumerate(zip(self.space.genes, self.task.space.genes, strict=True))
            if len(gene.choices) == 1
        }
        genome = check_limits(self.task.table, self.constraints, fixed=frozen, where=self.where)
        return self.own(genome)

    def whole(self, genomes: Genomes) -> Genomes:
        """Converts genomes of its space to the whole space."""
        return genomes if self.searches_everything else to_whole_space(self.space, self.task.space, genomes)

    def own(self, genomes: Genomes) -> Genomes:
        """Converts genomes of the whole space to its own, with the single choices of frozen genes."""
        return genomes if self.searches_everything else to_frozen_space(self.space, genomes)

    def holds(self, genomes: Genomes) -> NDArray[np.bool_]:
        """Returns which genomes of the whole space are in its own, by their frozen genes, (designs,)."""
        return np.asarray((self.whole(self.own(genomes)) == genomes).all(axis=1))

    @property
    def reference_point(self) -> FloatArray:
        """Reference point of hypervolumes of `objectives`."""
        return self.task.reference_of(self.objectives)


def joint_goals(task: Task) -> list[Goal]:
    """Returns a goal for each area limit, the tightest first, so that the newest search has the loosest limit."""
    return [
        Goal(
            number=number,
            task=task,
            space=task.space,
            objectives=task.objectives,
            traded=task.objectives,
            constraints=replace(task.constraints, area_limit_mm2=limit),
        )
        for number, limit in enumerate(task.config.hardware.area_limits_mm2)
    ]


def first_phase(task: Task, least_accuracy: float | None = None) -> Goal:
    """Returns the goal of the paper's first phase: lowest latency at an accuracy, with the baseline's precisions."""
    return Goal(
        number=0,
        task=task,
        space=frozen_space(task.space, task.baseline, FIRST_PHASE),
        objectives=Objectives(("latency",)),
        traded=Objectives(("accuracy", "latency")),
        constraints=replace(task.constraints, least_accuracy=least_accuracy),
        where="with the precisions of the first phase (search.mode = two-phase)",
    )


def second_phase(task: Task, network: Genomes) -> Goal:
    """Returns the goal of the paper's second phase: the run's objectives over precisions of a network (1, genes)."""
    return replace(
        joint_goals(task)[-1],
        space=frozen_space(task.space, network, SECOND_PHASE),
        where="of the first phase's network (search.mode = two-phase)",
    )


def goals_of(run: RunContext) -> list[Goal]:
    """Returns the goals of the next round; the first phase lasts until its network is noted."""
    if run.task.config.search.mode is not SearchMode.TWO_PHASE:
        return joint_goals(run.task)
    network = found_network(run)
    if network is None:
        return [first_phase(run.task, accuracy_to_keep(run))]
    return [second_phase(run.task, network)]


def network_note(store: Store) -> dict[str, Any] | None:
    """Returns the note of `settle_network` on the first phase's network; None before its end or without phases."""
    note: dict[str, Any] | None = store.note(Topic.TWO_PHASE, _NETWORK)
    return note


def found_network(run: RunContext) -> Genomes | None:
    """Returns the network found by the first phase, (1, genes); None before its end."""
    note = network_note(run.store)
    return None if note is None else np.array([note["genome"]], dtype=np.int64)


def n_first_phase_rounds(run: RunContext) -> int | None:
    """Returns the number of rounds of the first phase; None before its end or without phases."""
    note = network_note(run.store)
    return None if note is None else int(note["after_round"])


def accuracy_to_keep(run: RunContext) -> float:
    """Returns the minimum accuracy of the first phase: as set, else that of the baseline minus `ACCURACY_LOSS`.

    If the baseline's training failed, the accuracy of the phase's best design is used instead.
    """
    asked = run.task.config.search.first_phase_accuracy
    if asked is not None:
        return asked
    known = _known_to(first_phase(run.task), run)
    is_baseline = (known.genomes == run.task.baseline).all(axis=1)
    accuracies = known.measured["accuracy"]
    best = accuracies[is_baseline] if is_baseline.any() else accuracies
    return max(0.0, float(best.max()) - ACCURACY_LOSS)


def settle_network(run: RunContext, after_round: int) -> None:
    """Ends the first phase: notes the labelled design of least latency that keeps the limits and the accuracy.

    Where none does, the one that breaks them least, those on the chip before all: the second phase has to keep these.
    Labels of other runs count where they have the phase's precisions.
    """
    goal = first_phase(run.task, accuracy_to_keep(run))
    known = _known_to(goal, run)
    broken = np.maximum(goal.constraints.violations(known.values), 0).sum(axis=1)
    on_chip = np.maximum(goal.constraints.on_chip.violations(known.values), 0).sum(axis=1)
    best = int(np.lexsort((known.values["latency"], broken, on_chip))[0])
    accuracy, latency = float(known.measured["accuracy"][best]), float(known.values["latency"][best])
    limits = {name: limit for name, limit in asdict(goal.constraints).items() if limit is not None}
    note = {
        "after_round": after_round,
        "digest": known.digests[best],
        "genome": known.genomes[best].tolist(),
        "accuracy": accuracy,
        "latency_us": latency,
        "limits": limits,
        "keeps_limits": bool(broken[best] == 0),
    }
    if note_once(run, Topic.TWO_PHASE, _NETWORK, note):
        text = (
            f"first phase: network {known.digests[best][:8]} with {latency:.4g} us and {100 * accuracy:.2f} % on "
            f"validation (asked for: {100 * limits['least_accuracy']:.2f} %); the second phase searches its precisions"
        )
        run.listener.tell(Message(text=text, warning=bool(broken[best]), topic="phase"))


def _known_to(goal: Goal, run: RunContext) -> Knowledge:
    """Returns the labels of designs in a goal's space."""
    known = look(run)
    return known.only(goal.holds(known.genomes))
