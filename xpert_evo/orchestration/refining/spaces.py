"""The spaces of a refinement: around the design of a trained network, and of the baseline that it is compared with."""

from hw_models import CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.config import RunConfig, load_config
from xpert_evo.design import Design, LayerDesign
from xpert_evo.genes import PERIPHERALS, Choice, GeneKind, choice_number
from xpert_evo.orchestration.task import Task, task_of_images


def space_around(config: RunConfig, design: Design, whole: Task) -> RunConfig:
    """Settings whose space has a design's channel depths and, besides the space's choices, its own peripherals.

    What all layers of the chip share stays as it is in the design, and so do choices without an order. Of several area
    limits the loosest one applies, as for all networks of native size.
    """
    settings: dict[str, object] = {"hardware.further_area_limits_mm2": []}
    for place, (layer, owner) in enumerate(zip(design.layers, whole.backbone.depth_owners, strict=True)):
        if owner == place:
            settings[f"space.layers.{layer.name}.channel_depth"] = [layer.channel_depth]
        for kind in PERIPHERALS:
            column, own = whole.space.column(place, kind), value_of(layer, kind, whole.hardware.crossbar)
            if column is None:
                continue
            if whole.space.is_tied(kind):
                settings[f"space.{kind}"] = "none" if own is None else [own]
                continue
            offered = whole.space.genes[column].choices if may_change(kind) else ()
            values = {*offered, own} if own is not None else set(offered)
            settings[f"space.layers.{layer.name}.{kind}"] = sorted(values, key=choice_number)
    return load_config(None, settings, base=config.model_dump(mode="json"))


def unlimited(config: RunConfig) -> RunConfig:
    """Settings without limits, for the baseline: the limits concern designs with the network's depths alone."""
    free = {"area_limit_mm2": None, "further_area_limits_mm2": (), "latency_limit_us": None, "energy_limit_uj": None}
    return config.model_copy(update={"hardware": config.hardware.model_copy(update=free)})


def baseline_task(config: RunConfig, dataset: Dataset) -> Task:
    """The task whose baseline EDAP is compared with: the whole space, without limits; raises ConfigError."""
    return task_of_images(unlimited(config), dataset)


def may_change(kind: GeneKind) -> bool:
    """Whether a gene is a number, or has no effect on the network's computation."""
    return kind.record.is_ordinal or not kind.record.changes_accuracy


def value_of(layer: LayerDesign, kind: GeneKind, crossbar: CrossbarSpec) -> Choice | None:
    """A layer's value of a gene; the gene's default or the crossbar's value if the layer does not name it."""
    value: Choice | None = getattr(layer, kind)
    if value is not None:
        return value
    return getattr(crossbar, kind.record.cost_attribute) if kind.record.is_of_crossbar else kind.record.default
