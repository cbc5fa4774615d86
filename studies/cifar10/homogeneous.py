"""Labels random homogeneous designs exactly as a search labels its own: the opponent that any search must beat.

    python studies/cifar10/homogeneous.py studies/cifar10/settings/joint.toml --designs 60 --data-dir DATA \
        --out runs/homogeneous.json

Homogeneous: the same peripherals in all layers, VGG16's channel depths times one factor. Designs are drawn within the
settings' limits, trained with their protocol in local processes, and judged by the exact emulation on validation data.
What is in the file is not trained again, so the command can be stopped and repeated.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from xpert_evo.accuracy.protocols import load_protocol
from xpert_evo.config import load_config
from xpert_evo.design import Design
from xpert_evo.executors import JobDone, ProcessExecutor
from xpert_evo.files import write_text
from xpert_evo.orchestration.randomness import Purpose, as_integer, spawned
from xpert_evo.orchestration.start import prepare
from xpert_evo.orchestration.task import Task
from xpert_evo.orchestration.trainings import TrainingJob, train_job
from xpert_evo.search.baselines import random_homogeneous


def main() -> None:
    """Draws, trains, writes each result as it comes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--designs", type=int, default=60)
    parser.add_argument("--data-dir")
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    overrides = {"dataset.data_dir": options.data_dir} if options.data_dir else {}
    config = load_config(options.settings, overrides)
    task, dataset = prepare(config)
    rows: list[dict[str, Any]] = json.loads(options.out.read_text()) if options.out.exists() else []
    known = {row["id"] for row in rows}
    designs = [design for design in drawn(task, options.designs) if design.digest not in known]
    jobs = [
        TrainingJob(
            design=design,
            dataset=config.dataset,
            dataset_digest=dataset.digest,
            protocol=load_protocol(config.training.protocol),
            crossbar=task.hardware.crossbar,
            seed=as_integer(spawned(config.seed, Purpose.TRAINING, int(design.digest, 16))),
        )
        for design in designs
    ]
    executor = ProcessExecutor(options.workers)
    try:
        for outcome in executor.run(train_job, jobs):
            design = designs[outcome.position]
            if not isinstance(outcome, JobDone):
                print(f"{design.digest}: failed: {outcome.reason}", flush=True)
                continue
            costs = task.costs(task.space.encode([design]))
            row = {"id": design.digest, "design": design.to_plain(), "accuracy": outcome.result.validation_accuracy}
            rows.append({**row, **{name: float(value[0]) for name, value in costs.items()}})
            write_text(options.out, json.dumps(rows, indent=1) + "\n")
            print(f"{len(rows)}/{options.designs} {design.digest}: {100 * rows[-1]['accuracy']:.2f} %", flush=True)
    finally:
        executor.close()


def drawn(task: Task, n: int) -> list[Design]:
    """The first `n` random homogeneous designs that keep the limits; the settings' seed decides."""
    rng = np.random.default_rng(spawned(task.config.seed, Purpose.FIRST_DESIGNS, 1))
    genomes = random_homogeneous(task.space, 10_000, rng)
    return task.space.decode(genomes[task.feasible(genomes)][:n])


if __name__ == "__main__":
    main()
