"""Carries out the measurements of a refinement, each once, on the workers of an executor."""

import hashlib
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.network import LayerGeometry
from xpert_evo.accuracy.crossbars.snr import EMULATION_VERSION
from xpert_evo.accuracy.sensitivity.prediction import FloatArray
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.design import Design
from xpert_evo.errors import ExecutorError
from xpert_evo.executors import Executor, JobFailed
from xpert_evo.files import sweep
from xpert_evo.orchestration.refining.jobs import (
    AdoptJob,
    Done,
    Job,
    JudgeJob,
    ProbeJob,
    Source,
    TuneJob,
    carry_out,
)
from xpert_evo.orchestration.refining.memory import Memory, key_of
from xpert_evo.progress import Listener, Stage
from xpert_evo.words import duration


class Laboratory:
    """Measures networks; what has been measured before is taken from the memory.

    Args:
        folder: Folder of the refinement; networks are written below it.
        memory: Measurements so far.
        executor: Runs the jobs.
        source: The first network, with the images that all networks are measured on.
        crossbar: Crossbars of the chip.
        n_adopted: Training images that the batch norm of a written network is calibrated on.
        geometries: Geometries of a design's layers, from which the time of a job is estimated.
        listener: Receives the progress.
    """

    def __init__(
        self,
        folder: Path,
        memory: Memory,
        executor: Executor,
        source: Source,
        *,
        crossbar: CrossbarSpec,
        n_adopted: int,
        geometries: Callable[[Design], list[LayerGeometry]],
        listener: Listener,
    ) -> None:
        self._networks = folder / "networks"
        self._networks.mkdir(exist_ok=True)
        sweep(self._networks)
        self._memory, self._executor, self._listener = memory, executor, listener
        self._source, self._crossbar, self._n_adopted = source, crossbar, n_adopted
        self._geometries = geometries
        self.seconds = 0.0

    def source(self, weights: Path) -> Source:
        """Another network on the same images."""
        s = self._source
        return Source(
            weights=weights, dataset=s.dataset, digest=s.digest, n_images=s.n_images, n_calibration=s.n_calibration
        )

    def scores(self, weights: Path, designs: Sequence[Design], what: str, own: Design | None = None) -> list[FloatArray]:
        """Class scores of a network with the peripherals of designs, (images, classes) each.

        Args:
            weights: File of the network.
            designs: Designs with the same channel depths.
            what: Name of the step, for the progress.
            own: The network's own design, which tells how many layers a job must compute; None for all.
        """
        source = self.source(weights)
        jobs = {
            self._key("scores", weights, design=design.digest): ProbeJob(
                source=source, design=design, crossbar=self._crossbar
            )
            for design in designs
        }
        missing = {key: job for key, job in jobs.items() if self._memory.scores(key) is None}
        efforts = [self._probe_effort(own, job.design) for job in missing.values()]
        self._run(missing, efforts, what)
        found = [self._memory.scores(key) for key in jobs]
        by_key = dict(zip(jobs, found, strict=True))
        keys = [self._key("scores", weights, design=design.digest) for design in designs]
        return [scores for key in keys if (scores := by_key[key]) is not None]

    def own_scores(self, weights: Path, design: Design, crossbar: CrossbarSpec) -> FloatArray:
        """Class scores of a network on the crossbars of its training, (images, classes)."""
        key = self._key("scores", weights, design=design.digest, crossbar=str(crossbar))
        job = ProbeJob(source=self.source(weights), design=design, crossbar=crossbar)
        if self._memory.scores(key) is None:
            self._run({key: job}, [self._probe_effort(None, design)], "measuring the trained network")
        found = self._memory.scores(key)
        assert found is not None
        return found

    def adopted(self, weights: Path, designs: Sequence[Design]) -> list[Path]:
        """Files of a network with the peripherals of designs, and batch norm for them."""
        s = self._source
        source = Source(weights=weights, dataset=s.dataset, digest=s.digest, n_images=0, n_calibration=self._n_adopted)
        targets = {
            design: self._networks / f"{design.digest[:8]}-{self._key('adopted', weights, design=design.digest)[:8]}.safetensors"
            for design in designs
        }
        missing: dict[str, Job] = {
            str(target): AdoptJob(source=source, design=design, crossbar=self._crossbar, target=target)
            for design, target in targets.items()
            if not target.exists()
        }
        effort = self._n_adopted * self._conversions(designs[0]) if designs else 0.0
        self._run(missing, [effort] * len(missing), "calibrating batch norm")
        return [targets[design] for design in designs]

    def tuned(self, weights: Sequence[Path], design: Design, protocol: TrainingProtocol, seed: int) -> list[Path]:
        """Files of networks after a short training through the exact emulation."""
        targets = {
            path: path.with_name(f"{path.stem}-{self._key('tuned', path, protocol=protocol.digest, seed=seed)[:8]}.safetensors")
            for path in weights
        }
        missing: dict[str, Job] = {
            str(target): TuneJob(source=self.source(path), protocol=protocol, seed=seed, target=target)
            for path, target in targets.items()
            if not target.exists()
        }
        effort = 3.0 * (protocol.n_train or 1) * protocol.epochs * self._conversions(design)
        self._run(missing, [effort] * len(missing), f"tuning by {protocol.name}")
        return [targets[path] for path in weights]

    def accuracies(self, weights: Sequence[Path], design: Design, first: int, n_images: int | None, what: str) -> list[tuple[float, int]]:
        """Accuracies of networks on validation images from `first` on, and the number of images."""
        keys = {path: self._key("accuracy", path, first=first, images=n_images) for path in weights}
        missing: dict[str, Job] = {
            key: JudgeJob(source=self.source(path), first=first, n_images=n_images)
            for path, key in keys.items()
            if self._memory.fact(key) is None
        }
        effort = float((n_images or 5_000) * self._conversions(design))
        self._run(missing, [effort] * len(missing), what)
        found = [self._memory.fact(keys[path]) for path in weights]
        return [(fact["accuracy"], fact["n_images"]) for fact in found]

    def _run(self, jobs: dict[str, Any], efforts: Sequence[float], what: str) -> None:
        """Carries out jobs and keeps their results; the longest begin first."""
        order = sorted(zip(efforts, jobs, strict=True), key=lambda pair: -pair[0])
        keys, left = [key for _, key in order], dict(zip(jobs, efforts, strict=True))
        total, begin = sum(efforts), time.monotonic()
        failed: JobFailed | None = None
        for number, outcome in enumerate(self._executor.run(carry_out, [jobs[key] for key in keys]), 1):
            if isinstance(outcome, JobFailed):
                failed = outcome
                continue
            key = keys[outcome.position]
            self._keep(key, jobs[key], outcome.result)
            del left[key]
            passed, done = time.monotonic() - begin, total - sum(left.values())
            remaining = passed * sum(left.values()) / done if done else 0.0
            if left:
                self._listener.tell(
                    Stage(text=f"{what}, {number} of {len(keys)}, about {duration(remaining)} left of this step")
                )
        self.seconds += time.monotonic() - begin
        if failed is not None:
            raise ExecutorError(f"{what} failed: {failed.reason}; what was measured is kept, run the command again.")

    def _keep(self, key: str, job: Job, done: Done) -> None:
        if isinstance(job, ProbeJob) and done.scores is not None:
            self._memory.add_scores(key, done.scores)
        elif isinstance(job, JudgeJob):
            self._memory.add_fact(key, {"accuracy": done.accuracy, "n_images": done.n_images})

    def _key(self, what: str, weights: Path, **more: object) -> str:
        s = self._source
        return key_of(
            what=what,
            weights=_digest(weights),
            dataset=s.digest,
            images=s.n_images,
            calibration=(s.n_calibration, self._n_adopted),
            emulation=EMULATION_VERSION,
            **{"crossbar": str(self._crossbar), **more},
        )

    def _conversions(self, design: Design) -> float:
        return float(sum(geometry.n_conversions for geometry in self._geometries(design)))

    def _probe_effort(self, own: Design | None, design: Design) -> float:
        """Conversions of a probe: from the first layer whose precisions differ."""
        n_images = self._source.n_images + self._source.n_calibration
        geometries = self._geometries(design)
        first = 0
        if own is not None:
            pairs = zip(self._geometries(own), geometries, strict=True)
            first = next((place for place, (a, b) in enumerate(pairs) if a != b), len(geometries))
        return n_images * float(1 + sum(geometry.n_conversions for geometry in geometries[first:]))


@lru_cache(maxsize=256)
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
