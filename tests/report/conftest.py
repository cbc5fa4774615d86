"""Runs for the reports: the real orchestration, surrogate and search, with a formula in place of the trainings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.small_runs import OWN_BACKBONE, mean_depth, saturating_accuracy, with_changes
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.config import RunConfig, parse_config
from xpert_evo.executors import JobDone, JobFailed
from xpert_evo.executors.base import Job, Result
from xpert_evo.orchestration.flow import go
from xpert_evo.orchestration.interrupts import Interrupts
from xpert_evo.orchestration.names import FINALISTS, SEARCHED
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.tally import Tally
from xpert_evo.orchestration.task import build_task
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport
from xpert_evo.progress import Silent
from xpert_evo.report.result import load_result
from xpert_evo.report.scene import Scene, build_scene
from xpert_evo.store import Store
from xpert_evo.versions import versions


def formula(job: TrainingJob) -> TrainingReport:
    """A saturating accuracy, a little higher where it is judged; three seconds and an eighth of the depth."""
    accuracy = saturating_accuracy(job.design, job.seed, noise_std=0.008)
    details: dict[str, Any] = {"epochs": job.protocol.epochs}
    if job.judged:
        test = {"accuracy": min(1.0, accuracy + 0.015), "n_images": 2000, "emulation": "exact crossbar emulation"}
        details["test"] = test
        accuracy = min(1.0, accuracy + 0.02)
    return TrainingReport(validation_accuracy=accuracy, seconds=3.0 + mean_depth(job.design) / 8, details=details)


@dataclass
class FormulaExecutor:
    """Gives `formula` in place of every training; stops the run after `stop_after` of them."""

    stop_after: int | None = None
    n_workers: int = 1
    n_done: int = 0

    def run(self, function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[JobDone[Any] | JobFailed]:
        for position, job in enumerate(jobs):
            if self.n_done == self.stop_after:
                raise KeyboardInterrupt
            self.n_done += 1
            assert isinstance(job, TrainingJob)
            yield JobDone(position=position, result=formula(job))

    def close(self) -> None:
        pass


def settings(**changes: dict[str, object]) -> RunConfig:
    """A small run; each keyword is a table of settings that win."""
    tables: dict[str, dict[str, object]] = {
        "training": {"first_designs": 12, "rounds": 2, "designs_per_round": 6, "probes_per_round": 2, "finalists": 4},
        "search": {"generations": 8, "population_size": 40, "offspring_size": 40, "surrogate": "ridge"},
        "hardware": {"device": "rram-6k"},
    }
    return parse_config(with_changes(tables, changes))


def make_run(folder: Path, config: RunConfig, stop_after: int | None = None) -> Path:
    """Runs a search in `folder`, to its end or until it is stopped as by Ctrl-C."""
    task = build_task(config, n_classes=10, image_channels=1)
    digest = load_dataset("fashion-mnist").digest
    dataset = {"name": config.dataset.name, "digest": digest, "n_classes": 10, "image_channels": 1}
    meta = {"settings": config.to_plain(), "versions": versions(), "dataset": dataset, "labels_from": []}
    executor = FormulaExecutor(stop_after)
    tally = Tally(1)
    for kind in (SEARCHED, FINALISTS):
        tally.expect(kind, 1, work=load_protocol(config.training.protocol).epochs)
    with Store.create(folder, meta) as store, Interrupts("nothing") as interrupts:
        run = RunContext(
            task=task,
            store=store,
            executor=executor,
            listener=Silent(),
            interrupts=interrupts,
            dataset_digest=digest,
            tally=tally,
            protocol=load_protocol(config.training.protocol),
            finalist_protocol=load_protocol(config.training.finalist_protocol),
        )
        try:
            go(run)
        except KeyboardInterrupt:
            assert stop_after is not None
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    return make_run(tmp_path_factory.mktemp("runs") / "finished", settings())


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was stopped after three trainings: no surrogate, no generation, no finalists."""
    return make_run(tmp_path_factory.mktemp("runs") / "begun", settings(), stop_after=3)


def read_scene(folder: Path) -> Scene:
    with Store.open_readonly(folder) as store:
        return build_scene(load_result(store))


@pytest.fixture(scope="session")
def scene(finished: Path) -> Scene:
    return read_scene(finished)


@pytest.fixture(scope="session")
def begun_scene(begun: Path) -> Scene:
    return read_scene(begun)


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run with another seed."""
    config = settings(search={"generations": 3})
    return make_run(tmp_path_factory.mktemp("runs") / "second", config.model_copy(update={"seed": 1}))


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of one's own backbone, whose description is gone."""
    folder = tmp_path_factory.mktemp("runs")
    description = folder / "net.toml"
    description.write_text(OWN_BACKBONE)
    config = settings(space={"backbone": str(description)}, search={"generations": 3})
    description.unlink()
    return make_run(folder / "own", config)
