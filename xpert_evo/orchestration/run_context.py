"""Context shared by all steps of a run: task, store, workers and training protocols."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.recipes import Recipe
from xpert_evo.executors import Executor
from xpert_evo.orchestration.chips import Chips
from xpert_evo.orchestration.interrupts import Interrupts
from xpert_evo.orchestration.label_rules import RULES, label_context
from xpert_evo.orchestration.names import FINALISTS, NATIVE, REFINED
from xpert_evo.orchestration.native_plan import native_context, native_note
from xpert_evo.orchestration.tally import Tally
from xpert_evo.orchestration.task import Task
from xpert_evo.progress import Listener
from xpert_evo.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Context shared by the steps of a run.

    Attributes:
        task: Search task of the run.
        store: Store of the run.
        executor: Executor of the trainings.
        listener: Receiver of events.
        interrupts: Handler of stop signals.
        dataset_digest: Digest of the images and their split.
        tally: Counter of trainings.
        protocol: Training protocol of the search.
        finalist_protocol: Training protocol of finalists.
        rules: Version of the labelling rules.
        genomes: Cached genomes of planned designs, by digest.
    """

    task: Task
    store: Store
    executor: Executor
    listener: Listener
    interrupts: Interrupts
    dataset_digest: str
    tally: Tally
    protocol: TrainingProtocol
    finalist_protocol: TrainingProtocol
    rules: int = RULES
    genomes: dict[str, NDArray[np.int16]] = field(default_factory=dict)

    def protocol_of(self, batch: str) -> TrainingProtocol:
        """Returns the training protocol of a batch."""
        if batch in {NATIVE, REFINED}:
            return self.native_recipe.stages[-1].protocol
        return self.finalist_protocol if batch == FINALISTS else self.protocol

    @property
    def native_recipe(self) -> Recipe:
        """The recipe of trainings at native size; they must have been planned."""
        plan = native_note(self.store)
        assert plan is not None
        return plan.recipe

    @property
    def native_chips(self) -> Chips | None:
        """The chips that networks at native size are judged on; None for ideal devices."""
        plan = native_note(self.store)
        return Chips.of(self.task.config) if plan is not None and plan.on_chips else None

    def training_name(self, batch: str) -> str:
        """Returns the name of a batch's training for displays: that of its protocol, or `recipe NAME`."""
        if batch in {NATIVE, REFINED}:
            return f"recipe {self.native_recipe.name}"
        return self.protocol_of(batch).name

    def label_context(self, batch: str) -> str:
        """Returns the digest of everything that determines a batch's labels besides design and seed."""
        if batch in {NATIVE, REFINED}:
            return native_context(
                self.task.config,
                self.native_recipe,
                self.dataset_digest,
                refined=batch == REFINED,
                chips=self.native_chips,
            )
        return label_context(
            self.task.config,
            self.protocol_of(batch),
            self.dataset_digest,
            judged=batch == FINALISTS,
            rules=self.rules,
        )
