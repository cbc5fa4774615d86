"""Settings: the one place where defaults live, and the list of valid names.

Defaults are overridden by a TOML file, that by the command line; the result is checked at once and never changes.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from hw_models import AdcType
from xpert_evo.backbone_file import SUFFIX, BackboneDescription, parse_description, read_description
from xpert_evo.errors import ConfigError
from xpert_evo.validation import Frozen, parse

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
AtLeastOne = Annotated[int, Field(ge=1, le=1_000_000)]


class DatasetConfig(Frozen):
    """Which images are learnt.

    Attributes:
        name: A data set's name; `xpert-evo data list` shows them.
        data_dir: Folder that holds data sets which are not embedded.
    """

    name: str = "fashion-mnist"
    data_dir: str | None = None


class GeneChoices(Frozen):
    """Choices of each gene, in rising order; None keeps what applies to all layers (the paper's for all)."""

    channel_depth: tuple[AtLeastOne, ...] | None = None
    column_sharing: tuple[AtLeastOne, ...] | None = None
    adc_type: tuple[AdcType, ...] | None = None
    adc_precision: tuple[AtLeastOne, ...] | None = None
    input_precision: tuple[AtLeastOne, ...] | None = None


class SpaceConfig(GeneChoices):
    """What is searched.

    Attributes:
        backbone: The network's fixed part: vgg16, vgg8, resnet20, or the path of one's own description in TOML.
            What the file says becomes part of the settings, so a run does not need the file again.
        layers: Choices for single layers, by name; a single choice freezes the gene.
    """

    backbone: str | BackboneDescription = "vgg16"
    layers: dict[str, GeneChoices] = Field(default_factory=dict)

    @field_validator("backbone", mode="before")
    @classmethod
    def _read_own(cls, backbone: object) -> object:
        if isinstance(backbone, str) and backbone.endswith(SUFFIX):
            return read_description(Path(backbone))
        return parse_description(backbone, where="space.backbone") if isinstance(backbone, dict) else backbone


class CrossbarConfig(Frozen):
    """The crossbars and how they are grouped; see `hw_models.CrossbarSpec`."""

    rows: AtLeastOne = 64
    columns: AtLeastOne = 64
    cell_bits: AtLeastOne = 4
    weight_bits: AtLeastOne = 8
    pe_side: AtLeastOne = 4
    tile_side: AtLeastOne = 8
    coding: str = "offset-analog"
    reference_columns: Count = 1


class HardwareConfig(Frozen):
    """The chip.

    Attributes:
        device: Cell technology: the name of a file in `hw_models/devices`.
        technology: Process of the periphery: the name of a file in `hw_models/technologies`.
        crossbar: Size, coding and grouping of the crossbars.
        area_limit_mm2: Largest area of all tiles; None for no limit.
        further_area_limits_mm2: Tighter limits, each of which gets a search and a front of its own; all share labels.
        latency_limit_us: Longest time for one image; None for no limit.
    """

    device: str = "rram-6k"
    technology: str = "cmos-32nm-lstp"
    crossbar: CrossbarConfig = CrossbarConfig()
    area_limit_mm2: Positive | None = 50.0
    further_area_limits_mm2: tuple[Positive, ...] = ()
    latency_limit_us: Positive | None = None

    @model_validator(mode="after")
    def _further_limits_are_tighter(self) -> "HardwareConfig":
        limits = self.further_area_limits_mm2
        loosest = self.area_limit_mm2
        if len(set(limits)) < len(limits) or (loosest is not None and any(limit >= loosest for limit in limits)):
            raise ValueError(
                f"hardware.further_area_limits_mm2 must be different limits below hardware.area_limit_mm2 ({loosest}), "
                f"got {', '.join(f'{limit:g}' for limit in limits)}; the loosest limit is area_limit_mm2."
            )
        return self

    @property
    def area_limits_mm2(self) -> tuple[float | None, ...]:
        """All limits on area, the tightest first, the loosest (None for no limit) last."""
        return (*sorted(self.further_area_limits_mm2), self.area_limit_mm2)


class SearchMode(StrEnum):
    """What a run searches, always with the same number of trainings.

    Joint searches all genes at once. Two-phase is the paper's order: channel depth, column sharing and ADC type for
    least latency, then the precisions on the network found. The random modes train random designs, or random
    homogeneous ones, without a search: what every search must beat.
    """

    JOINT = "joint"
    TWO_PHASE = "two-phase"
    RANDOM = "random"
    RANDOM_HOMOGENEOUS = "random-homogeneous"


class Baseline(StrEnum):
    """Methods that a search is compared with on predictions.

    The last two are the paper's descent on a softmax over the options of each layer, as published and corrected.
    """

    RANDOM = "random"
    RANDOM_HOMOGENEOUS = "random-homogeneous"
    HOMOGENEOUS = "homogeneous"
    GRADIENT_PUBLISHED = "gradient-published"
    GRADIENT_CORRECTED = "gradient-corrected"


class SearchConfig(Frozen):
    """How NSGA-II searches between two rounds of trainings.

    Attributes:
        mode: joint; two-phase, the paper's order; random or random-homogeneous, without a search, for comparison.
        objectives: What is traded, by name; the first two are plotted.
        population_size: Designs kept from generation to generation.
        offspring_size: New designs a generation.
        generations: Generations a round.
        least_accuracy: Designs predicted below this accuracy count as infeasible; None for no bound.
        least_robustness: Likewise for the accuracy under device noise, which every training then measures.
        first_phase_accuracy: What the network of the two-phase mode must keep; None for what the homogeneous
            baseline measured, less two points.
        stall_rounds: The search ends after so many rounds in which the hypervolume of the measured designs grew by less
            than a thousandth in all; None to go on to the end.
        baselines: Methods whose designs each round scores with its surrogate, as many as its search did, for the
            report: random, random-homogeneous, homogeneous, gradient-published, gradient-corrected. None is trained.
        surrogate: Which model predicts accuracy; `auto` chooses by cross-validation.
    """

    mode: SearchMode = SearchMode.JOINT
    objectives: Annotated[tuple[str, ...], Field(min_length=2, max_length=4)] = ("accuracy", "edap")
    population_size: Annotated[int, Field(ge=4, le=100_000)] = 200
    offspring_size: Annotated[int, Field(ge=1, le=100_000)] = 100
    generations: AtLeastOne = 150
    least_accuracy: Annotated[float, Field(gt=0, lt=1)] | None = None
    least_robustness: Annotated[float, Field(gt=0, lt=1)] | None = None
    first_phase_accuracy: Annotated[float, Field(gt=0, lt=1)] | None = None
    stall_rounds: AtLeastOne | None = None
    baselines: tuple[Baseline, ...] = ()
    surrogate: str = "auto"


class Schedule(StrEnum):
    """When the next trainings are chosen: round by round for all workers, or one whenever a worker is free."""

    ROUNDS = "rounds"
    STEADY_STATE = "steady-state"


class TrainingConfig(Frozen):
    """Which designs are trained, for how long, and how often.

    Attributes:
        protocol: Named training settings of the labels that the surrogate learns from.
        finalist_protocol: Named training settings of the finalists, which are judged on the test set.
        first_designs: Trained before the first surrogate; the homogeneous baseline is one of them.
        rounds: How often members of the front are trained and the surrogate is fitted anew.
        designs_per_round: Trained in each round.
        probes_per_round: How many of these are drawn from the whole space instead of the front: on them the
            surrogate's ranking is put to the test.
        finalists: Members of the measured front that are trained with the finalists' protocol.
        judge_images: Test images that judge a finalist; None for all.
        retries: How often a failed training is tried again.
        time_limit_s: Seconds after which a training is stopped and counts as failed; None for no limit.
        noise_draws: Draws of devices over which the accuracy under noise is averaged; measured only where `robustness`
            is an objective or `search.least_robustness` is set.
        conductance_variation_ratio: Standard deviation of the conductances then, relative (Gaussian).
        schedule: rounds, whose results do not depend on workers; or steady-state, where a design is chosen whenever a
            worker is free: no worker waits, and choices depend on which trainings ended first, as the run's log tells.
        budget_s: Seconds of trainings after which no further round begins, over all resumes and all workers; the
            finalists are trained in any case. None for no limit besides `rounds`.
    """

    protocol: str = "laptop"
    finalist_protocol: str = "laptop-finalist"
    first_designs: Annotated[int, Field(ge=4)] = 14
    rounds: AtLeastOne = 2
    designs_per_round: AtLeastOne = 7
    probes_per_round: Count = 2
    finalists: AtLeastOne = 5
    judge_images: AtLeastOne | None = None
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    time_limit_s: Positive | None = None
    noise_draws: AtLeastOne = 3
    conductance_variation_ratio: Annotated[float, Field(gt=0, le=10)] = 0.1
    schedule: Schedule = Schedule.ROUNDS
    budget_s: Positive | None = None

    @model_validator(mode="after")
    def _probes_are_part_of_a_round(self) -> "TrainingConfig":
        if self.probes_per_round >= self.designs_per_round:
            raise ValueError(
                f"training.probes_per_round must be less than training.designs_per_round ({self.designs_per_round}), "
                f"got {self.probes_per_round}; lower it."
            )
        return self

    @property
    def n_labels(self) -> int:
        """Designs trained with `protocol` in all."""
        return self.first_designs + self.rounds * self.designs_per_round


class ExecutorKind(StrEnum):
    """Where trainings run."""

    SERIAL = "serial"
    PROCESSES = "processes"
    DASK = "dask"


class ExecutorConfig(Frozen):
    """Where trainings run; on CPUs of one kind, results do not depend on it.

    Attributes:
        kind: In this process, in local processes of one thread each, or on a Dask cluster.
        workers: Local processes or local Dask workers; None for one a GPU or, without `gpus`, one a usable core.
        dask_scheduler: Address of an existing Dask scheduler, such as `tcp://host:8786`; it has its own workers.
        gpus: GPUs of this machine, over which `workers` are spread evenly; 0 hides them; None leaves it to CUDA.
            With `dask_scheduler`, 1 or more asks for workers that offer the resource GPU.
    """

    kind: ExecutorKind = ExecutorKind.PROCESSES
    workers: Annotated[int, Field(ge=1, le=4096)] | None = None
    dask_scheduler: str | None = None
    gpus: Annotated[int, Field(ge=0, le=64)] | None = None

    @model_validator(mode="after")
    def _parts_fit(self) -> "ExecutorConfig":
        if self.dask_scheduler is not None and not re.fullmatch(r"[a-z]+://\S+:\d+", self.dask_scheduler):
            raise ValueError(
                f'executor.dask_scheduler must be an address such as "tcp://host:8786", got "{self.dask_scheduler}"; '
                "`dask scheduler` prints it when it starts."
            )
        if self.dask_scheduler is not None and self.kind is not ExecutorKind.DASK:
            raise ValueError(
                f'executor.dask_scheduler needs executor.kind = "dask", got "{self.kind}"; change one of them.'
            )
        if self.dask_scheduler is not None and self.workers is not None:
            raise ValueError(
                f"executor.workers = {self.workers} counts local workers, but those of executor.dask_scheduler = "
                f'"{self.dask_scheduler}" are started with `dask worker`; leave one of them out.'
            )
        if self.gpus is not None and self.kind is ExecutorKind.SERIAL:
            raise ValueError('executor.gpus needs executor.kind = "processes" or "dask"; change one of them.')
        return self


class RunConfig(Frozen):
    """Everything that decides a run."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    dataset: DatasetConfig = DatasetConfig()
    space: SpaceConfig = SpaceConfig()
    hardware: HardwareConfig = HardwareConfig()
    search: SearchConfig = SearchConfig()
    training: TrainingConfig = TrainingConfig()
    executor: ExecutorConfig = ExecutorConfig()

    @model_validator(mode="after")
    def _modes_fit(self) -> "RunConfig":
        if self.search.mode is SearchMode.TWO_PHASE and self.hardware.further_area_limits_mm2:
            raise ValueError(
                'search.mode = "two-phase" finds one network for one area limit, so leave '
                "hardware.further_area_limits_mm2 out or search jointly."
            )
        if self.training.schedule is Schedule.STEADY_STATE and self.search.mode is not SearchMode.JOINT:
            raise ValueError(
                f'training.schedule = "steady-state" needs search.mode = "joint", got "{self.search.mode}"; '
                "change one of them."
            )
        return self

    @property
    def measures_robustness(self) -> bool:
        """Whether trainings measure the accuracy under device noise, too."""
        return "robustness" in self.search.objectives or self.search.least_robustness is not None

    def to_plain(self) -> dict[str, Any]:
        """Nested dictionaries of plain values, as `parse_config` reads them back to equal settings."""
        return self.model_dump(mode="json")


def parse_config(data: Mapping[str, object], *, where: str = "settings") -> RunConfig:
    """Settings from nested tables; the text `none` stands for no value, for which TOML has no word.

    Raises:
        ConfigError: A setting is wrong; the sentence starts with `where`.
    """
    return parse(RunConfig, _with_none(data), where=where, error=ConfigError)


def _with_none(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _with_none(inner) for name, inner in value.items()}
    return None if value == "none" else value


def load_config(path: Path | None, overrides: Mapping[str, object] | None = None) -> RunConfig:
    """Settings from a TOML file and dotted overrides.

    Args:
        path: A TOML file; None for defaults alone.
        overrides: Dotted names and values that win over the file, such as `{"search.generations": 40}`.

    Raises:
        ConfigError: The file cannot be read, or a setting is wrong.
    """
    tables = _read(path) if path is not None else {}
    if path is not None:
        parse_config(tables, where=str(path))  # so that the file is blamed for its own mistakes
    for name, value in (overrides or {}).items():
        _put(tables, name, value)
    return parse_config(tables)


def parse_assignments(assignments: Sequence[str]) -> dict[str, object]:
    """`["search.generations=40"]` as `{"search.generations": 40}`; raises ConfigError.

    A value is read as TOML; what TOML does not know is taken as text, so quotes may be left out.
    """
    overrides: dict[str, object] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"--set takes NAME=VALUE, such as search.generations=40, got '{assignment}'.")
        try:
            value: object = tomllib.loads(f"value = {text}")["value"]
        except (tomllib.TOMLDecodeError, RecursionError, ValueError):
            value = text.strip()
        overrides[name.strip()] = value
    return overrides


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise ConfigError(f"{path}: cannot be read ({failure.strerror}); `xpert-evo init` writes one.") from None
    except (ValueError, RecursionError) as failure:
        raise ConfigError(f"{path}: is not a TOML file in UTF-8 ({failure}).") from None


def _put(tables: dict[str, Any], name: str, value: object) -> None:
    *path, last = name.split(".")
    for part in path:
        tables = tables.setdefault(part, {})
        if not isinstance(tables, dict):
            raise ConfigError(f"--set {name}: '{part}' is a value, not a table of settings.")
    tables[last] = value
