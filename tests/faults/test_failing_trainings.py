"""A search in which trainings die, diverge, raise and run out of memory ends well, and says what happened.

That a worker which hangs ends in the same kind of failure is the executors' contract, tested there.
"""

import errno
import os
import resource
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from hw_models import CrossbarSpec
from tests.faults.conftest import quick, small_settings
from tests.refinable import TUNING, settings, weights
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.accuracy.training.weights import load_network
from xpert_evo.backbones import load_backbone
from xpert_evo.config import DatasetConfig
from xpert_evo.errors import TrainingError
from xpert_evo.orchestration.refining.jobs import Source, TuneJob, carry_out
from xpert_evo.orchestration.start import begin, go_on
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport, cached_dataset, train_job
from xpert_evo.progress import Silent
from xpert_evo.report.result import load_result
from xpert_evo.space import SearchSpace
from xpert_evo.store import Store

FAULTS = {
    "dies": "its worker died",
    "diverges": "TrainingError: the loss is nan after epoch 1 of 1: it diverged.",
    "raises": "ZeroDivisionError: nothing to divide by",
    "starves": "MemoryError",
}


def fault_of(job: TrainingJob) -> str | None:
    """What happens in every attempt to the second, third, ... of the first designs; all others are well."""
    if job.judged or job.checkpoint is None:
        return None
    with Store.open_readonly(job.checkpoint.parents[1]) as store:
        digests = [plan.digest for plan in store.plans("first")]
    place = digests.index(job.design.digest) - 1 if job.design.digest in digests else -1
    return list(FAULTS)[place] if place in range(len(FAULTS)) else None


def faulty(job: TrainingJob) -> TrainingReport:
    """A training that ends as `fault_of` says."""
    match fault_of(job):
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "diverges":
            raise TrainingError("the loss is nan after epoch 1 of 1: it diverged.")
        case "raises":
            raise ZeroDivisionError("nothing to divide by")
        case "starves":
            before = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (1 << 20, before[1]))
            try:
                bytearray(1 << 34)
            finally:
                resource.setrlimit(resource.RLIMIT_AS, before)
    return quick(job)


def test_a_search_survives_all_that_can_happen_to_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xpert_evo.orchestration.batches.train_job", faulty)
    settings = small_settings(
        training={"first_designs": 10, "designs_per_round": 2, "retries": 0},
        executor={"kind": "processes", "workers": 1},
    )
    begin(settings, tmp_path / "run", Silent())
    with Store.open_readonly(tmp_path / "run") as store:
        failures, labels, plans = store.failures(), store.all_labels(), store.plans()
        result = load_result(store)
        events = [text for _, kind, text in store.events() if kind == "failed"]
    reasons: dict[str, set[str]] = {}
    for failure in failures:
        [fault] = [name for name, words in FAULTS.items() if failure.reason.startswith(words)]
        reasons.setdefault(fault, set()).add(failure.digest)
    assert reasons.keys() == FAULTS.keys(), "every kind has happened, and each is recorded with its reason"
    assert set(Counter(failure.digest for failure in failures).values()) == {1}, "no retry was asked for"
    finalists = {plan.digest for plan in plans if plan.batch == "finalists"}
    failed = {failure.digest for failure in failures}
    assert failed.isdisjoint({label.digest for label in labels} - finalists), "a failure is never a label"
    assert {plan.digest for plan in plans} == failed | {label.digest for label in labels}
    assert len(events) == len(failures)
    assert finalists
    assert result.front


@pytest.fixture(scope="module")
def bare_job() -> TrainingJob:
    """A real training of a second."""
    settings = small_settings()
    dataset = cached_dataset(settings.dataset)
    space = SearchSpace(load_backbone("vgg8", image_channels=1))
    return TrainingJob(
        design=space.decode(space.random(np.random.default_rng(0), 1))[0],
        dataset=settings.dataset,
        dataset_digest=dataset.digest,
        protocol=load_protocol("smoke"),
        crossbar=CrossbarSpec(),
        seed=1,
    )


@pytest.fixture(scope="module")
def whole(bare_job: TrainingJob) -> TrainingReport:
    """What it measures without a checkpoint."""
    return train_job(bare_job)


@pytest.fixture
def job(bare_job: TrainingJob, tmp_path: Path) -> TrainingJob:
    """The same training with a checkpoint after its only epoch."""
    return replace(bare_job, checkpoint=tmp_path / "checkpoint.safetensors")


@pytest.mark.parametrize("content", [b"", b"cut off", save({"odd": torch.zeros(1)}, {"xpert_evo": "{}"})])
def test_a_damaged_checkpoint_costs_a_search_nothing_but_time(
    job: TrainingJob, whole: TrainingReport, content: bytes
) -> None:
    assert job.checkpoint is not None
    job.checkpoint.write_bytes(content)
    assert train_job(job).validation_accuracy == whole.validation_accuracy
    assert list(job.checkpoint.parent.iterdir()) == []


def test_a_damaged_checkpoint_costs_a_refinement_nothing_but_time(tmp_path: Path) -> None:
    file, dataset = weights(tmp_path), cached_dataset(settings(tmp_path).dataset)
    source = Source(weights=file, dataset=DatasetConfig(), digest=dataset.digest, n_images=0, n_calibration=0)
    targets = [tmp_path / "whole.safetensors", tmp_path / "again.safetensors"]
    targets[1].with_suffix(".checkpoint").write_bytes(b"cut off")
    for target in targets:
        carry_out(TuneJob(source=source, protocol=TUNING, seed=1, target=target))
    first, second = (load_network(target).network.state_dict() for target in targets)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not targets[1].with_suffix(".checkpoint").exists()


def test_a_disk_that_is_full_fails_no_training_for_want_of_a_checkpoint(
    job: TrainingJob, whole: TrainingReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert job.checkpoint is not None
    tried = []

    def full(path: Path, *_: object) -> None:
        tried.append(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("xpert_evo.accuracy.training.checkpoints.write_atomically", full)
    assert train_job(job).validation_accuracy == whole.validation_accuracy
    assert tried == [job.checkpoint]


def test_what_a_killed_run_left_half_written_is_removed(finished: Path) -> None:
    (finished / "checkpoints").mkdir(exist_ok=True)
    left = [finished / ".report.html.partial-abc", finished / "checkpoints" / ".x.pt.partial-def"]
    for path in left:
        path.write_bytes(b"half")
    go_on(finished, {}, Silent())
    assert not any(path.exists() for path in left)
