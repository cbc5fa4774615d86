"""Knowledge of a run: measured values of all labelled designs, and all designs ever planned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from xpert_evo.design import design_from_text
from xpert_evo.objectives import Constraints, FloatArray, Objectives
from xpert_evo.orchestration.chip_noise import NOISY, robustness_of
from xpert_evo.orchestration.names import FIRST
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.space import Genomes
from xpert_evo.store import Plan, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Labelled designs in the order of their digests, independent of the order of trainings.

    Attributes:
        digests: Ids of the designs.
        genomes: Genomes of the designs, (designs, genes).
        measured: `accuracy` and other measured objectives by name, fractions, (designs,).
        values: `measured` together with the designs' costs, by objective name.
    """

    digests: list[str]
    genomes: Genomes
    measured: Mapping[str, FloatArray]
    values: Mapping[str, FloatArray]

    def __len__(self) -> int:
        """Returns the number of labelled designs."""
        return len(self.digests)

    def only(self, rows: NDArray[np.bool_]) -> "Knowledge":
        """Returns the knowledge of the designs selected by `rows`, (designs,)."""
        return Knowledge(
            digests=[digest for digest, kept in zip(self.digests, rows, strict=True) if kept],
            genomes=self.genomes[rows],
            measured={name: column[rows] for name, column in self.measured.items()},
            values={name: column[rows] for name, column in self.values.items()},
        )

    def within(self, constraints: Constraints, objectives: Objectives) -> FloatArray:
        """Returns minimised objectives of the designs within the limits, (designs, objectives)."""
        return objectives.minimised(self.values)[(constraints.violations(self.values) <= 0).all(axis=1)]


def look(
    run: RunContext,
    *,
    batches: Iterable[str] | None = None,
    n_known: int | None = None,
) -> Knowledge:
    """Returns all labels of the search, or some of them.

    Args:
        run: Context of the run.
        batches: Use only designs planned by these batches; None for all.
        n_known: Use only the first N labels, in the order of their arrival; None for all.
    """
    context = run.label_context(FIRST)
    accuracies = dict(islice(run.store.accuracies(context).items(), n_known))
    asked = None if batches is None else set(batches)
    rows: dict[str, NDArray[np.int16]] = {}
    for plan in run.store.each_plan():  # a genome is small, a design is not: none is held
        if plan.digest in accuracies and (asked is None or plan.batch in asked):
            rows.setdefault(plan.digest, genome_of(run, plan))
    digests = sorted(rows)
    genomes = stacked(run, [rows[digest] for digest in digests])
    measured = {"accuracy": np.array([accuracies[digest] for digest in digests])}
    if run.task.config.measures_robustness:
        labels = run.store.labels(context)
        config = run.task.config
        measured["robustness"] = np.array([robustness_of(labels[d].details[NOISY], config) for d in digests])
    return Knowledge(digests=digests, genomes=genomes, measured=measured, values=run.task.values(genomes, measured))


def known_digests(run: RunContext) -> list[str]:
    """Returns digests of the labelled designs, in the order of their arrival."""
    return list(run.store.accuracies(run.label_context(FIRST)))


def planned(run: RunContext) -> Genomes:
    """Returns all designs planned by any batch, labelled or not, (plans, genes)."""
    return stacked(run, [genome_of(run, plan) for plan in run.store.each_plan()])


def genome_of(run: RunContext, plan: Plan) -> NDArray[np.int16]:
    """Returns the genome (genes,) of a planned design; parsed once and cached with 16 bits per gene."""
    genome = run.genomes.get(plan.digest)
    if genome is None:
        genome = run.task.space.encode([design_from_text(plan.design)])[0].astype(np.int16)
        run.genomes[plan.digest] = genome
    return genome


def stacked(run: RunContext, rows: Sequence[NDArray[np.int16]]) -> Genomes:
    """Stacks single genomes to an array (designs, genes), also of an empty sequence."""
    genomes = np.empty((len(rows), run.task.space.n_genes), dtype=np.int64)
    for i, row in enumerate(rows):
        genomes[i] = row
    return genomes


def note_once(run: RunContext, topic: Topic, key: str, value: Mapping[str, object]) -> bool:
    """Writes a note unless it exists, as in a resumed run; returns whether it is new."""
    if run.store.note(topic, key) is not None:
        return False
    with run.interrupts.held_back(), run.store.transaction() as store:
        store.add_note(topic, key, value)
    return True
