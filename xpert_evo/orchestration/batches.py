"""Batches of trainings: planned in one transaction, with one transaction per result."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from xpert_evo.accuracy.surrogate.features import macs
from xpert_evo.config.method import MOST_RETRIES
from xpert_evo.design import Design, design_from_text
from xpert_evo.errors import StoreError, TrainingError
from xpert_evo.executors import JobDone, JobFailed
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.chip_noise import chip_noise
from xpert_evo.orchestration.chips import Chips
from xpert_evo.orchestration.knowledge import genome_of, stacked
from xpert_evo.orchestration.names import AFTER_SEARCH, FINALISTS, NATIVE, REFINED, REUSED, SEARCHED
from xpert_evo.orchestration.native_jobs import NativeJob, native_job
from xpert_evo.orchestration.native_plan import refined_weights
from xpert_evo.orchestration.randomness import Purpose, as_integer, spawned
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport, train_job
from xpert_evo.progress import Stage, TrainingEnded
from xpert_evo.store import Failure, Label, Plan
from xpert_evo.streams import in_shell
from xpert_evo.words import counted


def plan_batch(
    run: RunContext,
    name: str,
    designs: Sequence[Design],
    prediction: tuple[FloatArray, FloatArray] | None = None,
) -> None:
    """Stores the plans of a batch, with the predictions of the surrogate."""
    plans = plans_of(run, name, designs, prediction=prediction)
    with run.interrupts.held_back(), run.store.transaction() as store:
        store.add_plans(plans)
        store.add_event("planned", f"{name}: {len(plans)} designs")


def plans_of(
    run: RunContext,
    name: str,
    designs: Sequence[Design],
    *,
    prediction: tuple[FloatArray, FloatArray] | None = None,
    first: int = 0,
) -> list[Plan]:
    """Returns the plans of a batch, starting at position `first`, without storing them."""
    context = run.label_context(name)
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


def run_batch(run: RunContext, name: str) -> None:
    """Trains the planned designs without a result; failed trainings are retried according to the settings.

    Raises:
        StoreError: The batch was planned for labels that this version cannot produce.
        TrainingError: All trainings of the batch failed.
    """
    plans = run.store.plans(name)
    context = run.label_context(name)
    if any(plan.context != context for plan in plans):
        raise StoreError(
            f"batch '{name}' of {run.store.folder} was planned with another definition of protocol "
            f"'{run.protocol_of(name).name}' than that of this version; finish the run with the version that began it, "
            "or start a new one."
        )
    digests = [plan.digest for plan in plans]
    run.tally.skip(_kind(name), len(reused_digests(run, context).intersection(digests)))
    attempts_allowed = 1 + run.task.config.training.retries
    while True:
        labelled = run.store.labelled(context, digests)
        failures = Counter(failure.digest for failure in run.store.failures(context))
        missing = [p for p in plans if p.digest not in labelled and failures[p.digest] < attempts_allowed]
        if not missing:
            break
        sizes = sizes_of(run, missing)
        run.tally.begin(_kind(name), sizes)
        run.listener.tell(Stage(text=f"training {counted(len(missing), 'design')} ({name})"))
        for outcome in _outcomes(run, name, missing):
            record(run, missing[outcome.position], outcome, sizes[outcome.position])
    if plans and not labelled:
        reason = next(f.reason for f in reversed(run.store.failures(context)) if f.digest == plans[-1].digest)
        raise TrainingError(
            f"all {len(plans)} trainings of batch '{name}' failed, the last one because of: {reason}. "
            f"Fix the cause, then run {try_again(run)}."
        )


def _outcomes(run: RunContext, name: str, plans: Sequence[Plan]) -> Iterator[JobDone[TrainingReport] | JobFailed]:
    if name in {NATIVE, REFINED}:
        return run.executor.run(native_job, [native_job_of(run, plan) for plan in plans])
    return run.executor.run(train_job, [job_of(run, plan) for plan in plans])


def try_again(run: RunContext) -> str:
    """Returns the command that retries failed trainings."""
    retries = min(MOST_RETRIES, run.task.config.training.retries + 1)
    return f"`xpert-evo resume {in_shell(run.store.folder)} --set training.retries={retries}`"


def too_few_labels(run: RunContext) -> TrainingError:
    """Returns the error for a run with too few labels to fit a surrogate to, because trainings failed."""
    failures = run.store.failures()
    reason = failures[-1].reason if failures else "none was begun"
    return TrainingError(
        f"too many trainings failed to go on, the last one because of: {reason}. Mend the cause, then {try_again(run)}."
    )


def reused_digests(run: RunContext, context: str) -> set[str]:
    """Returns digests of designs whose label in a context was made by an earlier run."""
    return {plan.digest for plan in run.store.plans(REUSED) if plan.context == context}


def job_of(run: RunContext, plan: Plan) -> TrainingJob:
    """Returns the job of a plan for a worker."""
    config = run.task.config
    folder = run.store.folder.absolute() / "checkpoints"  # workers may have another working directory
    folder.mkdir(exist_ok=True)
    return TrainingJob(
        design=design_from_text(plan.design),
        dataset=config.dataset,
        dataset_digest=run.dataset_digest,
        protocol=run.protocol_of(plan.batch),
        crossbar=run.task.hardware.crossbar,
        seed=seed_of(run.task.config.seed, plan),
        noise=chip_noise(config),
        chips=Chips.of(config),
        judged=plan.batch == FINALISTS,
        judge_images=config.training.judge_images,
        checkpoint=folder / f"{plan.digest}-{plan.context}.pt",
        backbone=run.task.backbone.own,
    )


def native_job_of(run: RunContext, plan: Plan) -> NativeJob:
    """Returns the job of a plan at native size for a worker."""
    config = run.task.config
    return NativeJob(
        design=design_from_text(plan.design),
        dataset=config.dataset,
        dataset_digest=run.dataset_digest,
        recipe=run.native_recipe,
        crossbar=run.task.hardware.crossbar,
        seed=seed_of(run.task.config.seed, plan),
        folder=native_folder(run.store.folder, plan.digest).absolute(),
        judge_images=config.native.judge_images,
        backbone=run.task.backbone.own,
        weights=None if plan.batch == NATIVE else run.store.folder.absolute() / _refined(run, plan),
        chips=run.native_chips,
    )


def _refined(run: RunContext, plan: Plan) -> str:
    found = refined_weights(run.store)
    assert found is not None
    return found[plan.digest]


def native_folder(run: Path, digest: str) -> Path:
    """Returns the folder of a design's network at native size within the folder of a run."""
    return run / "native" / digest


def seed_of(seed: int, plan: Plan) -> int:
    """Returns the seed of a training; a design that was chosen thanks to a lucky seed gets another one afterwards.

    Args:
        seed: Random seed of the run.
        plan: The training.
    """
    purpose = {FINALISTS: Purpose.FINALIST, NATIVE: Purpose.NATIVE}.get(plan.batch, Purpose.TRAINING)
    return as_integer(spawned(seed, purpose, int(plan.digest, 16)))


def sizes_of(run: RunContext, plans: Sequence[Plan]) -> list[float]:
    """Returns multiply-accumulates of planned designs, used by the tally as weights; 0 for networks only judged."""
    if any(plan.batch == REFINED for plan in plans):  # their genes need not be choices of the space
        return [0.0] * len(plans)
    return [float(size) for size in macs(run.task.space, stacked(run, [genome_of(run, plan) for plan in plans]))]


def _kind(batch: str) -> str:
    """Returns the kind that the tally counts a batch as."""
    return batch if batch in AFTER_SEARCH else SEARCHED


def record(run: RunContext, plan: Plan, outcome: JobDone[TrainingReport] | JobFailed, size: float) -> None:
    """Stores the result of a plan in its own transaction, and reports it."""
    protocol, seed = run.training_name(plan.batch), seed_of(run.task.config.seed, plan)
    with run.interrupts.held_back(), run.store.transaction() as store:
        if isinstance(outcome, JobFailed):
            store.add_failure(
                Failure(
                    digest=plan.digest,
                    context=plan.context,
                    protocol=protocol,
                    seed=seed,
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
                    protocol=protocol,
                    seed=seed,
                    accuracy=outcome.result.validation_accuracy,
                    seconds=outcome.result.seconds,
                    details=outcome.result.details,
                )
            )
    _tell(run, plan, outcome, size)


def _tell(run: RunContext, plan: Plan, outcome: JobDone[TrainingReport] | JobFailed, size: float) -> None:
    report = outcome.result if isinstance(outcome, JobDone) else None
    if report is not None:
        run.tally.add(_kind(plan.batch), report.seconds, size)
    else:
        run.tally.drop(_kind(plan.batch), size)
    run.listener.tell(
        TrainingEnded(
            batch=plan.batch,
            done=run.tally.done,
            total=run.tally.total,
            digest=plan.digest,
            accuracy=report.validation_accuracy if report else None,
            predicted=plan.predicted,
            seconds=report.seconds if report else 0.0,
            left_s=run.tally.left_s(),
            images_per_s=run.tally.images_per_s(_kind(plan.batch)),
            reason=outcome.reason if isinstance(outcome, JobFailed) else None,
            worker=outcome.worker,
            edap=_edap(run, plan),
        )
    )


def _edap(run: RunContext, plan: Plan) -> float | None:
    """EDAP of a design, for plots of proxies' accuracies; None at native size, where accuracies are others."""
    if plan.batch in {NATIVE, REFINED}:
        return None
    return float(run.task.own_costs(stacked(run, [genome_of(run, plan)]))["edap"][0])
