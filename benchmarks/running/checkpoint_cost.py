"""What it costs that nothing is ever lost: checkpoints of trainings, generations of a search, questions to the store.

    python benchmarks/running/checkpoint_cost.py [--protocol laptop] [--labels 20000]

Prints, as shares and ratios within this run: the time of a training that goes into its epoch checkpoints, the time of
a search that goes into the transaction after each generation, what a durable transaction costs against the same one
without flushing to disk, and what reading a label for a surrogate's fit is made of.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np

from hw_models import CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.training import training
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.backbones import load_backbone
from xpert_evo.config import parse_config
from xpert_evo.design import design_from_text, parse_design
from xpert_evo.orchestration import rounds
from xpert_evo.orchestration.start import begin
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport, train_job
from xpert_evo.progress import Silent
from xpert_evo.space import SearchSpace
from xpert_evo.store import Label, Plan, Store

_N_TRANSACTIONS = 200


class Clock:
    """Adds up the time that calls of a function take."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.calls = 0

    def around(self, function: Callable[..., object]) -> Callable[..., object]:
        """The function, watched."""

        def watched(*args: object, **kwargs: object) -> object:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - began
                self.calls += 1

        return watched


@contextmanager
def timed() -> Iterator[list[float]]:
    """A list that holds the seconds of the block in the end."""
    seconds: list[float] = []
    began = time.perf_counter()
    yield seconds
    seconds.append(time.perf_counter() - began)


def quick(job: TrainingJob) -> TrainingReport:
    """A training that costs nothing: the search alone is measured."""
    accuracy = int(job.design.digest[:4], 16) / 0xFFFF
    test = {"accuracy": accuracy, "n_images": 4, "emulation": "exact"}
    return TrainingReport(validation_accuracy=accuracy, seconds=1.0, details={"test": test} if job.judged else {})


def checkpoints(folder: Path, protocol: str) -> None:
    """The share of a search's training that goes into its checkpoints."""
    dataset = load_dataset("fashion-mnist")
    space = SearchSpace(load_backbone("vgg16", image_channels=1))
    job = TrainingJob(
        design=space.decode(space.random(np.random.default_rng(0), 1))[0],
        dataset=parse_config({}).dataset,
        dataset_digest=dataset.digest,
        protocol=load_protocol(protocol),
        crossbar=CrossbarSpec(),
        seed=0,
        checkpoint=folder / "checkpoint.safetensors",
    )
    clock = Clock()
    with mock.patch.object(training, "save_checkpoint", clock.around(training.save_checkpoint)), timed() as whole:
        train_job(job)
    print(
        f"training with {protocol}: {100 * clock.seconds / whole[0]:.2f} % of its time in {clock.calls} checkpoints "
        f"({1e3 * clock.seconds / clock.calls:.0f} ms each)"
    )


def generations(folder: Path) -> None:
    """The share of a search without trainings that goes into storing its generations."""
    settings = {"search": {"generations": 100, "surrogate": "ridge"}, "executor": {"kind": "serial"}}
    storing, committing, search = Clock(), Clock(), Clock()
    with (
        mock.patch("xpert_evo.orchestration.batches.train_job", quick),
        mock.patch.object(Store, "add_generation", storing.around(Store.add_generation)),
        mock.patch.object(Store, "transaction", watched_transaction(committing)),
        mock.patch.object(rounds, "evolve", search.around(rounds.evolve)),
    ):
        begin(parse_config(settings), folder / "run", Silent())
    share = (storing.seconds + committing.seconds) / search.seconds
    print(f"search: {100 * share:.1f} % of its time in the transactions of {storing.calls} generations")


def watched_transaction(clock: Clock) -> Callable[[Store], object]:
    """`Store.transaction` whose beginning and commit are added up, not what happens inside."""
    original = Store.transaction

    @contextmanager
    def transaction(self: Store) -> Iterator[Store]:
        began = time.perf_counter()
        with original(self) as store:
            clock.seconds += time.perf_counter() - began
            yield store
            began = time.perf_counter()
        clock.seconds += time.perf_counter() - began

    return transaction


def transactions(folder: Path) -> None:
    """What durability costs: the same transactions flushed to disk and not."""
    seconds = {}
    for mode in ("OFF", "FULL"):
        with Store.create(folder / mode, {}) as store:
            store._connection.execute(f"PRAGMA synchronous = {mode}")
            with timed() as taken:
                for i in range(_N_TRANSACTIONS):
                    with store.transaction():
                        store.add_event("event", str(i))
            seconds[mode] = taken[0] / _N_TRANSACTIONS
    print(
        f"transaction: {1e3 * seconds['FULL']:.2f} ms, {seconds['FULL'] / seconds['OFF']:.1f} x the same one without "
        "flushing to disk"
    )


def questions(folder: Path, n_labels: int) -> None:
    """What reading labels and designs costs, a label."""
    space = SearchSpace(load_backbone("vgg16"))
    designs = space.decode(space.random(np.random.default_rng(0), n_labels))
    details = {"epochs": 3, "emulation": "exact", "n_validation_images": 1000, "fast_validation": 0.5}
    with Store.create(folder / "labels", {}) as store:
        with store.transaction():
            store.add_plans(
                [
                    Plan(batch="first", position=i, digest=d.digest, design=json.dumps(d.to_plain()), context="c")
                    for i, d in enumerate(designs)
                ]
            )
            for d in designs:
                store.add_label(
                    Label(digest=d.digest, context="c", protocol="p", seed=1, accuracy=0.5, seconds=1, details=details)
                )
        texts = [plan.design for plan in store.each_plan()]
        steps: dict[str, Callable[[], object]] = {
            "accuracies": lambda: store.accuracies("c"),
            "whole labels": lambda: store.labels("c"),
            "plans": lambda: sum(1 for _ in store.each_plan()),
            "designs parsed": lambda: [design_from_text(text) and None for text in texts],
            "designs by way of dictionaries": lambda: [parse_design(json.loads(t)) and None for t in texts],
            "genomes": lambda: space.encode(designs),
        }
        print(f"reading {n_labels:,} labels, microseconds each:")
        for name, step in steps.items():
            with timed() as taken:
                step()
            print(f"  {name:32} {1e6 * taken[0] / n_labels:6.0f}")


def main() -> int:
    """Prints all shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", default="laptop")
    parser.add_argument("--labels", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoints(folder, options.protocol)
        generations(folder)
        transactions(folder)
        questions(folder, options.labels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
