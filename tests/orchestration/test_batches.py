"""A failed training is an event: recorded with its reason, tried again as configured, never a label."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.config import parse_config
from xpert_evo.errors import TrainingError
from xpert_evo.executors import JobDone, JobFailed
from xpert_evo.orchestration.batches import job_of, plan_batch, run_batch
from xpert_evo.orchestration.interrupts import Interrupts
from xpert_evo.orchestration.names import FINALISTS
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.tally import Tally
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport
from xpert_evo.progress import Event, TrainingEnded
from xpert_evo.store import Store

PROTOCOL = load_protocol("smoke")


@dataclass
class Scripted:
    """An executor whose jobs end as a script says: a reason fails a job, None lets it succeed."""

    script: Callable[[TrainingJob, int], str | None]
    n_workers: int = 1
    calls: list[str] = field(default_factory=list)

    def run(
        self, function: Callable[[Any], Any], jobs: Sequence[TrainingJob]
    ) -> Iterator[JobDone[TrainingReport] | JobFailed]:
        for position, job in reversed(list(enumerate(jobs))):
            digest = job.design.digest
            reason = self.script(job, self.calls.count(digest))
            self.calls.append(digest)
            if reason is None:
                accuracy = int(digest[:4], 16) / 0xFFFF
                report = TrainingReport(validation_accuracy=accuracy, seconds=1.0, details={"epochs": 1})
                yield JobDone(position=position, result=report)
            else:
                yield JobFailed(position=position, reason=reason)

    def close(self) -> None:
        """Nothing to free."""


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        """Nothing to do."""


@pytest.fixture(scope="module")
def task() -> Task:
    config = parse_config(
        {
            "space": {"backbone": "vgg8", "channel_depth": [64, 128], "adc_precision": [4, 6], "input_precision": [4]},
            "training": {"protocol": "smoke", "retries": 1},
        }
    )
    return build_task(config, n_classes=10, image_channels=1)


def run_context(task: Task, folder: Path, executor: Scripted, listener: Heard) -> RunContext:
    tally = Tally(1)
    tally.expect("searched", 4, work=1.0)
    return RunContext(
        task=task,
        store=Store.create(folder, {"settings": task.config.to_plain()}),
        executor=executor,
        listener=listener,
        interrupts=Interrupts("resume"),
        dataset_digest="0" * 16,
        tally=tally,
        protocol=PROTOCOL,
        finalist_protocol=PROTOCOL,
    )


def planned(run: RunContext, n: int = 4) -> list[str]:
    genomes = run.task.space.random(np.random.default_rng(0), n)
    plan_batch(run, "first", run.task.space.decode(genomes))
    return [plan.digest for plan in run.store.plans("first")]


def test_a_training_that_fails_once_is_tried_again(task: Task, tmp_path: Path) -> None:
    executor, heard = Scripted(lambda job, attempt: "worker died" if attempt == 0 else None), Heard()
    run = run_context(task, tmp_path / "run", executor, heard)
    digests = planned(run)
    run_batch(run, "first")
    assert set(run.store.labels(run.label_context("first"))) == set(digests)
    assert len(run.store.failures()) == len(digests)
    reasons = [event.reason for event in heard.events if isinstance(event, TrainingEnded) and event.accuracy is None]
    assert reasons == ["worker died"] * len(digests)


@pytest.mark.parametrize("reason", ["the loss is nan", "stopped after the time limit", "MemoryError: no message"])
def test_a_design_that_always_fails_is_given_up_and_the_others_go_on(task: Task, tmp_path: Path, reason: str) -> None:
    poisonous: set[str] = set()
    executor = Scripted(lambda job, attempt: reason if job.design.digest in poisonous else None)
    run = run_context(task, tmp_path / "run", executor, Heard())
    digests = planned(run)
    poisonous.add(digests[1])
    run_batch(run, "first")
    labels = run.store.labels(run.label_context("first"))
    assert set(labels) == set(digests) - poisonous
    assert executor.calls.count(digests[1]) == 2, "once, and one retry"
    assert {failure.reason for failure in run.store.failures()} == {reason}
    before = len(executor.calls)
    run_batch(run, "first")
    assert len(executor.calls) == before, "a batch that is done asks for nothing"


def test_a_batch_without_any_label_stops_the_run_with_its_reason(task: Task, tmp_path: Path) -> None:
    run = run_context(task, tmp_path / "run", Scripted(lambda job, attempt: "the data are gone"), Heard())
    planned(run)
    with pytest.raises(TrainingError, match="the data are gone"):
        run_batch(run, "first")
    assert run.store.all_labels() == []


def test_seeds_depend_on_the_run_and_the_design_alone(task: Task, tmp_path: Path) -> None:
    seeds: list[dict[str, int]] = []
    for name in ("one", "two"):
        seen: dict[str, int] = {}

        def script(job: TrainingJob, attempt: int, seen: dict[str, int] = seen) -> None:
            seen[job.design.digest] = job.seed

        run = run_context(task, tmp_path / name, Scripted(script), Heard())
        planned(run, 4 if name == "one" else 3)
        run_batch(run, "first")
        seeds.append(seen)
    one, two = seeds
    assert len(set(one.values())) == 4
    assert all(one[digest] == seed for digest, seed in two.items())


def test_a_finalist_does_not_keep_the_seed_that_made_it_one(task: Task, tmp_path: Path) -> None:
    run = run_context(task, tmp_path / "run", Scripted(lambda job, attempt: None), Heard())
    planned(run)
    seeds = {}
    for batch in ("first", "round-1", FINALISTS):
        plans = [replace(plan, batch=batch) for plan in run.store.plans("first")]
        seeds[batch] = [job_of(run, plan).seed for plan in plans]
    assert seeds["first"] == seeds["round-1"]
    assert len({*seeds["first"], *seeds[FINALISTS]}) == 8


@pytest.mark.parametrize("schedule", ["rounds", "steady-state"])
def test_a_run_with_too_few_labels_names_the_failure_and_goes_on_with_more_retries(runs: Any, schedule: str) -> None:
    training = {"schedule": schedule, "retries": 0}
    done: list[object] = []

    def fails(job: object) -> bool:
        done.append(job)
        return len(done) > 2

    with pytest.raises(TrainingError, match=r"too many .* because of: poison.*set training\.retries=1"):
        runs.go("run", runs.settings(training=training), runs.executor(poison=fails))
    runs.go("run", runs.settings(training=training | {"retries": 1}))
    assert runs.result("run").final
