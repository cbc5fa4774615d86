"""What the peripherals of a trained network may become: each layer's choices, their costs, and the limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np

from hw_models import Schedule
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.network import build_network
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.config import RunConfig
from xpert_evo.design import Design, LayerDesign
from xpert_evo.genes import PERIPHERALS, Choice, GeneKind, choice_number
from xpert_evo.image_sources import ImageSize
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.refining.layer_rows import LayerRows, Precisions, layer_rows
from xpert_evo.orchestration.refining.spaces import baseline_task, may_change, space_around, value_of
from xpert_evo.orchestration.task import Task, task_of_images
from xpert_evo.search.separable import Layers, Limits
from xpert_evo.space import Genomes, IntArray


@dataclass(frozen=True, kw_only=True)
class Options:
    """The choices of all layers of a trained design.

    Attributes:
        task: Task whose space has the design's channel depths; its limits apply.
        baseline_edap: EDAP of the baseline of the space with all channel depths [mm2 us uJ].
        image_size: Size of the network's images.
    """

    task: Task
    baseline_edap: float
    image_size: ImageSize

    @classmethod
    def of(cls, config: RunConfig, design: Design, dataset: Dataset, *, image_size: ImageSize) -> "Options":
        """The options that settings leave for a design; raises ConfigError and InfeasibleError.

        Args:
            config: Settings of space, chip and limits.
            design: Design of the trained network.
            dataset: Data set of the network.
            image_size: Size of the network's images, after downsampling.
        """
        whole = baseline_task(config, dataset)
        task = task_of_images(space_around(config, design, whole), dataset)
        if task.worst_case is not None and whole.worst_case is not None:  # relative to the same baseline
            task = replace(task, worst_case=replace(task.worst_case, factors=whole.worst_case.factors))
        return cls(
            task=task,
            baseline_edap=float(whole.own_costs(whole.baseline)["edap"][0]),
            image_size=image_size,
        )

    @cached_property
    def kinds(self) -> tuple[GeneKind, ...]:
        """Kinds of peripheral genes that change the network's computation."""
        space = self.task.space
        return tuple(
            kind
            for kind in PERIPHERALS
            if kind in space.kinds and kind.record.changes_accuracy and may_change(kind) and not space.is_tied(kind)
        )

    def precisions(self, design: Design) -> list[Precisions]:
        """The precisions of a design's layers."""
        return [tuple(int(self._value(layer, kind) or 0) for kind in self.kinds) for layer in design.layers]

    def _value(self, layer: LayerDesign, kind: GeneKind) -> Choice | None:
        return value_of(layer, kind, self.task.hardware.crossbar)

    def choices_of(self, layer: int, kind: GeneKind) -> list[int]:
        """What the space offers a layer for a gene, in ascending order."""
        column = self.task.space.column(layer, kind)
        return [] if column is None else [int(choice) for choice in self.task.space.genes[column].choices]

    def offered(self) -> tuple[tuple[str, tuple[Choice, ...]], ...]:
        """Each peripheral gene with more than one choice in some layer, and the choices of all layers together."""
        space = self.task.space
        found = []
        for kind in PERIPHERALS:
            columns = {space.column(layer, kind) for layer in range(space.n_layers)} - {None}
            choices = [space.genes[column].choices for column in columns if column is not None]
            if any(len(own) > 1 for own in choices):
                found.append((kind.value, tuple(sorted({one for own in choices for one in own}, key=choice_number))))
        return tuple(found)

    def with_precisions(self, design: Design, changes: Mapping[int, Precisions]) -> Design:
        """A design with other precisions in some layers."""
        layers = list(self.completed(design).layers)
        for place, precisions in changes.items():
            named = dict(zip(map(str, self.kinds), precisions, strict=True))
            layers[place] = layers[place].model_copy(update=named)
        return self.short(design.model_copy(update={"layers": tuple(layers)}))

    def completed(self, design: Design) -> Design:
        """A design that names all genes of the space."""
        kinds = [kind for kind in PERIPHERALS if kind in self.task.space.kinds]
        layers = [
            layer.model_copy(update={kind.value: self._value(layer, kind) for kind in kinds}) for layer in design.layers
        ]
        return design.model_copy(update={"layers": tuple(layers)})

    def short(self, design: Design) -> Design:
        """A design without genes that have in all layers the value that they have where they are not named."""
        crossbar = self.task.hardware.crossbar
        for kind in PERIPHERALS:
            unnamed = value_of(LayerDesign.model_construct(**{kind.value: None}), kind, crossbar)
            if unnamed is not None and all(getattr(layer, kind) == unnamed for layer in design.layers):
                layers = [layer.model_copy(update={kind.value: None}) for layer in design.layers]
                design = design.model_copy(update={"layers": tuple(layers)})
        return design

    @cached_property
    def _rows(self) -> list[LayerRows]:
        return layer_rows(self.task, self.kinds)

    def rows(self, layer: int) -> LayerRows:
        """The combinations of a layer's peripherals that are worth choosing, with their costs."""
        return self._rows[layer]

    def layers(self, damages: Sequence[Mapping[Precisions, float]]) -> "Offered":
        """The layers for the optimiser.

        Args:
            damages: For each layer, the damage of the precisions that it may take; others are not offered.
        """
        kept = [
            np.array([i for i, own in enumerate(self.rows(layer).precisions) if own in damages[layer]], dtype=np.int64)
            for layer in range(self.task.space.n_layers)
        ]
        limits = self.task.constraints
        own_limits = Limits(
            area=limits.area_limit_mm2 or np.inf,
            latency=limits.latency_limit_us or np.inf,
            energy=limits.energy_limit_uj or np.inf,
        )
        offered = [
            np.array([damages[layer][self.rows(layer).precisions[row]] for row in rows])
            for layer, rows in enumerate(kept)
        ]
        worst = self.task.worst_case
        chips, factors = ((), np.empty(0)) if worst is None else (worst.chips, worst.factors)
        models = tuple(
            Layers(
                costs=[self.rows(layer).costs[model, rows] for layer, rows in enumerate(kept)],
                damages=offered,
                pipelined=chip.planned is Schedule.PIPELINED,
                limits=Limits() if model else own_limits,
            )
            for model, chip in enumerate((self.task.hardware, *chips))
        )
        return Offered(options=self, models=models, shifts=np.concatenate([[0.0], np.log(factors)]), kept=tuple(kept))

    def genome(self, design: Design) -> Genomes:
        """The genome (1, genes) of a design, which need not name genes that have a default."""
        return self.task.space.encode([self.completed(design)])

    def design(self, genome: Genomes) -> Design:
        """The design of a genome (genes,)."""
        return self.short(self.task.space.decode(genome[None])[0])

    def costs(self, design: Design) -> dict[str, float]:
        """Costs of a design: area [mm2], latency [us], energy [uJ], EDAP and more.

        All are by the run's own cost model, except EDAP where a worst case over several models is set.
        """
        return {name: float(column[0]) for name, column in self.task.costs(self.genome(design)).items()}

    def edap_ratios(self, design: Design) -> tuple[tuple[str, float], ...]:
        """EDAP of the baseline over that of a design under each model of a worst case; empty without one."""
        worst = self.task.worst_case
        if worst is None:
            return ()
        edaps = worst.scaled(self.genome(design), self.task.own_costs(self.genome(design))["edap"])
        return tuple(zip(worst.names, (self.baseline_edap / edaps[:, 0]).tolist(), strict=True))

    def keeps_limits(self, design: Design) -> bool:
        """Whether a design keeps the limits on the chip."""
        return bool(self.task.feasible(self.genome(design))[0])

    def geometries(self, design: Design) -> list[LayerGeometry]:
        """Geometries of a design's layers on the chip's crossbars."""
        network = build_network(
            design, self.task.backbone, crossbar=self.task.hardware.crossbar, image_size=self.image_size
        )
        return [layer.geometry for layer in network.crossbar_layers]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What the optimiser chooses from, and what its choices mean.

    Attributes:
        options: Options of the network.
        models: Costs by each cost model, the run's own with the limits first, and damages.
        shifts: Logarithm of what EDAP by each of them is multiplied by, (models,); see `WorstCase`.
        kept: Rows of each layer that are offered.
    """

    options: Options
    models: tuple[Layers, ...]
    shifts: FloatArray
    kept: tuple[IntArray, ...]

    @property
    def layers(self) -> Layers:
        """Costs by the run's own model, damages and limits."""
        return self.models[0]

    def log_edaps(self, choices: IntArray) -> FloatArray:
        """Logarithms of EDAP [log(mm2 us uJ)] of choices (designs, layers), in the worst case, shape (designs,)."""
        return self._worst([layers.totals(choices) for layers in self.models])

    def changed(self, choices: IntArray, layer: int) -> tuple[FloatArray, FloatArray]:
        """`Layers.totals` by the run's own model and `log_edaps` of a design with each choice of one layer.

        Args:
            choices: Choices of the design, (layers,).
            layer: Layer that is changed.
        """
        totals = [layers.changed_totals(choices, layer) for layers in self.models]
        return totals[0], self._worst(totals)

    def _worst(self, totals: Sequence[FloatArray]) -> FloatArray:
        """The largest log(EDAP) over all models, (designs,), from the totals by each of them."""
        each = [shift + np.log(one[:, :3]).sum(axis=1) for shift, one in zip(self.shifts, totals, strict=True)]
        return np.asarray(reduce(np.maximum, each))

    def genome(self, choices: IntArray) -> Genomes:
        """The genome (genes,) of choices (layers,)."""
        space = self.options.task.space
        genome = np.zeros(space.n_genes, dtype=np.int64)
        for layer, (rows, choice) in enumerate(zip(self.kept, choices, strict=True)):
            own = self.options.rows(layer)
            genome[list(own.columns)] = own.genes[rows[choice]]
        return genome

    def design(self, choices: IntArray) -> Design:
        """The design of choices (layers,)."""
        return self.options.design(self.genome(choices))

    def choices(self, design: Design) -> IntArray | None:
        """The choices (layers,) of a design; None if it is not offered."""
        genome = self.options.genome(design)[0]
        found = []
        for layer, rows in enumerate(self.kept):
            own = self.options.rows(layer)
            same = np.flatnonzero((own.genes[rows] == genome[list(own.columns)]).all(axis=1))
            if not len(same):
                return None
            found.append(int(same[0]))
        return np.array(found)
