"""Trained designs: their measured accuracies, their costs, and the front among them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw_models import HardwareReport
from xpert_evo.accuracy.training.yields import interval, interval_words
from xpert_evo.design import Design
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.chips import IDEAL_DEVICES
from xpert_evo.orchestration.names import NATIVE, REFINED
from xpert_evo.orchestration.task import Task
from xpert_evo.search import non_dominated
from xpert_evo.space import Genomes, IntArray, SearchSpace

HARDWARE_FIELDS = ("area_mm2", "latency_us", "energy_uj", "edap", "tops_per_w", "tops_per_mm2", "throughput_fps")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnChips:
    """Accuracies of a design on drawn chips.

    Attributes:
        mean: Mean over the chips.
        worst: Accuracy of the worst chip.
        n_chips: Number of chips.
        norm_images: Number of training images on which each chip calibrated its batch norm.
        spread: Standard deviation over the chips; 0 for one.
    """

    mean: float
    worst: float
    n_chips: int
    norm_images: int
    spread: float = 0.0

    @classmethod
    def of(cls, plain: Mapping[str, Any] | None) -> "OnChips | None":
        """Reads the entry of a label's details; None if there is none."""
        if plain is None:
            return None
        found, each = {name: plain[name] for name in ("mean", "worst", "n_chips", "norm_images")}, plain["accuracies"]
        return cls(**found, spread=float(np.std(each, ddof=1)) if len(each) > 1 else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A design that was trained.

    Attributes:
        design: The trained design.
        digest: Id of the design.
        genome: The design in the run's space, (genes,); for designs at native size, see `is_native`.
        protocol: Protocol of the training that gave the accuracies.
        validation: Accuracy on validation data with exactly emulated crossbars; designs are selected by it.
        robustness: Accuracy on validation data under device noise; None if not measured.
        test: Accuracy on test data, never used for selection; None if the design was not judged on it.
        devices: Devices under which `measured` holds, in words.
        ideal: Accuracy on test data on ideal devices; None if not measured.
        on_chips: Accuracies on drawn chips, on the same data as `measured`; None if none were drawn.
        emulation: How the crossbars were emulated for `test`.
        n_test_images: Number of test images judged.
        label: Validation accuracy of the training in the search; None if the search did not train the design.
        label_protocol: Protocol of `label` and `predicted`; differs from `protocol` for finalists.
        predicted: Prediction of `label` by the surrogate before the training; None if there was none.
        std: Standard deviation of that prediction.
        hardware: `HARDWARE_FIELDS` by name.
        cost_model: Name of the cost model of `hardware`.
        batch: Batch of the run that requested the training.
        reused: Whether the label was taken over from another run.
        seconds: Training time [s].
    """

    design: Design
    digest: str
    genome: IntArray = field(compare=False, repr=False)  # already covered by the digest
    protocol: str
    validation: float
    robustness: float | None
    test: float | None
    devices: str
    ideal: float | None
    on_chips: OnChips | None
    emulation: str | None
    n_test_images: int | None
    label: float | None
    label_protocol: str
    predicted: float | None
    std: float | None
    hardware: dict[str, float]
    cost_model: str
    batch: str
    reused: bool
    seconds: float

    @property
    def is_finalist(self) -> bool:
        """Whether the accuracies are of a finalist's training, which is not that of the search even by one protocol."""
        return self.test is not None and not self.is_native

    @property
    def is_native(self) -> bool:
        """Whether it was trained at native size; its genome is then that of a space that holds only this design."""
        return self.batch in {NATIVE, REFINED}

    @property
    def measured(self) -> float:
        """The accuracy to report: on test data if judged on it, else on validation data."""
        return self.validation if self.test is None else self.test

    @property
    def measured_std(self) -> float | None:
        """Standard error of `measured` from the finite number of test images (binomial); None on validation data."""
        if self.test is None or not self.n_test_images:
            return None
        return float(np.sqrt(self.test * (1 - self.test) / self.n_test_images))

    @property
    def interval(self) -> tuple[float, float] | None:
        """Ends of the 95 % interval of `measured` (see `yields.interval`); None on validation data."""
        if self.test is None or not self.n_test_images:
            return None
        n_chips, spread = self._chips
        return interval(self.test, self.n_test_images, n_chips=n_chips, spread=spread)

    def measured_words(self, decimals: int, unit: str = "") -> str:
        """Returns `measured` in percent with its interval (see `yields.interval_words`), if there is one."""
        if self.test is None or not self.n_test_images:
            return f"{100 * self.measured:.2f}{unit}"
        n_chips, spread = self._chips
        return interval_words(
            self.test, self.n_test_images, n_chips=n_chips, spread=spread, decimals=decimals, unit=unit
        )

    @property
    def _chips(self) -> tuple[int, float]:
        """Number of chips that `measured` is the mean of, and its standard deviation over them."""
        chips = self.on_chips
        return (1, 0.0) if chips is None or self.devices == IDEAL_DEVICES else (chips.n_chips, chips.spread)

    @property
    def bar(self) -> tuple[float, float]:
        """How far the 95 % interval extends below and above `measured`; (0, 0) on validation data."""
        low, high = self.interval or (self.measured, self.measured)
        return self.measured - low, high - self.measured

    @property
    def split(self) -> str:
        """Split that `measured` comes from."""
        return "validation" if self.test is None else "test"

    def to_plain(self) -> dict[str, Any]:
        """Returns the entry of `front.json`, except for the EDAP ratios under other cost models."""
        return {
            "id": self.digest,
            "design": self.design.to_plain(),
            "accuracy": {
                "measured": self.measured,
                "label": self.label,
                "label_protocol": self.label_protocol,
                "predicted": self.predicted,
                "std": self.std,
                "split": self.split,
                "reused": self.reused,
                "protocol": self.protocol,
                "emulation": self.emulation,
                "validation": self.validation,
                "devices": self.devices,
                **({} if self.ideal is None else {"ideal": self.ideal}),
                **({} if self.on_chips is None else {"on_chips": asdict(self.on_chips)}),
                **({} if self.robustness is None else {"under_noise": self.robustness}),
                "n_images": self.n_test_images,
            },
            "hardware": self.hardware,
            "cost_model": self.cost_model,
        }


def select_front(task: Task, candidates: Sequence[Candidate], area_limit_mm2: float | None = None) -> list[Candidate]:
    """Returns the non-dominated candidates within all limits (by validation accuracy), sorted by EDAP.

    Args:
        task: Task that defines the objectives and limits.
        candidates: Trained designs.
        area_limit_mm2: Area limit tighter than that of the task; None for no further limit.
    """
    if not candidates:
        return []
    small = np.array([area_limit_mm2 is None or c.hardware["area_mm2"] <= area_limit_mm2 for c in candidates])
    feasible = np.flatnonzero(within_limits(task, candidates) & small)
    if not len(feasible):
        return []
    best = feasible[non_dominated(objectives_of(task, candidates)[feasible])]
    return sorted((candidates[i] for i in best), key=lambda candidate: candidate.hardware["edap"])


def genomes_of(task: Task, candidates: Sequence[Candidate]) -> Genomes:
    """Returns the genomes of candidates, (candidates, genes), also of an empty sequence."""
    return np.array([candidate.genome for candidate in candidates], dtype=np.int64).reshape(-1, task.space.n_genes)


def hardware_figures(task: Task, genomes: Genomes) -> list[dict[str, float]]:
    """Returns `HARDWARE_FIELDS` of genomes (designs, genes), from the full model instead of the cost table."""
    return _figures(task.hardware.report_of(task.space, genomes))


def alone(task: Task, design: Design) -> tuple[SearchSpace, Genomes]:
    """Returns a space that holds only one design, and its genome (1, genes).

    The choices of a refined design need not be those of the run's space.
    """
    space = SearchSpace.around(design, task.backbone)
    return space, np.zeros((1, space.n_genes), dtype=np.int64)


def figures_alone(task: Task, design: Design) -> dict[str, float]:
    """Returns `HARDWARE_FIELDS` of a design, which need not be one of the run's space."""
    return _figures(task.hardware.report_of(*alone(task, design)))[0]


def _figures(report: HardwareReport) -> list[dict[str, float]]:
    """`HARDWARE_FIELDS` of each design of a report."""
    columns = [np.asarray(getattr(report, name)).tolist() for name in HARDWARE_FIELDS]
    return [dict(zip(HARDWARE_FIELDS, row, strict=True)) for row in zip(*columns, strict=True)]


def objectives_of(task: Task, candidates: Sequence[Candidate]) -> FloatArray:
    """Returns the minimised objectives of candidates by validation accuracy, (designs, objectives)."""
    return task.objectives.minimised(_values(task, candidates))


def within_limits(task: Task, candidates: Sequence[Candidate]) -> NDArray[np.bool_]:
    """Returns which candidates satisfy all limits (by validation accuracy), (designs,)."""
    if not candidates:
        return np.zeros(0, dtype=bool)
    return np.asarray((task.constraints.violations(_values(task, candidates)) <= 0).all(axis=1))


def _values(task: Task, candidates: Sequence[Candidate]) -> dict[str, FloatArray]:
    """Returns costs and validation accuracies of candidates by objective name, (designs,) each."""
    accuracies = {"accuracy": np.array([candidate.validation for candidate in candidates])}
    if task.config.measures_robustness:
        accuracies["robustness"] = np.array([candidate.robustness for candidate in candidates], dtype=np.float64)
    return task.values(genomes_of(task, candidates), accuracies)
