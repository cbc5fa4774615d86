"""What a round's searches are after: all objectives within each limit on area, or one of the paper's two phases."""

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
"""Accuracy that the first phase's network may lose against the homogeneous baseline, where nothing else is asked."""

_NETWORK = "network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What one search is after.

    Attributes:
        number: Among the searches of its round, from 0.
        task: What is searched in all.
        space: Where this one searches: the whole space, or a part of it with frozen genes.
        objectives: What the search minimises.
        traded: What designs are chosen for training by: `objectives` and what these leave to a limit.
        constraints: Limits that it keeps.
        where: Its space, in words for messages.
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
        """Which genomes of its space keep the limits on the chip, (designs,)."""
        costs = self.task.own_costs(self.whole(genomes))
        return np.asarray((self.constraints.on_chip.violations(costs) <= 0).all(axis=1))

    def within_limits(self) -> Genomes:
        """A design of its space that keeps the limits on the chip, (1, genes); raises InfeasibleError without one."""
        frozen = {
            i: whole.choices.index(gene.choices[0])
            for i, (gene, whole) in enumerate(zip(self.space.genes, self.task.space.genes, strict=True))
            if len(gene.choices) == 1
        }
        genome = check_limits(self.task.table, self.constraints, fixed=frozen, where=self.where)
        return self.own(genome)

    def whole(self, genomes: Genomes) -> Genomes:
        """Genomes of its space as genomes of the whole one."""
        return genomes if self.searches_everything else to_whole_space(self.space, self.task.space, genomes)

    def own(self, genomes: Genomes) -> Genomes:
        """Genomes of the whole space as genomes of its own, with the frozen genes' only choices."""
        return genomes if self.searches_everything else to_frozen_space(self.space, genomes)

    def holds(self, genomes: Genomes) -> NDArray[np.bool_]:
        """Which genomes of the whole space lie in its own: their frozen genes make its only choices, (designs,)."""
        return np.asarray((self.whole(self.own(genomes)) == genomes).all(axis=1))

    @property
    def reference_point(self) -> FloatArray:
        """Of hypervolumes of `objectives`."""
        return self.task.reference_of(self.objectives)


def joint_goals(task: Task) -> list[Goal]:
    """A search for each limit on area, the tightest first, so that the newest one is always the loosest limit's."""
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
    """The paper's first phase: least latency within the limits, at an accuracy, with the baseline's precisions."""
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
    """The paper's second phase: the run's objectives, over the precisions of the network (1, genes) found."""
    return replace(
        joint_goals(task)[-1],
        space=frozen_space(task.space, network, SECOND_PHASE),
        where="of the first phase's network (search.mode = two-phase)",
    )


def goals_of(run: RunContext) -> list[Goal]:
    """What the next round's searches are after; the first phase lasts until its network is noted."""
    if run.task.config.search.mode is not SearchMode.TWO_PHASE:
        return joint_goals(run.task)
    network = found_network(run)
    if network is None:
        return [first_phase(run.task, accuracy_to_keep(run))]
    return [second_phase(run.task, network)]


def network_note(store: Store) -> dict[str, Any] | None:
    """What `settle_network` noted of the network that the first phase found; None while it lasts and without phases."""
    note: dict[str, Any] | None = store.note(Topic.TWO_PHASE, _NETWORK)
    return note


def found_network(run: RunContext) -> Genomes | None:
    """The network that the first phase found, (1, genes); None while it lasts."""
    note = network_note(run.store)
    return None if note is None else np.array([note["genome"]], dtype=np.int64)


def n_first_phase_rounds(run: RunContext) -> int | None:
    """Rounds of the first phase; None while it lasts and where there is none."""
    note = network_note(run.store)
    return None if note is None else int(note["after_round"])


def accuracy_to_keep(run: RunContext) -> float:
    """The accuracy that the first phase keeps: as set, else the homogeneous baseline's less `ACCURACY_LOSS`.

    Where the baseline's training failed, the accuracy of the phase's best design stands in.
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
    """What is known of a goal's own designs."""
    known = look(run)
    return known.only(goal.holds(known.genomes))
