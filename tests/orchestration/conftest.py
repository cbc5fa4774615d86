"""Whole runs in this process: the real orchestration, surrogate and search, with a formula in place of trainings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.small_runs import Tables, content, saturating_accuracy, with_changes
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.config import RunConfig, parse_config
from xpert_evo.executors import JobDone, JobFailed
from xpert_evo.executors.base import More, nothing_more
from xpert_evo.orchestration.chip_noise import NOISY
from xpert_evo.orchestration.flow import go
from xpert_evo.orchestration.interrupts import Interrupts
from xpert_evo.orchestration.names import FINALISTS, SEARCHED
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.tally import Tally
from xpert_evo.orchestration.task import build_task
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport
from xpert_evo.progress import Silent
from xpert_evo.report.result import RunResult, load_result
from xpert_evo.store import FILE_NAME, Store
from xpert_evo.versions import versions

SMALL: Tables = {
    "space": {"backbone": "vgg8"},
    "training": {"first_designs": 8, "rounds": 2, "designs_per_round": 5, "probes_per_round": 1, "finalists": 3},
    "search": {"generations": 3, "population_size": 16, "offspring_size": 12, "surrogate": "ridge"},
}


class StoppedHereError(Exception):
    """Stands for a kill."""


def formula(job: TrainingJob) -> TrainingReport:
    """A saturating accuracy; three seconds each."""
    layers = job.design.layers
    accuracy = saturating_accuracy(job.design, job.seed, noise_std=0.005)
    details: dict[str, Any] = {"epochs": 1}
    if job.noise is not None:
        kept = accuracy * (0.7 + 0.03 * float(np.mean([one.adc_precision for one in layers])))
        chips = [kept - 0.01 * number for number in range(job.noise.n_draws)]
        details[NOISY] = {"accuracy": kept, "worst": min(chips), "accuracies": chips}
    if job.judged:
        details["test"] = {"accuracy": accuracy, "n_images": 100, "emulation": "a formula"}
    return TrainingReport(validation_accuracy=accuracy, seconds=3.0, details=details)


@dataclass
class Formulas:
    """An executor that gives `formula` in place of every training.

    It stops the run after `stop_after` trainings; with `shuffled`, whichever of the `n_workers` running ones ends next
    is drawn; `poison` tells which fail.
    """

    stop_after: int | None = None
    n_workers: int = 1
    shuffled: np.random.Generator | None = None
    poison: Callable[[TrainingJob], bool] | None = None
    n_done: int = 0
    in_flight: list[int] = field(default_factory=list)

    def run(
        self, function: object, jobs: Sequence[TrainingJob], more: More[TrainingJob] = nothing_more
    ) -> Iterator[JobDone[TrainingReport] | JobFailed]:
        given = list(jobs)
        running = list(range(len(given)))
        while running:
            if self.n_done == self.stop_after:
                raise StoppedHereError
            self.n_done += 1
            self.in_flight.append(len(running))
            place = 0 if self.shuffled is None else int(self.shuffled.integers(min(self.n_workers, len(running))))
            position = running.pop(place)
            if self.poison is not None and self.poison(given[position]):
                yield JobFailed(position=position, reason="poison")
            else:
                yield JobDone(position=position, result=formula(given[position]))
            added = more()
            running += range(len(given), len(given) + len(added))
            given += added

    def close(self) -> None:
        """Nothing to free."""


@dataclass(frozen=True)
class Runs:
    """Makes runs in a folder and looks into them."""

    folder: Path

    def settings(self, **changes: Mapping[str, object]) -> RunConfig:
        """A small run; each keyword is a table of settings that win."""
        return parse_config(with_changes(SMALL, changes))

    def go(self, name: str, config: RunConfig, executor: Any = None) -> Path:
        """Begins a run, or goes on with it, until it ends or its executor stops it."""
        with self.context(name, config, executor) as run, suppress(StoppedHereError):
            go(run)
        return self.folder / name

    @contextmanager
    def context(self, name: str, config: RunConfig, executor: Any = None) -> Iterator[RunContext]:
        """What the steps of a run share, new or as it was left."""
        folder = self.folder / name
        dataset = {"name": "fashion-mnist", "digest": "0" * 16, "n_classes": 10, "image_channels": 1}
        meta = {"settings": config.to_plain(), "versions": versions(), "dataset": dataset, "labels_from": []}
        tally = Tally(1)
        for kind in (SEARCHED, FINALISTS):
            tally.expect(kind, 1, work=1.0)
        exists = (folder / FILE_NAME).exists()
        with Store.open(folder) if exists else Store.create(folder, meta) as store, Interrupts("nothing") as interrupts:
            yield RunContext(
                task=build_task(config, n_classes=10, image_channels=1),
                store=store,
                executor=executor or Formulas(),
                listener=Silent(),
                interrupts=interrupts,
                dataset_digest="0" * 16,
                tally=tally,
                protocol=load_protocol(config.training.protocol),
                finalist_protocol=load_protocol(config.training.finalist_protocol),
            )

    def executor(self, **settings: Any) -> "Formulas":
        """The executor of `go`, to be stopped."""
        return Formulas(**settings)

    def killed_and_resumed(self, name: str, config: RunConfig, every: int) -> Path:
        """A run that is stopped after every so many trainings, and gone on with until it ends."""
        while True:
            executor = Formulas(stop_after=every)
            folder = self.go(name, config, executor)
            if executor.n_done < every:
                return folder

    def result(self, name: str) -> RunResult:
        """What the report reads of a run."""
        with Store.open_readonly(self.folder / name) as store:
            return load_result(store)

    def notes(self, name: str, topic: str) -> dict[str, Any]:
        """Notes of a run."""
        with Store.open_readonly(self.folder / name) as store:
            return store.notes(topic)

    def batches(self, name: str) -> dict[str, list[str]]:
        """Digests of each batch's designs."""
        found: dict[str, list[str]] = {}
        with Store.open_readonly(self.folder / name) as store:
            for plan in store.plans():
                found.setdefault(plan.batch, []).append(plan.digest)
        return found


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@pytest.fixture(scope="session")
def same_content() -> Callable[[Path, Path], bool]:
    return lambda one, other: content(one, details=True) == content(other, details=True)
