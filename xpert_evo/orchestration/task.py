"""The task that settings describe: space, hardware, objectives and limits, checked before any work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hw_models import CostTable
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.protocols import TrainingProtocol, load_protocol
from xpert_evo.accuracy.training.recipes import Recipe
from xpert_evo.backbones import Backbone, load_backbone
from xpert_evo.config import CostRule, DeviceRule, GeneChoices, RunConfig, SpacePreset
from xpert_evo.genes import GeneKind
from xpert_evo.hardware import Hardware
from xpert_evo.image_sources import IMAGE_SIZE, ImageSize, form_of
from xpert_evo.objectives import OBJECTIVES, Constraints, FloatArray, Objectives
from xpert_evo.orchestration.limits import check_limits
from xpert_evo.orchestration.worst_case import WorstCase
from xpert_evo.space import PAPER_CHOICES, WIDE_CHOICES, Choices, Genomes, SearchSpace

_LEAST_LOSS_RATIO = 0.03
"""Loss in the wires below which it is no feature: calibrated ranges and batch norm compensate for it (assumed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Search space, objectives and limits of a run, and the costs of its designs.

    Attributes:
        config: Settings of the run.
        backbone: Fixed part of the network, with the classes and image channels of the data set.
        space: Search space.
        hardware: Chip and its cost model.
        table: Cost of every choice of the space, for scoring populations.
        objectives: Objectives of the search.
        constraints: Limits on chip and accuracy; the loosest of several area limits.
        baseline: Baseline of the paper (1, genes): the backbone's original depths, 6-bit SAR ADCs shared by 8 columns
            and 8-bit inputs, or the closest choices in the space.
        worst_case: Cost models whose worst EDAP is minimised; None to use only the run's own model.
        n_fitted: Number of training images to which protocols are fitted; None to use protocols as they are.
    """

    config: RunConfig
    backbone: Backbone
    space: SearchSpace
    hardware: Hardware
    table: CostTable
    objectives: Objectives
    constraints: Constraints
    baseline: Genomes
    worst_case: WorstCase | None = None
    n_fitted: int | None = None

    def protocol(self, name: str) -> TrainingProtocol:
        """Returns the protocol called `name`, fitted to a small data set; raises ConfigError if there is none."""
        found = load_protocol(name)
        return found if self.n_fitted is None else found.fitted_to(self.n_fitted)

    def recipe_carried_out(self, recipe: Recipe) -> Recipe:
        """Returns a recipe with the protocols of its stages fitted to a small data set."""
        return recipe if self.n_fitted is None else recipe.fitted_to(self.n_fitted)

    def costs(self, genomes: Genomes) -> dict[str, FloatArray]:
        """Returns the costs that a search uses: `own_costs`, with worst-case EDAP if set by `search.costs`."""
        costs = self.own_costs(genomes)
        return costs if self.worst_case is None else {**costs, "edap": self.worst_case.edap(genomes, costs["edap"])}

    def own_costs(self, genomes: Genomes) -> dict[str, FloatArray]:
        """Returns the costs of genomes by objective name, (designs,) each.

        Area [mm2], latency [us], energy [uJ], EDAP [mm2 us uJ] and throughput [images/s] by the run's own cost model.
        """
        costs = self.table.score(genomes)
        columns = {
            "area": costs.area_mm2,
            "latency": costs.latency_us,
            "energy": costs.energy_uj,
            "edap": costs.edap,
            "throughput_fps": costs.throughput_fps,
        }
        return {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}

    def values(self, genomes: Genomes, accuracies: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """`costs` together with what trainings measure or a surrogate predicts, by objective name, (designs,) each."""
        return {**self.costs(genomes), **{name: np.clip(column, 0.0, 1.0) for name, column in accuracies.items()}}

    @property
    def losses(self) -> Callable[[Genomes], FloatArray] | None:
        """The losses in the wires of the chips that labels are measured on; None if they are negligible everywhere."""
        strain = self.hardware.strain(self._least_sharing)
        on_chips = self.config.training.devices is DeviceRule.HARDWARE
        if not on_chips or strain is None or strain.loss_ratio < _LEAST_LOSS_RATIO:
            return None
        return partial(self.hardware.wire_losses, self.space)

    def changes_accuracy(self, kind: GeneKind) -> bool:
        """Whether a gene changes the accuracy on this chip: column sharing does by the losses in the wires."""
        shared = kind is GeneKind.COLUMN_SHARING and self.losses is not None
        return shared or kind.record.changes_accuracy

    @property
    def implausibility(self) -> str | None:
        """A sentence if the device's currents overload the wires in some design of the space, else None."""
        return self.hardware.implausibility(self._least_sharing)

    @property
    def _least_sharing(self) -> int:
        """The least number of columns per ADC, at which the wires of the rows carry most current."""
        return min(int(c) for g in self.space.genes if g.kind is GeneKind.COLUMN_SHARING for c in g.choices)

    def feasible(self, genomes: Genomes) -> NDArray[np.bool_]:
        """Returns which genomes satisfy the chip limits, ignoring limits on accuracy, (designs,)."""
        return np.asarray((self.constraints.on_chip.violations(self.own_costs(genomes)) <= 0).all(axis=1))

    @property
    def reference_point(self) -> FloatArray:
        """Where hypervolumes are measured from, (objectives,): guessing at random, at the baseline's cost."""
        return self.reference_of(self.objectives)

    def reference_of(self, objectives: Objectives) -> FloatArray:
        """`reference_point` of other objectives."""
        chance = np.array([1 / self.backbone.n_classes])
        guessing = {name: chance for name, objective in OBJECTIVES.items() if objective.is_accuracy}
        return np.asarray(objectives.minimised(self.values(self.baseline, guessing))[0])


def build_space(config: RunConfig, backbone: Backbone) -> SearchSpace:
    """The space that the settings name; raises ConfigError."""
    space = config.space
    layers = {name: _choices(choices) for name, choices in space.layers.items()}
    choices = {**_PRESETS[space.preset], **_choices(space)}
    return SearchSpace(backbone, choices, layers, [GeneKind(name) for name in space.per_layer])


def fitted_images(dataset: Mapping[str, Any]) -> int | None:
    """Returns `Task.n_fitted` for a run's stored data set: own images, since the version that stored their size."""
    if form_of(dataset["name"]) is None or "image_size" not in dataset:
        return None
    return int(dataset["n_images"][0])


def task_of_images(config: RunConfig, dataset: Dataset, *, fits: bool = True) -> Task:
    """Returns the task of settings for a loaded data set; raises the errors of `build_task`.

    Args:
        config: Settings of the run.
        dataset: Images of the run.
        fits: Whether protocols are fitted to own images, which earlier versions did not do.
    """
    return build_task(
        config,
        n_classes=dataset.n_classes,
        image_channels=dataset.image_channels,
        image_size=dataset.image_size,
        n_fitted=len(dataset.train) if fits and form_of(dataset.name) is not None else None,
    )


def build_task(
    config: RunConfig,
    *,
    n_classes: int,
    image_channels: int,
    image_size: ImageSize = IMAGE_SIZE,
    n_fitted: int | None = None,
) -> Task:
    """The task of a run, checked to be possible.

    Args:
        config: Settings of the run.
        n_classes: Number of classes in the data set.
        image_channels: Number of image channels.
        image_size: Height and width of the images [pixels].
        n_fitted: Number of training images to which protocols are fitted; None to use protocols as they are.

    Raises:
        ConfigError: The settings contradict the backbone.
        InfeasibleError: No design can keep the limits.
    """
    backbone = load_backbone(
        config.space.backbone, n_classes=n_classes, image_channels=image_channels, image_size=image_size
    )
    space = build_space(config, backbone)
    hardware = Hardware.of(config)
    table, baseline = hardware.table(space), space.baseline()
    worst = None
    if config.search.costs is CostRule.WORST_CASE:
        worst = WorstCase.of(hardware, table, space, baseline, config.search.cost_models)
    task = Task(
        config=config,
        backbone=backbone,
        space=space,
        hardware=hardware,
        table=table,
        objectives=Objectives(config.search.objectives),
        constraints=Constraints(
            area_limit_mm2=config.hardware.area_limit_mm2,
            latency_limit_us=config.hardware.latency_limit_us,
            energy_limit_uj=config.hardware.energy_limit_uj,
            least_accuracy=config.search.least_accuracy,
            least_robustness=config.search.least_robustness,
        ),
        baseline=baseline,
        worst_case=worst,
        n_fitted=n_fitted,
    )
    tightest = replace(task.constraints, area_limit_mm2=config.hardware.area_limits_mm2[0])
    check_limits(task.table, tightest, of_run=task.constraints)
    return task


def _choices(config: GeneChoices) -> Choices:
    offered: dict[GeneKind, Any] = {kind: getattr(config, kind, None) for kind in GeneKind}
    return {kind: choices for kind, choices in offered.items() if choices is not None}


_PRESETS: Mapping[SpacePreset, Choices] = {
    SpacePreset.DEFAULT: PAPER_CHOICES,
    SpacePreset.PAPER: PAPER_CHOICES,
    SpacePreset.WIDE: WIDE_CHOICES,
}
