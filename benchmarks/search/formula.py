"""A frozen accuracy for benchmarks: a formula in place of trainings, so that every method sees the same landscape.

It is no model of any data set. It has what makes the real problem hard for a search: saturation in size, a cliff in
signal-to-noise ratio, layers of unequal weight, widths that buy back noise, and neighbours that must fit each other.
"""

from collections.abc import Mapping

import numpy as np

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.surrogate.features import FeatureMap, macs
from xpert_evo.genes import GeneKind
from xpert_evo.objectives import FloatArray
from xpert_evo.space import Genomes, SearchSpace

VGG16_MACS = 313_201_664
"""Multiply-accumulates of VGG16 on 32 x 32 pixels and ten classes."""


class FormulaAccuracy:
    """Accuracy of a genome = 0.94 - capacity - noise - bottlenecks, at least 0.1.

    - capacity: 0.05 * 2^(-(log2 MACs - 27) / 1.5): each 1.5 doublings of the work halve what is lost (on backbones
      other than VGG16 the work counts in proportion to their own homogeneous design's);
    - noise: 0.84 s(1.1 (1.6 - q)), s the logistic function, q the signal-to-noise ratio through the network in bits:
      the layers' relative noise powers are added with weights that are 3 times larger at both ends of the network than
      in its middle, and divided by the square root of the layer's depth over 128;
    - bottlenecks: 0.01 for every doubling beyond the first between depths of neighbouring layers.

    Args:
        space: Of the genomes.
        crossbar: Whose conversions make the noise.
    """

    def __init__(self, space: SearchSpace, crossbar: CrossbarSpec) -> None:
        self.space = space
        self.features = FeatureMap(space, crossbar=crossbar)
        reference = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
        self.least_work = 27 + np.log2(macs(space, reference)[0] / VGG16_MACS)
        self.weights = 1 + 2 * np.abs(np.linspace(-1, 1, space.n_layers))

    def __call__(self, genomes: Genomes) -> FloatArray:
        """Accuracies, (designs,)."""
        depths = self.space.values(genomes, GeneKind.CHANNEL_DEPTH)
        capacity = 0.05 * np.exp2(-(np.log2(macs(self.space, genomes)) - self.least_work) / 1.5)
        noise_power = np.power(10.0, -self.features.snr_db(genomes) / 10) / np.sqrt(depths / 128)
        bits = -10 * np.log10(noise_power @ self.weights / self.weights.sum()) / 6.02
        noise = 0.84 / (1 + np.exp(-1.1 * (1.6 - bits)))
        jumps = np.abs(np.diff(np.log2(depths[:, :-1]), axis=1))
        bottlenecks = 0.01 * np.maximum(jumps - 1, 0).sum(axis=1)
        return np.asarray(np.maximum(0.94 - capacity - noise - bottlenecks, 0.1))


class FormulaLandscape:
    """The formula as a landscape of `search_labels.py`, on the chip of `search.problems.co_search`.

    Args:
        space: Of the genomes.
    """

    settings: Mapping[str, object] = {
        "hardware.model": "xpertsim",
        "hardware.device": "rram-6k",
        "hardware.technology": "cmos-32nm-lstp",
        "hardware.area_limit_mm2": 50.0,
    }

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._formula = FormulaAccuracy(space, CrossbarSpec())

    def accuracy(self, genomes: Genomes) -> FloatArray:
        """True accuracies, fractions, (designs,)."""
        return self._formula(genomes)
