"""Settings of the method: the search and the trainings."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from hw_models import model_names
from xpert_evo.config.quantities import AtLeastOne, Count, Positive
from xpert_evo.validation import Frozen

MOST_RETRIES = 10

LEAST_NORM_IMAGES = 32
"""Smallest number of images to calibrate batch norm on."""


class SearchMode(StrEnum):
    """Search strategy of a run; all of them use the same number of trainings.

    Joint searches all genes at once. Two-phase follows the paper: first channel depth, column sharing and ADC type for
    minimum latency, then the precisions of the network found. The random modes train random or random homogeneous
    designs without a search, as baselines that every search should beat.
    """

    JOINT = "joint"
    TWO_PHASE = "two-phase"
    RANDOM = "random"
    RANDOM_HOMOGENEOUS = "random-homogeneous"


class Baseline(StrEnum):
    """Baseline methods that are compared with the search on predicted accuracy.

    The gradient methods are the paper's gradient descent on a softmax over the options of each layer, as published and
    corrected.
    """

    RANDOM = "random"
    RANDOM_HOMOGENEOUS = "random-homogeneous"
    HOMOGENEOUS = "homogeneous"
    GRADIENT_PUBLISHED = "gradient-published"
    GRADIENT_CORRECTED = "gradient-corrected"


class CostRule(StrEnum):
    """The EDAP that a search minimises: that of the run's own cost model, or the worst of several models."""

    MODEL = "model"
    WORST_CASE = "worst-case"


_CREDIBLE = ("published", "optimistic", "pessimistic", "neurosim")
"""Default models of the worst case. `xpertsim` is not among them because its errors are known (a single clock for all
circuits, Flash comparators without their largest transistors), so designs need not be robust against it.
"""


class RobustnessRule(StrEnum):
    """What robustness is of the accuracies of several drawn chips."""

    MEAN = "mean"
    WORST = "worst"
    QUANTILE = "quantile"


class SearchConfig(Frozen):
    """NSGA-II search between two rounds of trainings.

    Attributes:
        mode: Search strategy: joint; two-phase, as in the XPert paper; random or random-homogeneous, which train
            designs without a search, for comparison.
        objectives: Names of the objectives. Pictures always show accuracy and EDAP.
        population_size: Number of designs kept from one generation to the next.
        offspring_size: Number of new designs per generation.
        generations: Number of generations per round.
        least_accuracy: Designs with a lower accuracy (a fraction) are infeasible; None for no limit. The limit applies
            to the accuracy measured with the training protocol: with a proxy protocol such as `laptop`, that is the
            proxy's accuracy, not the accuracy of the full network.
        least_robustness: The same limit for accuracy under device noise; if set, every training measures it.
        robustness: What robustness is of the accuracies of the chips drawn (`training.noise_draws`): their mean, the
            worst, or a quantile.
        robustness_quantile: The quantile; 0.1 is reached or exceeded by nine of ten chips.
        first_phase_accuracy: Least accuracy of the network chosen by the first phase of the two-phase mode; None for
            two points below the measured accuracy of the homogeneous baseline.
        stall_rounds: Stop the search after this number of rounds in which the hypervolume of the measured designs grew
            by less than 0.1 % in total; None to complete all rounds.
        baselines: Baseline methods for the report: random, random-homogeneous, homogeneous, gradient-published,
            gradient-corrected. In each round, they score as many designs with the surrogate as the search; none is
            trained.
        surrogate: Model that predicts accuracy; `auto` selects one by cross-validation.
        costs: EDAP to minimise: model uses `hardware.model`; worst-case uses the worst of several models, each
            relative to the baseline under the same model. Limits on the chip always use `hardware.model`.
        cost_models: Models of the worst case, by name or as paths of TOML files; `hardware.model` is always included.
            The default leaves out xpertsim because its errors are known.
    """

    mode: SearchMode = SearchMode.JOINT
    objectives: Annotated[tuple[str, ...], Field(min_length=2, max_length=4)] = ("accuracy", "edap")
    population_size: Annotated[int, Field(ge=4, le=100_000)] = 200
    offspring_size: Annotated[int, Field(ge=1, le=100_000)] = 100
    generations: AtLeastOne = 150
    least_accuracy: Annotated[float, Field(gt=0, lt=1)] | None = None
    least_robustness: Annotated[float, Field(gt=0, lt=1)] | None = None
    robustness: RobustnessRule = RobustnessRule.MEAN
    robustness_quantile: Annotated[float, Field(ge=0, le=1)] = 0.1
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
                'search.costs = "worst-case" minimises EDAP and needs "edap" in search.objectives, got '
                f'{", ".join(self.objectives)}; add it, or set search.costs = "model".'
            )
        return self


class Schedule(StrEnum):
    """When the next trainings are chosen: in rounds for all workers, or one at a time whenever a worker is free."""

    ROUNDS = "rounds"
    STEADY_STATE = "steady-state"


class NoiseSource(StrEnum):
    """Devices under which robustness is measured: Gaussian variation alone, or those of the run's chip."""

    VARIATION = "variation"
    DEVICE = "device"


class DeviceRule(StrEnum):
    """Devices under which a search measures accuracy: those of the chip, or ideal ones."""

    HARDWARE = "hardware"
    IDEAL = "ideal"


class TrainingConfig(Frozen):
    """Trainings of a run: protocols, numbers and limits.

    Attributes:
        protocol: Training protocol of the designs that the surrogate learns from.
        finalist_protocol: Training protocol of the finalists, which are judged on the test set.
        first_designs: Number of designs trained before the first surrogate is fitted, including the homogeneous
            baseline.
        rounds: Number of rounds in which new designs are trained and the surrogate is fitted again.
        designs_per_round: Number of designs trained in each round.
        probes_per_round: Number of these designs that do not come from the predicted front. They are needed to check
            how well the surrogate ranks designs in general. Half of them (rounded down) are the most promising
            homogeneous designs; the others are random.
        finalists: Number of designs from the measured front that are trained with `finalist_protocol`.
        judge_images: Number of test images for judging a finalist; None for all.
        retries: Number of times that a failed training is retried.
        time_limit_s: Time after which a training, also one at native size, or a step of a refinement is stopped and
            counts as failed [s]; None for no limit.
        noise_draws: Number of chips drawn to measure accuracy under noise. It is measured only if `robustness` is an
            objective or `search.least_robustness` is set.
        noise: Devices of these chips: variation, a Gaussian variation of otherwise ideal cells, or device, the cells
            of `hardware.device` and the wires of `hardware.technology`.
        conductance_variation_ratio: Relative standard deviation of the conductances if `noise` is variation.
        noise_time_s: Time since programming if `noise` is device [s].
        noise_norm_images: Number of training images on which each of these chips calibrates its batch norm; 0 for none.
        devices: Devices under which accuracies are measured: hardware for chips with the cells of `hardware.device`
            and the wires of `hardware.technology`, as for costs; ideal for ideal devices.
        label_chips: Number of chips that each design of the search is measured on, if chips differ from each other.
        judge_chips: Number of chips that each finalist is measured on in addition to ideal devices; 0 for none.
        norm_images: Number of training images on which each chip calibrates its batch norm; 0 to keep that of the
            training.
        chip_time_s: Time between programming of the chips and the measurement [s].
        schedule: rounds or steady-state. With rounds, results do not depend on the number of workers. With
            steady-state, a new design is chosen whenever a worker is free, so no worker waits, but the choices depend
            on the order in which trainings end; the run's event log records it.
        budget_s: Total training time after which no further round begins [s], summed over all workers and resumes. The
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
    noise: NoiseSource = NoiseSource.VARIATION
    conductance_variation_ratio: Annotated[float, Field(gt=0, le=10)] = 0.1
    noise_time_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.0
    noise_norm_images: Count = 0
    devices: DeviceRule = DeviceRule.HARDWARE
    label_chips: AtLeastOne = 1
    judge_chips: Count = 3
    norm_images: Count = 512
    chip_time_s: Annotated[float, Field(ge=1, le=1e10)] = 1.0
    schedule: Schedule = Schedule.ROUNDS
    budget_s: Positive | None = None

    @model_validator(mode="after")
    def _probes_are_part_of_a_round(self) -> "TrainingConfig":
        if self.probes_per_round >= self.designs_per_round:
            raise ValueError(
                f"training.probes_per_round must be less than training.designs_per_round ({self.designs_per_round}), "
                f"got {self.probes_per_round}; reduce it."
            )
        return self

    @model_validator(mode="after")
    def _chips_calibrate_on_enough(self) -> "TrainingConfig":
        if 0 < self.norm_images < LEAST_NORM_IMAGES:
            raise ValueError(
                f"training.norm_images must be 0 or at least {LEAST_NORM_IMAGES}, got {self.norm_images}; fewer images "
                "give no useful statistics."
            )
        if self.devices is DeviceRule.HARDWARE and not self.judge_chips:
            raise ValueError(
                'training.judge_chips must be at least 1 with training.devices = "hardware"; raise it, or set '
                'training.devices = "ideal".'
            )
        return self

    @property
    def n_labels(self) -> int:
        """Total number of designs trained with `protocol`."""
        return self.first_designs + self.rounds * self.designs_per_round


class NativeConfig(Frozen):
    """Trainings at native size after the search (`run --to native`).

    Attributes:
        train: Whether to train designs at native size at all.
        designs: Number of the search's most promising designs that are trained at native size.
        rivals: Number of homogeneous designs that are trained in the same way, for comparison.
        recipe: Recipe of these trainings: quick, hour, night or best, or a TOML file.
        hours: Time for the whole run [h]; what the search and the refinements leave of it is shared by the trainings at
            native size, whose epochs are scaled. None for the recipe as it is.
        refine: Whether the peripherals of each trained network are then chosen again, as by `xpert-evo refine`, and the
            refined network is judged, too.
        judge_images: Number of test images on which each network is judged, once; None for all.
    """

    train: bool = False
    designs: AtLeastOne = 4
    rivals: Count = 2
    recipe: str = "hour"
    hours: Positive | None = None
    refine: bool = True
    judge_images: AtLeastOne | None = None

    @model_validator(mode="after")
    def _hours_need_trainings(self) -> "NativeConfig":
        if self.hours is not None and not self.train:
            raise ValueError(
                f"native.hours = {self.hours:g} scales trainings at native size, but native.train is off; add --to "
                "native, or leave it out."
            )
        return self
