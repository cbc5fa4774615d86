"""Carries out the measurements of a refinement, each once, on the workers of an executor."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.snr import EMULATION_VERSION
from xpert_evo.accuracy.sensitivity.prediction import FloatArray
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.design import Design
from xpert_evo.errors import ExecutorError
from xpert_evo.executors import Executor, JobFailed
from xpert_evo.orchestration.refining.chips import Accuracy, Chip, DrawnChips
from xpert_evo.orchestration.refining.effort import judging_effort, probe_effort
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
from xpert_evo.orchestration.refining.steps import At, Taken
from xpert_evo.progress import Listener, Message, Stage
from xpert_evo.words import duration

_MANY = 5_000
"""Training images that are assumed for the time left of tuning on all of them."""

_STEP_EFFORT = 3.0
"""Assumed time of a training step relative to the emulation of its images, for the time left."""

_BETWEEN_S, _LEAST_TOLD_S, _WORTH_TELLING_S = 1.0, 1.0, 5.0
"""Least time between two lines on a step, least time left that is told, and that is told before a step begins [s]."""


class Laboratory:
    """Measures networks; what has been measured before is taken from the memory.

    Args:
        networks: Folder that networks are written to.
        memory: Measurements so far.
        executor: Runs the jobs.
        source: The first network, with the images that all networks are measured on.
        crossbar: Crossbars of the chip.
        n_adopted: Training images that the batch norm of a written network is calibrated on.
        n_validation: Number of validation images.
        chips: Chips that networks are judged on and tuned for.
        geometries: Geometries of a design's layers, from which the time of a job is estimated.
        retries: Number of times that a failed measurement is retried.
        listener: Receives the progress.
    """

    def __init__(
        self,
        networks: Path,
        memory: Memory,
        executor: Executor,
        source: Source,
        *,
        crossbar: CrossbarSpec,
        n_adopted: int,
        n_validation: int,
        chips: DrawnChips,
        geometries: Callable[[Design], list[LayerGeometry]],
        retries: int,
        listener: Listener,
    ) -> None:
        self._networks, self._retries = networks, retries
        self._memory, self._executor, self._listener = memory, executor, listener
        self._source, self._crossbar, self._n_adopted = source, crossbar, n_adopted
        self._n_validation, self._geometries = n_validation, geometries
        self.chips = chips
        self._measured: dict[str, FloatArray] = {}
        self.seconds = self._effort = 0.0
        self.taken: list[Taken] = []

    def tell(self, step: str) -> None:
        """Tells what is done."""
        self._listener.tell(Stage(text=step))

    def source(self, weights: Path) -> Source:
        """Another network on the same images."""
        return replace(self._source, weights=weights)

    def scores(
        self, weights: Path, wanted: Sequence[tuple[Design, tuple[int, ...] | None]], at: At
    ) -> list[FloatArray]:
        """Class scores of a network some of whose layers are emulated, (images, classes) each.

        Args:
            weights: File of the network.
            wanted: Designs with the same channel depths, and the positions of the layers that are emulated with their
                peripherals; None for all layers.
            at: The step.
        """
        keys = [self._scores_key(weights, design, places) for design, places in wanted]
        missing: dict[str, Job] = {}
        efforts = []
        for key, (design, places) in zip(keys, wanted, strict=True):
            known = self._measured.get(key, self._memory.scores(key))
            if known is not None:
                self._measured[key] = known
            elif key not in missing:
                source = self.source(weights)
                missing[key] = ProbeJob(source=source, design=design, crossbar=self._crossbar, places=places)
                efforts.append(self._probe_effort(design, places))
        self._run(missing, efforts, at, n_wanted=len(set(keys)))
        return [self._measured[key] for key in keys]

    def _scores_key(self, weights: Path, design: Design, places: tuple[int, ...] | None) -> str:
        """A key that does not depend on layers that are not emulated."""
        layers = [
            layer.model_dump(mode="json", exclude_none=True, exclude={"column_sharing", "adc_type", "copies"})
            for place, layer in enumerate(design.layers)
            if places is None or place in places
        ]
        return self._key("isolated", weights, layers=layers)

    def adopted(self, weights: Path, designs: Sequence[Design], at: At) -> list[Path]:
        """Files of a network with the peripherals of designs, and batch norm for them, written in a step."""
        source = replace(self.source(weights), n_images=0, n_calibration=self._n_adopted)
        targets = {
            design: self._file(design.digest[:8], self._key("adopted", weights, design=design.digest))
            for design in designs
        }
        missing: dict[str, Job] = {
            str(target): AdoptJob(source=source, design=design, crossbar=self._crossbar, target=target)
            for design, target in targets.items()
            if not target.exists()
        }
        effort = self._n_adopted * self._conversions(designs[0]) if designs else 0.0
        self._run(missing, [effort] * len(missing), at, n_wanted=len(targets))
        return [targets[design] for design in designs]

    def tuned(
        self, weights: Sequence[Path], design: Design, protocol: TrainingProtocol, seed: int, at: At
    ) -> list[Path]:
        """Files of networks after a short training through the exact emulation.

        Args:
            weights: Files of the networks.
            design: Design of one of them, for the time left.
            protocol: Training protocol.
            seed: Random seed.
            at: The step.
        """
        devices = self.chips.devices
        for_chips = {} if devices is None else {"devices": devices.identity}
        keys = [self._key("tuned", path, protocol=protocol.digest, seed=seed, **for_chips) for path in weights]
        targets = {path: self._file(f"{path.stem[:8]}-tuned", key) for path, key in zip(weights, keys, strict=True)}
        missing: dict[str, Job] = {
            str(target): TuneJob(source=self.source(path), protocol=protocol, seed=seed, target=target, devices=devices)
            for path, target in targets.items()
            if not target.exists()
        }
        effort = _STEP_EFFORT * (protocol.n_train or _MANY) * protocol.epochs * self._conversions(design)
        self._run(missing, [effort] * len(missing), at, n_wanted=len(targets))
        return [targets[path] for path in weights]

    def _file(self, name: str, key: str) -> Path:
        return self._networks / f"{name}-{key[:8]}.safetensors"

    def accuracies(self, weights: Sequence[Path], design: Design, part: slice, at: At) -> list[Accuracy]:
        """Accuracies of networks on some of the validation images, on each chip.

        Args:
            weights: Files of the networks.
            design: Design of one of them, for the time left.
            part: Validation images to judge on.
            at: The step.
        """
        chips: tuple[Chip | None, ...] = self.chips.chips or (None,)
        keys = {path: [self._accuracy_key(path, part, chip) for chip in chips] for path in weights}
        missing: dict[str, Job] = {
            key: JudgeJob(source=self.source(path), first=part.start, last=part.stop, chip=chip)
            for path, of_path in keys.items()
            for chip, key in zip(chips, of_path, strict=True)
            if self._memory.fact(key) is None
        }
        effort = judging_effort((part.stop or self._n_validation) - part.start, self.chips) * self._conversions(design)
        self._run(missing, [effort] * len(missing), at, n_wanted=sum(map(len, keys.values())))
        accuracies = []
        for path in weights:
            facts = [self._memory.fact(key) for key in keys[path]]
            each = tuple(fact["accuracy"] for fact in facts)
            accuracies.append(
                Accuracy(
                    value=self.chips.accuracy(each),
                    n_images=facts[0]["n_images"],
                    on_chips=each if self.chips.chips else (),
                )
            )
        return accuracies

    def _accuracy_key(self, weights: Path, part: slice, chip: Chip | None) -> str:
        on_chip = {} if chip is None else {"chip": chip.identity}
        return self._key("accuracy", weights, first=part.start, last=part.stop, **on_chip)

    def _run(self, jobs: Mapping[str, Job], efforts: Sequence[float], at: At, *, n_wanted: int) -> None:
        """Carries out the missing jobs of a step and keeps their results; the longest begin first.

        Raises:
            ExecutorError: A job failed in every attempt, for example because its worker died.
        """
        what = at.words
        self.taken.append(Taken(at=at, n_known=n_wanted - len(jobs), n_missing=len(jobs)))
        order = sorted(zip(efforts, jobs, strict=True), key=lambda pair: -pair[0])
        keys, left = [key for _, key in order], dict(zip(jobs, efforts, strict=True))
        total, begin = sum(efforts), time.monotonic()
        told = begin
        if jobs:
            self.tell(f"{what}{f', {len(jobs)} to do' if len(jobs) > 1 else ''}{self._time_words(total)}")
        for attempt in range(1 + self._retries):
            failed: dict[str, JobFailed] = {}
            waiting = [key for key in keys if key in left]
            for outcome in self._executor.run(carry_out, [jobs[key] for key in waiting]):
                key = waiting[outcome.position]
                if isinstance(outcome, JobFailed):
                    failed[key] = outcome
                    continue
                self._keep(key, jobs[key], outcome.result)
                del left[key]
                passed, done = time.monotonic() - begin, total - sum(left.values())
                remaining = passed * sum(left.values()) / done if done else 0.0
                if left and remaining >= _LEAST_TOLD_S and time.monotonic() - told >= _BETWEEN_S:
                    told = time.monotonic()
                    number = len(keys) - len(left)
                    self.tell(f"{what}, {number} of {len(keys)}, about {duration(remaining)} left of this step")
            if not left:
                break
            reason = list(failed.values())[-1].reason
            if attempt < self._retries:
                self._listener.tell(Message(text=f"{what} failed: {reason}; trying again", warning=True))
        self.seconds += time.monotonic() - begin
        self._effort += total
        if left:
            raise ExecutorError(
                f"{what} failed: {reason}; what was measured is kept. Go on with the same command, or with "
                "`xpert-evo resume` for a run."
            )

    def _time_words(self, effort: float) -> str:
        """How long a step will take at the pace of all steps so far; empty if that is unknown or not worth telling."""
        expected = self.seconds * effort / self._effort if self._effort else 0.0
        return f", about {duration(expected)}" if expected >= _WORTH_TELLING_S else ""

    def _keep(self, key: str, job: Job, done: Done) -> None:
        if isinstance(job, ProbeJob) and done.scores is not None:
            self._memory.add_scores(key, done.scores)
            self._measured[key] = done.scores.astype(np.float64)
        elif isinstance(job, JudgeJob):
            self._memory.add_fact(key, {"accuracy": done.accuracy, "n_images": done.n_images})

    def _key(self, what: str, weights: Path, **more: object) -> str:
        s = self._source
        return key_of(
            what=what,
            weights=_digest(weights, weights.stat().st_mtime_ns),
            dataset=s.digest,
            measured=(s.n_images, s.n_calibration, self._n_adopted),
            emulation=EMULATION_VERSION,
            **{"crossbar": str(self._crossbar)} | more,
        )

    def _conversions(self, design: Design) -> float:
        return float(sum(geometry.n_conversions for geometry in self._geometries(design)))

    def _probe_effort(self, design: Design, places: tuple[int, ...] | None) -> float:
        n_images = self._source.n_images + self._source.n_calibration
        return n_images * probe_effort([geometry.n_conversions for geometry in self._geometries(design)], places)


@lru_cache(maxsize=256)
def _digest(path: Path, changed_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
