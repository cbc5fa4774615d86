"""The surrogates of a round, one for each measured accuracy: fitted, and tested on new labels.

Their cross-validation is noted; the honesty gate checks predictions against later measurements, and warns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice

import numpy as np

from xpert_evo.accuracy.surrogate.features import macs
from xpert_evo.accuracy.surrogate.fit import FittedSurrogate, fit_surrogate, honesty
from xpert_evo.objectives import FloatArray, Objectives
from xpert_evo.orchestration.knowledge import Knowledge, genome_of, note_once
from xpert_evo.orchestration.names import FIRST
from xpert_evo.orchestration.randomness import Purpose, as_integer, spawned
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.task import Task
from xpert_evo.progress import Message, Stage
from xpert_evo.space import Genomes
from xpert_evo.store import Plan, Topic
from xpert_evo.words import counted

ACCURACY = "accuracy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrogates:
    """Predictions of the accuracies measured by trainings.

    Attributes:
        task: Task that computes the designs' costs.
        fitted: Surrogate of each measured objective by name; always includes `accuracy`.
    """

    task: Task
    fitted: Mapping[str, FittedSurrogate]

    def accuracy(self, genomes: Genomes) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the accuracy, fractions, (designs,) each."""
        return self.fitted[ACCURACY].predict(genomes)

    def values(self, genomes: Genomes) -> dict[str, FloatArray]:
        """Costs and expected accuracies of genomes of the whole space, by objective name, (designs,) each."""
        return self.task.values(genomes, {name: one.predict(genomes)[0] for name, one in self.fitted.items()})

    def doubt(self, genomes: Genomes, objectives: Objectives) -> FloatArray:
        """Standard deviations of minimised objectives, (designs, objectives); costs are known, so theirs is 0.

        An accuracy enters the objectives as its error, so its own deviation is that of its column.
        """
        known = np.zeros(len(genomes))
        columns = [self.fitted[name].predict(genomes)[1] if name in self.fitted else known for name in objectives.names]
        return np.stack(columns, axis=1)


def topic_of(objective: str) -> Topic:
    """Returns the topic of the notes on the quality of a measured objective's surrogates, one per round."""
    return Topic.SURROGATE if objective == ACCURACY else Topic(f"surrogate of {objective}")


def fit_round(run: RunContext, round_: int, known: Knowledge) -> Surrogates:
    """Fits the surrogates to all labels so far, and notes their cross-validation once."""
    return Surrogates(task=run.task, fitted={name: _fit(run, round_, known, name) for name in known.measured})


def _fit(run: RunContext, round_: int, known: Knowledge, name: str) -> FittedSurrogate:
    task = run.task
    run.listener.tell(Stage(text=f"fitting the surrogate of {name} to {counted(len(known.genomes), 'label')}"))
    surrogate = fit_surrogate(
        task.space,
        known.genomes,
        known.measured[name],
        crossbar=task.hardware.crossbar,
        losses=task.losses,
        seed=as_integer(spawned(task.config.seed, Purpose.SURROGATE, round_)),
        kind=task.config.search.surrogate,
    )
    report = surrogate.report
    topic = topic_of(name)
    note_once(run, topic, str(round_), asdict(report))
    quality = report.models[report.chosen]
    run.listener.tell(
        Message(
            text=f"{topic} {round_}: {report.chosen} on {report.n_labels} labels, cross-validated Kendall tau "
            f"{quality.tau:.2f} (multiply-accumulates alone {report.baseline.tau:.2f}), error {100 * quality.rmse:.1f} "
            f"points, 90 % intervals hold {100 * quality.coverage:.0f} %",
            topic=topic,
        )
    )
    return surrogate


def check_honesty(run: RunContext, round_: int, plans: Sequence[Plan], n_known: int | None = None) -> None:
    """Compares the predictions of labelled plans with their labels; plans without either are skipped.

    Args:
        run: Context of the run.
        round_: Number of the round that has ended.
        plans: Plans with predictions.
        n_known: Use only the first N labels, in the order of their arrival; None for all.
    """
    accuracies = dict(islice(run.store.accuracies(run.label_context(FIRST)).items(), n_known))
    judged = [plan for plan in plans if plan.digest in accuracies and plan.predicted is not None]
    if len(judged) < 2:
        return
    report = honesty(
        np.array([plan.predicted for plan in judged], dtype=np.float64),
        np.array([plan.std for plan in judged], dtype=np.float64),
        [accuracies[plan.digest] for plan in judged],
        macs(run.task.space, np.stack([genome_of(run, plan) for plan in judged]).astype(np.int64)),
    )
    if not note_once(run, Topic.HONESTY, str(round_), asdict(report)):
        return
    held_out = report.surrogate
    run.listener.tell(
        Message(
            text=f"honesty after round {round_}: on {held_out.n} trainings predicted beforehand, Kendall tau "
            f"{held_out.tau:.2f} (multiply-accumulates alone {report.baseline.tau:.2f}), error "
            f"{100 * held_out.rmse:.1f} points, 90 % intervals hold {100 * held_out.coverage:.0f} %",
            topic=Topic.HONESTY,
        )
    )
    if report.warning:
        run.listener.tell(Message(text=report.warning, warning=True))
