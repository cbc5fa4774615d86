"""Costs of single layers over depths and peripheral settings, as needed by the paper's gradient method."""

from dataclasses import dataclass

import numpy as np

from hw_models import CROSSBAR_CHOICES, LayerShapes, Peripherals
from xpert_evo.errors import ConfigError
from xpert_evo.genes import GeneKind
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.task import Task
from xpert_evo.space import Genomes, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGrid:
    """Costs of every layer for each depth of its input, its own depth and a setting (column sharing, ADC type).

    Attributes:
        task: Search task of the layers.
        latency_us: Latency [us], (layers, input depths, depths, settings); values repeat along fixed depths.
        area_mm2: Area [mm2], same shape.
    """

    task: Task
    latency_us: FloatArray
    area_mm2: FloatArray

    def genomes(self, depth: IntArray, setting: IntArray) -> Genomes:
        """Genomes (designs, genes) of positions (designs, layers), with the baseline's precisions."""
        space = self.task.space
        n_types = len(space.choices[GeneKind.ADC_TYPE])
        chosen = {
            GeneKind.CHANNEL_DEPTH: depth,
            GeneKind.COLUMN_SHARING: setting // n_types,
            GeneKind.ADC_TYPE: setting % n_types,
        }
        genomes = np.repeat(self.task.baseline, len(depth), axis=0)
        for column, gene in enumerate(space.genes):
            if gene.kind in chosen:
                genomes[:, column] = chosen[gene.kind][:, gene.layer]
        return genomes


def layer_grid(task: Task) -> LayerGrid:
    """The grid of a task.

    Raises:
        ConfigError: Layers do not simply follow one another, or do not all offer the same choices.
    """
    space = task.space
    n_layers = space.n_layers
    follow = space.backbone.chain is not None and space.backbone.sources == (None, *range(n_layers - 1))
    if not follow or any(gene.choices != space.choices[gene.kind] for gene in space.genes):
        raise ConfigError(
            "search.baselines: the gradient methods need a backbone whose layers follow one another, all with the same "
            f"choices, and {space.backbone.name} in this space is none; leave them out."
        )
    depths, sharing, types = (np.array([getattr(c, "code", c) for c in space.choices[kind]]) for kind in _KINDS)
    inputs, own, shared, adc = (a.ravel()[:, None] for a in np.meshgrid(depths, depths, sharing, types, indexing="ij"))
    in_channels = np.repeat(inputs, n_layers, axis=1)
    in_channels[:, 0] = space.backbone.image_channels
    out_channels = np.repeat(own, n_layers, axis=1)
    out_channels[:, -1] = space.backbone.n_classes
    shapes, precisions = space.hardware_arrays(task.baseline)
    report = task.hardware.report(
        LayerShapes(
            output_size=shapes.output_size,
            in_channels=in_channels,
            kernel_size=shapes.kernel_size,
            out_channels=out_channels,
            stride=shapes.stride,
        ),
        Peripherals(
            column_sharing=shared,
            adc_type=adc,
            adc_precision=precisions.adc_precision,
            input_precision=precisions.input_precision,
            copies=precisions.copies,
            **{name: getattr(precisions, name) for name in CROSSBAR_CHOICES},
        ),
    )
    shape = (n_layers, len(depths), len(depths), len(sharing) * len(types))
    return LayerGrid(
        task=task,
        latency_us=np.asarray(1e-3 * report.latency_ns.T.reshape(shape), dtype=np.float64),
        area_mm2=np.asarray(1e-6 * report.area_um2.T.reshape(shape), dtype=np.float64),
    )


_KINDS = (GeneKind.CHANNEL_DEPTH, GeneKind.COLUMN_SHARING, GeneKind.ADC_TYPE)
