"""How far one coordinator reaches: the real one, against simulated trainings on 1 to 256 Dask workers on loopback.

Real: `run_batch` with its store on disk (one durable transaction a training), the Dask executor, a Dask scheduler in a
process of its own, and the jobs and reports that travel. Simulated: a training is a sleep, `--seconds` long in place of
the 60 s of a real one, and workers are threads of a few processes instead of machines.

For each number of workers it prints
- utilisation: the time that workers slept, of the time from the first job's begin to the last one's end;
- gap: the mean time that a worker waits between two jobs, and the utilisation that it leaves at 60 s a training;
- CPU time of the coordinator and of the scheduler for one training, and their shares of a core at 60 s a training.
  CPU time for a training does not depend on how long the sleep is; keep-alive traffic is counted in.

`--labels` fills stores with so many labels, and prints the memory and the time that a batch and a surrogate's look at
all labels then take, each in a fresh process.

    python benchmarks/running/scaling.py
    python benchmarks/running/scaling.py --workers 64 --seconds 60 --jobs-per-worker 2
    python benchmarks/running/scaling.py --labels 0 1000 10000 100000
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from distributed import Worker

from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.config import parse_config
from xpert_evo.executors import Executor, SerialExecutor, load_dask_executor
from xpert_evo.orchestration.batches import plan_batch, run_batch
from xpert_evo.orchestration.interrupts import Interrupts
from xpert_evo.orchestration.knowledge import look
from xpert_evo.orchestration.names import FIRST, SEARCHED
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.start import prepare
from xpert_evo.orchestration.tally import Tally
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport
from xpert_evo.progress import Silent
from xpert_evo.space import Genomes, SearchSpace
from xpert_evo.store import Label, Plan, Store

REAL_S = 60.0
PROTOCOL = load_protocol("smoke")
DURATION = "SIMULATED_TRAINING_S"
WORKERS_A_PROCESS = 32


def simulated_training(job: TrainingJob) -> TrainingReport:
    """Sleeps as long as the environment says; the details tell who slept, and when."""
    began = time.time()
    time.sleep(float(os.environ[DURATION]))
    who = f"{os.getpid()}-{threading.get_ident()}"
    details = {"who": who, "began": began, "ended": time.time()}
    return TrainingReport(validation_accuracy=int(job.design.digest[:8], 16) / 2**32, seconds=1.0, details=details)


class Simulated:
    """Runs `simulated_training` in place of the function that it is given."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.n_workers = executor.n_workers

    def run(self, function: object, jobs: Sequence[TrainingJob]) -> Iterator[Any]:
        """See `Executor.run`."""
        return self._executor.run(simulated_training, jobs)

    def close(self) -> None:
        """Frees the workers."""
        self._executor.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What one number of workers showed; times in seconds, CPU times of one training."""

    n_workers: int
    n_jobs: int
    utilisation: float
    gap_s: float
    coordinator_s: float
    scheduler_s: float

    def row(self) -> str:
        """A line of the table."""
        shares = [100 * cpu_s * self.n_workers / REAL_S for cpu_s in (self.coordinator_s, self.scheduler_s)]
        return (
            f"{self.n_workers:>7} {self.n_jobs:>6} {100 * self.utilisation:>10.1f} {1000 * self.gap_s:>8.0f} "
            f"{100 * REAL_S / (REAL_S + self.gap_s):>10.2f} {1000 * self.coordinator_s:>10.1f} "
            f"{1000 * self.scheduler_s:>9.1f} {shares[0]:>11.2f} {shares[1]:>9.2f} "
            f"{100 * shares[0] / self.n_workers:>12.2f}"
        )


HEAD = (
    "workers   jobs utilised/%  gap/ms  at 60s/%  coord./ms sched./ms coord.core/% sched.c/% coord.%/100w\n"
    "                (measured)          (derived) a training a training  at 60 s    at 60 s    at 60 s"
)


def measure_reach(n_workers: int, n_jobs: int, seconds: float, folder: Path) -> Reach:
    """Runs one batch of simulated trainings on so many workers."""
    with ExitStack() as stack:
        address, scheduler = stack.enter_context(cluster(n_workers, seconds, folder))
        executor = stack.enter_context(closing(load_dask_executor()(scheduler=address)))
        while executor.n_workers < n_workers:
            list(executor.run(time.sleep, [0.5]))
        run = stack.enter_context(run_context(folder, Simulated(executor)))
        genomes = random_genomes(run.task.space, n_jobs, seed=0)
        plan_batch(run, FIRST, run.task.space.decode(genomes))
        before = time.process_time(), sum(scheduler.cpu_times()[:2])
        run_batch(run, FIRST)
        after = time.process_time(), sum(scheduler.cpu_times()[:2])
        spans = [label.details for label in run.store.all_labels()]
    assert len(spans) == n_jobs
    whole_s = max(span["ended"] for span in spans) - min(span["began"] for span in spans)
    return Reach(
        n_workers=n_workers,
        n_jobs=n_jobs,
        utilisation=sum(span["ended"] - span["began"] for span in spans) / (n_workers * whole_s),
        gap_s=mean_gap_s(spans),
        coordinator_s=(after[0] - before[0]) / n_jobs,
        scheduler_s=(after[1] - before[1]) / n_jobs,
    )


def mean_gap_s(spans: Sequence[dict[str, Any]]) -> float:
    """Mean time between the end of a job and the begin of the same worker's next one."""
    by_worker = defaultdict(list)
    for span in sorted(spans, key=lambda span: span["began"]):
        by_worker[span["who"]].append(span)
    gaps = [b["began"] - a["ended"] for jobs in by_worker.values() for a, b in pairwise(jobs)]
    return float(np.mean(gaps)) if gaps else 0.0


@contextmanager
def cluster(n_workers: int, seconds: float, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A scheduler's address and process; workers join in a few processes more."""
    file = folder / f"scheduler-{n_workers}.json"
    environment = {**os.environ, DURATION: str(seconds), "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with ExitStack() as stack:
        log = stack.enter_context((folder / "cluster.log").open("ab"))

        def start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(arguments, env=environment, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return process

        scheduler = start([*command, "--scheduler-file", str(file)])
        while not file.exists():
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        for first in range(0, n_workers, WORKERS_A_PROCESS):
            n = min(WORKERS_A_PROCESS, n_workers - first)
            start([sys.executable, __file__, "--be-workers", str(n), "--scheduler", address])
        yield address, psutil.Process(scheduler.pid)


async def be_workers(n: int, scheduler: str) -> None:
    """So many workers of one thread each in this process, until it is terminated."""
    workers = [Worker(scheduler, nthreads=1, host="127.0.0.1", dashboard=False, memory_limit=0) for _ in range(n)]
    await asyncio.gather(*workers)
    await asyncio.gather(*(worker.finished() for worker in workers))


@contextmanager
def run_context(folder: Path, executor: Executor) -> Iterator[RunContext]:
    """What a run's steps share, with a store in a new folder or the one that is there."""
    config = parse_config({"training": {"protocol": PROTOCOL.name}})
    task, dataset = prepare(config)
    run = folder / f"run-{executor.n_workers}"
    exists = run.exists()
    with Store.open(run) if exists else Store.create(run, {"settings": config.to_plain()}) as store:
        tally = Tally(executor.n_workers)
        tally.expect(SEARCHED, 1, work=1.0)
        with Interrupts("xpert-evo resume") as interrupts:
            yield RunContext(
                task=task,
                store=store,
                executor=executor,
                listener=Silent(),
                interrupts=interrupts,
                dataset_digest=dataset.digest,
                tally=tally,
                protocol=PROTOCOL,
                finalist_protocol=PROTOCOL,
            )


def random_genomes(space: SearchSpace, n: int, seed: int) -> Genomes:
    """Genomes (n, genes), all alleles equally likely."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(len(gene.choices), size=n) for gene in space.genes], axis=1)


def fill(folder: Path, n_labels: int) -> None:
    """Makes a store with so many labelled designs."""
    with run_context(folder, Simulated(SerialExecutor())) as run:
        context = run.label_context(FIRST)
        for start in range(0, n_labels, 1000):
            genomes = random_genomes(run.task.space, min(1000, n_labels - start), seed=1 + start)
            with run.store.transaction() as store:
                for n, design in enumerate(run.task.space.decode(genomes), start):
                    text, digest = json.dumps(design.to_plain()), design.digest
                    store.add_plans([Plan(batch="before", position=n, digest=digest, design=text, context=context)])
                    store.add_label(
                        Label(
                            digest=digest,
                            context=context,
                            protocol=PROTOCOL.name,
                            seed=n,
                            accuracy=n / n_labels,
                            seconds=60.0,
                            details={"epochs": 3},
                        )
                    )


def measure_labels(folder: Path) -> None:
    """Prints memory and time of a batch of 16, and of a look at all labels, with what the store holds already."""
    os.environ[DURATION] = "0"
    process = psutil.Process()
    with run_context(folder, Simulated(SerialExecutor())) as run:
        plan_batch(run, FIRST, run.task.space.decode(random_genomes(run.task.space, 16, seed=0)))
        figures = [process.memory_info().rss]
        began = time.perf_counter()
        run_batch(run, FIRST)
        batch_s = time.perf_counter() - began
        figures.append(process.memory_info().rss)
        began = time.perf_counter()
        known = look(run)
        look_s = time.perf_counter() - began
        figures.append(process.memory_info().rss)
    mib = [figure / 2**20 for figure in figures]
    size_mib = (folder / "run-1" / "run.sqlite").stat().st_size / 2**20
    print(
        f"{len(known) - 16:>7} {size_mib:>9.1f} {mib[0]:>10.0f} {mib[1] - mib[0]:>+10.1f} {1000 * batch_s:>10.0f} "
        f"{mib[2] - mib[1]:>+10.1f} {look_s:>9.2f}",
        flush=True,
    )


def show_labels(counts: Sequence[int]) -> None:
    """The table of stores with many labels."""
    print(" labels store/MiB before/MiB  batch/MiB   batch/ms   look/MiB    look/s")
    for n in counts:
        with tempfile.TemporaryDirectory() as name:
            for step in ("--fill", "--measure"):
                subprocess.run([sys.executable, __file__, step, str(n), "--folder", name], check=True)


def show_reach(counts: Sequence[int], seconds: float, jobs_per_worker: int) -> None:
    """The table of numbers of workers."""
    print(f"simulated trainings of {seconds:g} s, {jobs_per_worker} for each worker\n{HEAD}")
    for n in counts:
        with tempfile.TemporaryDirectory() as name:
            print(measure_reach(n, n * jobs_per_worker, seconds, Path(name)).row(), flush=True)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4, 16, 64, 256])
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a simulated training")
    parser.add_argument("--jobs-per-worker", type=int, default=4)
    parser.add_argument("--labels", type=int, nargs="+", help="labels in the store; no workers are measured then")
    for step in ("--be-workers", "--fill", "--measure"):
        parser.add_argument(step, type=int, help=argparse.SUPPRESS)
    for name in ("--scheduler", "--folder"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.be_workers is not None:
        asyncio.run(be_workers(options.be_workers, options.scheduler))
    elif options.fill is not None:
        fill(Path(options.folder), options.fill)
    elif options.measure is not None:
        measure_labels(Path(options.folder))
    elif options.labels is not None:
        show_labels(options.labels)
    else:
        show_reach(options.workers, options.seconds, options.jobs_per_worker)


if __name__ == "__main__":
    main()
