"""A batch of trainings: planned in one transaction, each result a transaction of its own."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xpert_evo.accuracy.surrogate.features import macs
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.config.method import MOST_RETRIES
from xpert_evo.design import Design, design_from_text
from xpert_evo.errors import StoreError, TrainingError
from xpert_evo.executors import Executor, JobDone, JobFailed
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.context import FINALISTS, REUSED, RULES, SEARCHED, label_context
from xpert_evo.orchestration.interrupts import Interrupts
from xpert_evo.orchestration.randomness import Purpose, as_integer, spawned
from xpert_evo.orchestration.tally import Tally
from xpert_evo.orchestration.task import Task
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport, train_job
from xpert_evo.progress import Listener, Stage, TrainingEnded
from xpert_evo.store import Failure, Label, Plan, Store
from xpert_evo.streams import in_shell
from xpert_evo.words import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What every step of a run shares.

    Attributes:
        task: What is searched.
        store: What is known.
        executor: Where trainings run.
        listener: Who is told.
        interrupts: When to stop.
        dataset_digest: Of the images and their split.
        tally: How many trainings have ended.
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
    rules: int = RULES
    genomes: dict[str, NDArray[np.int16]] = field(default_factory=dict)

    def context(self, batch: str, protocol: TrainingProtocol) -> str:
        """Digest of all that decides a batch's labels besides the design and the seed."""
        return label_context(
            self.task.config, protocol, self.dataset_digest, judged=batch == FINALISTS, rules=self.rules
        )


def plan_batch(
    shop: Workshop,
    name: str,
    designs: Sequence[Design],
    protocol: TrainingProtocol,
    prediction: tuple[FloatArray, FloatArray] | None = None,
) -> None:
    """Writes down what a batch is going to train, with what the surrogate expects of it."""
    plans = plans_of(shop, name, designs, protocol, prediction=prediction)
    with shop.interrupts.held_back(), shop.store.transaction() as store:
        store.add_plans(plans)
        store.add_event("planned", f"{name}: {len(plans)} designs")


def plans_of(
    shop: Workshop,
    name: str,
    designs: Sequence[Design],
    protocol: TrainingProtocol,
    *,
    prediction: tuple[FloatArray, FloatArray] | None = None,
    first: int = 0,
) -> list[Plan]:
    """Plans of a batch, `first` the position of the first one; not written yet."""
    context = shop.context(name, protocol)
    return [
        Plan(
            batch=name,
            position=first + position,
            digest=design.digest,
            design=json.dumps(design.to_plain()),
            context=context,
            predicted=None if prediction is None else float(prediction[0][position]),
            std=None if prediction is None else float(prediction[1][position]),
        )
        for position, design in enumerate(designs)
    ]


def run_batch(shop: Workshop, name: str, protocol: TrainingProtocol) -> None:
    """Trains what is planned and has no result yet; failures are tried again as the settings say.

    Raises:
        StoreError: The batch was planned for labels that this version cannot make.
        TrainingError: Every training of the batch failed: something is wrong with all of them.
    """
    plans = shop.store.plans(name)
    context = shop.context(name, protocol)
    if any(plan.context != context for plan in plans):
        raise StoreError(
            f"batch '{name}' of {shop.store.folder} was planned with another definition of protocol '{protocol.name}' "
            "than this version has; finish the run with the version that began it, or begin another one."
        )
    digests = [plan.digest for plan in plans]
    shop.tally.skip(_kind(name), len(reused_digests(shop, context).intersection(digests)))
    attempts_allowed = 1 + shop.task.config.training.retries
    while True:
        labelled = shop.store.labelled(context, digests)
        failures = Counter(failure.digest for failure in shop.store.failures(context))
        missing = [p for p in plans if p.digest not in labelled and failures[p.digest] < attempts_allowed]
        if not missing:
            break
        jobs = [job_of(shop, plan, protocol) for plan in missing]
        sizes = sizes_of(shop, jobs)
        shop.tally.begin(_kind(name), sizes)
        shop.listener.tell(Stage(text=f"training {counted(len(jobs), 'design')} ({name})"))
        for outcome in shop.executor.run(train_job, jobs):
            record(shop, missing[outcome.position], jobs[outcome.position], outcome, sizes[outcome.position])
    if plans and not labelled:
        reason = next(f.reason for f in reversed(shop.store.failures(context)) if f.digest == plans[-1].digest)
        raise TrainingError(
            f"all {len(plans)} trainings of batch '{name}' failed, the last one because of: {reason}. "
            f"Mend the cause, then {try_again(shop)}."
        )


def try_again(shop: Workshop) -> str:
    """The command that tries failed trainings once more."""
    retries = min(MOST_RETRIES, shop.task.config.training.retries + 1)
    return f"`xpert-evo resume {in_shell(shop.store.folder)} --set training.retries={retries}`"


def reused_digests(shop: Workshop, context: str) -> set[str]:
    """Digests of designs whose label in a context an earlier run made."""
    return {plan.digest for plan in shop.store.plans(REUSED) if plan.context == context}


def job_of(shop: Workshop, plan: Plan, protocol: TrainingProtocol) -> TrainingJob:
    """What a worker is given for a plan."""
    config = shop.task.config
    folder = shop.store.folder.absolute() / "checkpoints"  # workers may have another working folder
    folder.mkdir(exist_ok=True)
    # Whom a kind seed has made a finalist must not have it again.
    purpose = Purpose.FINALIST if plan.batch == FINALISTS else Purpose.TRAINING
    return TrainingJob(
        design=design_from_text(plan.design),
        dataset=config.dataset,
        dataset_digest=shop.dataset_digest,
        protocol=protocol,
        crossbar=shop.task.hardware.crossbar,
        seed=as_integer(spawned(config.seed, purpose, int(plan.digest, 16))),
        noise_draws=config.training.noise_draws if config.measures_robustness else 0,
        conductance_variation_ratio=config.training.conductance_variation_ratio,
        judged=plan.batch == FINALISTS,
        judge_images=config.training.judge_images,
        checkpoint=folder / f"{plan.digest}-{plan.context}.pt",
        backbone=shop.task.backbone.own,
    )


def sizes_of(shop: Workshop, jobs: Sequence[TrainingJob]) -> list[float]:
    """Multiply-accumulates of the jobs' designs, by which the tally weighs them."""
    return [float(size) for size in macs(shop.task.space, shop.task.space.encode([job.design for job in jobs]))]


def _kind(batch: str) -> str:
    """How the tally counts a batch."""
    return FINALISTS if batch == FINALISTS else SEARCHED


def record(
    shop: Workshop, plan: Plan, job: TrainingJob, outcome: JobDone[TrainingReport] | JobFailed, size: float
) -> None:
    """Writes what came of a plan, in a transaction of its own, and tells it."""
    with shop.interrupts.held_back(), shop.store.transaction() as store:
        if isinstance(outcome, JobFailed):
            store.add_failure(
                Failure(
                    digest=plan.digest,
                    context=plan.context,
                    protocol=job.protocol.name,
                    seed=job.seed,
                    reason=outcome.reason,
                    seconds=0.0,
                )
            )
            store.add_event("failed", f"{plan.digest}: {outcome.reason}")
        else:
            store.add_label(
                Label(
                    digest=plan.digest,
                    context=plan.context,
                    protocol=job.protocol.name,
                    seed=job.seed,
                    accuracy=outcome.result.validation_accuracy,
                    seconds=outcome.result.seconds,
                    details=outcome.result.details,
                )
            )
    _tell(shop, plan, job, outcome, size)


def _tell(
    shop: Workshop, plan: Plan, job: TrainingJob, outcome: JobDone[TrainingReport] | JobFailed, size: float
) -> None:
    report = outcome.result if isinstance(outcome, JobDone) else None
    if report is not None:
        shop.tally.add(_kind(plan.batch), report.seconds, size)
    else:
        shop.tally.drop(_kind(plan.batch), size)
    shop.listener.tell(
        TrainingEnded(
            batch=plan.batch,
            done=shop.tally.done,
            total=shop.tally.total,
            digest=plan.digest,
            accuracy=report.validation_accuracy if report else None,
            predicted=plan.predicted,
            seconds=report.seconds if report else 0.0,
            left_s=shop.tally.left_s(),
            images_per_s=shop.tally.images_per_s(),
            reason=outcome.reason if isinstance(outcome, JobFailed) else None,
            worker=outcome.worker,
            edap=float(shop.task.own_costs(shop.task.space.encode([job.design]))["edap"][0]),
        )
    )
