"""What every step of a run works with: its task, its store, its workers, and how its designs are trained."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.executors import Executor
from xpert_evo.orchestration.interrupts import Interrupts
from xpert_evo.orchestration.label_rules import RULES, label_context
from xpert_evo.orchestration.names import FINALISTS
from xpert_evo.orchestration.tally import Tally
from xpert_evo.orchestration.task import Task
from xpert_evo.progress import Listener
from xpert_evo.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What the steps of a run share.

    Attributes:
        task: What is searched.
        store: What is known.
        executor: Where trainings run.
        listener: Who is told.
        interrupts: When to stop.
        dataset_digest: Of the images and their split.
        tally: How many trainings have ended.
        protocol: How the search trains designs.
        finalist_protocol: How finalists are trained.
        rules: By which the run's labels are made.
        genomes: Of planned designs, by digest, so that each is parsed once.
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
        """How the designs of a batch are trained."""
        return self.finalist_protocol if batch == FINALISTS else self.protocol

    def label_context(self, batch: str) -> str:
        """The context of a batch's labels: a digest of all that decides them besides the design and the seed."""
        return label_context(
            self.task.config,
            self.protocol_of(batch),
            self.dataset_digest,
            judged=batch == FINALISTS,
            rules=self.rules,
        )
