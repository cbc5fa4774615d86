"""How designs are found: the search between trainings, the trainings, and where they run."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from hw_models import model_names
from xpert_evo.config.quantities import AtLeastOne, Count, Positive
from xpert_evo.executor_kinds import ExecutorKind, kinds_that
from xpert_evo.validation import Frozen

MOST_RETRIES = 10


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


class CostRule(StrEnum):
    """Which EDAP a search minimises: that of the run's own cost model, or the worst of several models."""

    MODEL = "model"
    WORST_CASE = "worst-case"


_CREDIBLE = ("published", "optimistic", "pessimistic", "neurosim")
"""Models of which the worst counts. `xpertsim` is none of them: what it gets wrong is known (one clock for everything,
Flash comparators without their largest transistors), so it is not a possible truth that a design must be safe against.
"""


class SearchConfig(Frozen):
    """How NSGA-II searches between two rounds of trainings.

    Attributes:
        mode: joint; two-phase, the paper's order; random or random-homogeneous, without a search, for comparison.
        objectives: What is traded, by name; pictures show accuracy and EDAP whatever they are.
        population_size: Designs kept from generation to generation.
        offspring_size: New designs a generation.
        generations: Generations a round.
        least_accuracy: Designs below this accuracy (a fraction) count as infeasible; None for no limit. The limit is on
            what the training protocol measures: with a proxy such as `laptop` it is on the proxy's accuracy, which is
            not that of the network at native size.
        least_robustness: Likewise for the accuracy under device noise, which every training then measures.
        first_phase_accuracy: What the network of the two-phase mode must keep; None for what the homogeneous
            baseline measured, less two points.
        stall_rounds: The search ends after so many rounds in which the hypervolume of the measured designs grew by less
            than a thousandth in all; None to go on to the end.
        baselines: Methods whose designs each round scores with its surrogate, as many as its search did, for the
            report: random, random-homogeneous, homogeneous, gradient-published, gradient-corrected. None is trained.
        surrogate: Which model predicts accuracy; `auto` chooses by cross-validation.
        costs: Which EDAP is minimised: model, that of `hardware.model`; or worst-case, the worst of several models,
            each relative to the baseline under the same model. Limits on the chip are always those of `hardware.model`.
        cost_models: The models of which the worst counts, by name or as paths of TOML files; `hardware.model` always
            does. The default leaves out xpertsim, whose errors are known, so that no design need be safe against it.
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
    costs: CostRule = CostRule.MODEL
    cost_models: Annotated[tuple[str, ...], Field(min_length=1)] = tuple(n for n in _CREDIBLE if n in model_names())

    @model_validator(mode="after")
    def _worst_case_is_of_edap(self) -> "SearchConfig":
        if self.costs is CostRule.WORST_CASE and "edap" not in self.objectives:
            raise ValueError(
                'search.costs = "worst-case" is a worst case of EDAP and needs "edap" among search.objectives, got '
                f'{", ".join(self.objectives)}; add it, or set search.costs = "model".'
            )
        return self


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
        probes_per_round: How many of these do not come from the front, since on front members alone nobody can tell a
            good ranking: half of them (rounded down) are the homogeneous designs that promise most, the others are
            drawn from the whole space.
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
    retries: Annotated[int, Field(ge=0, le=MOST_RETRIES)] = 1
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
        if self.dask_scheduler is not None and not self.kind.record.joins_cluster:
            clusters = kinds_that(lambda record: record.joins_cluster)
            raise ValueError(
                f'executor.dask_scheduler needs executor.kind = {clusters}, got "{self.kind}"; change one of them.'
            )
        if self.dask_scheduler is not None and self.workers is not None:
            raise ValueError(
                f"executor.workers = {self.workers} counts local workers, but those of executor.dask_scheduler = "
                f'"{self.dask_scheduler}" are started with `dask worker`; leave one of them out.'
            )
        if self.gpus is not None and not self.kind.record.has_workers:
            others = kinds_that(lambda record: record.has_workers)
            raise ValueError(f"executor.gpus needs executor.kind = {others}; change one of them.")
        return self
