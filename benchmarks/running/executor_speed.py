"""Designs trained a minute: in this process, in local processes, and on local Dask workers.

The same real trainings everywhere. Workers are started and have trained one design each before the clock runs, and the
executors take turns, so that what else the machine does hits all of them alike. Ratios are to the serial executor in
the same round; labels are compared bit for bit.

    python benchmarks/running/executor_speed.py
"""

import argparse
import os
import time
from collections.abc import Sequence

import numpy as np
import torch

from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.config import parse_config
from xpert_evo.executors import Executor, JobDone, ProcessExecutor, SerialExecutor, load_dask_executor, usable_cores
from xpert_evo.orchestration.start import prepare
from xpert_evo.orchestration.trainings import TrainingJob, train_job


def training_jobs(protocol: str, n: int) -> list[TrainingJob]:
    """Trainings of random designs of the default space."""
    config = parse_config({})
    task, dataset = prepare(config)
    designs = task.space.decode(task.space.random(np.random.default_rng(0), n))
    return [
        TrainingJob(
            design=design,
            dataset=config.dataset,
            dataset_digest=dataset.digest,
            protocol=load_protocol(protocol),
            crossbar=task.hardware.crossbar,
            seed=seed,
        )
        for seed, design in enumerate(designs)
    ]


def timed(executor: Executor, jobs: Sequence[TrainingJob]) -> tuple[float, list[float]]:
    """Designs a minute, and the labels in order."""
    began = time.perf_counter()
    outcomes = sorted(executor.run(train_job, jobs), key=lambda outcome: outcome.position)
    rate = 60 * len(jobs) / (time.perf_counter() - began)
    labels = [outcome.result.validation_accuracy for outcome in outcomes if isinstance(outcome, JobDone)]
    assert len(labels) == len(jobs), outcomes
    return rate, labels


def main() -> None:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protocol", default="smoke")
    parser.add_argument("--designs", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    jobs = training_jobs(options.protocol, options.designs)
    executors: dict[str, Executor] = {
        "serial": SerialExecutor(),
        "processes": ProcessExecutor(options.workers),
        "dask": load_dask_executor()(options.workers),
    }
    for executor in executors.values():
        timed(executor, jobs[: options.workers])
    print(f"{options.designs} trainings '{options.protocol}', {options.workers} workers, {usable_cores()} usable cores")
    print("round load  " + "".join(f"{name + '/min':>16} {'ratio':>6}" for name in executors))
    for round_ in range(1, options.rounds + 1):
        measured = {name: timed(executor, jobs) for name, executor in executors.items()}
        rates = {name: rate for name, (rate, _) in measured.items()}
        cells = "".join(f"{rate:>16.1f} {rate / rates['serial']:>6.2f}" for rate in rates.values())
        print(f"{round_:>5} {os.getloadavg()[0]:>4.1f}  {cells}", flush=True)
        assert all(labels == measured["serial"][1] for _, labels in measured.values()), "labels differ"
    print("labels of all executors are equal, bit for bit")
    for executor in executors.values():
        executor.close()


if __name__ == "__main__":
    main()
