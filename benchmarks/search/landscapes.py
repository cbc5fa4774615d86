"""Synthetic landscapes of accuracy for `search_labels.py`: three kinds, each with an instance per seed.

A landscape is any object with two attributes:

- `space`: the `SearchSpace` of its genomes;
- `accuracy(genomes)`: the true accuracies, fractions (designs,), of genomes (designs, genes).

A third one, `settings`, is optional: settings of a run by dotted name, such as `{"hardware.area_limit_mm2": 30.0}`, for
the chip that costs are computed for; by default it is that of `xpert-evo run`. None of the landscapes is a model of any
data set. Accuracies lie between 0.1, chance, and a ceiling of 0.88 to 0.95.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from scipy.special import expit

from hw_models import CrossbarSpec
from xpert_evo.accuracy.surrogate.features import FeatureMap, macs
from xpert_evo.backbones import load_backbone
from xpert_evo.genes import GeneKind
from xpert_evo.objectives import FloatArray
from xpert_evo.space import Genomes, SearchSpace

CHANCE = 0.1
_DB_A_BIT = 6.02


class Landscape(Protocol):
    """What the benchmark needs to know."""

    space: SearchSpace

    def accuracy(self, genomes: Genomes) -> FloatArray:
        """True accuracies, fractions, (designs,)."""


class _Random:
    """A landscape on VGG16 with a generator for its parameters and a random ceiling."""

    def __init__(self, key: int, seed: int) -> None:
        self.space = SearchSpace(load_backbone("vgg16"))
        self.features = FeatureMap(self.space, crossbar=CrossbarSpec())
        self.rng = np.random.default_rng([key, seed])
        self.ceiling = self.rng.uniform(0.88, 0.95)
        reference = self.space.baseline()
        self.reference_work = float(np.log2(macs(self.space, reference)[0]))

    def capacity(self, genomes: Genomes) -> FloatArray:
        """Doublings of the work relative to the homogeneous backbone's."""
        return np.asarray(np.log2(macs(self.space, genomes)) - self.reference_work)

    def bits(self, genomes: Genomes) -> FloatArray:
        """Signal-to-noise ratio of each layer's conversions [bits], (designs, layers)."""
        return np.asarray(self.features.snr_db(genomes) / _DB_A_BIT)


class SignalToNoise(_Random):
    """F: size, and the signal-to-noise ratio through the network; layers' noise powers add with their own weights."""

    def __init__(self, seed: int) -> None:
        super().__init__(1, seed)
        n = self.space.n_layers
        self.weights = np.exp(self.rng.normal(0.0, 0.4, n)) * (
            1 + self.rng.uniform(0, 2) * np.abs(np.linspace(-1, 1, n))
        )
        self.loss, self.doublings = self.rng.uniform(0.03, 0.06), self.rng.uniform(1.2, 1.8)
        self.cliff, self.slope = self.rng.uniform(1.2, 2.0), self.rng.uniform(0.9, 1.3)

    def accuracy(self, genomes: Genomes) -> FloatArray:
        """See `Landscape`."""
        depths = self.space.values(genomes, GeneKind.CHANNEL_DEPTH)
        power = np.exp2(-2 * self.bits(genomes)) / np.sqrt(depths / 128)
        through = -0.5 * np.log2(power @ self.weights / self.weights.sum())
        size = self.loss * np.exp2(-(self.capacity(genomes) + 1.2) / self.doublings)
        noise = (self.ceiling - CHANCE) * expit(self.slope * (self.cliff - through))
        return np.asarray(np.clip(self.ceiling - size - noise, CHANCE, 1.0))


class WorstLayer(_Random):
    """W: the layer that falls short most decides, beside bottlenecks and neighbours whose precisions do not fit."""

    def __init__(self, seed: int) -> None:
        super().__init__(2, seed)
        n = self.space.n_layers
        self.need = self.rng.uniform(1.0, 3.6, n)
        self.sharpness = self.rng.uniform(2.0, 4.0)
        self.wanted_inputs = self.rng.integers(2, 6, n)
        self.pairs = self.rng.normal(0.0, 0.006, n - 1)
        self.jump = self.rng.uniform(0.006, 0.014)

    def accuracy(self, genomes: Genomes) -> FloatArray:
        """See `Landscape`."""
        depths = np.log2(self.space.values(genomes, GeneKind.CHANNEL_DEPTH))
        inputs = self.space.values(genomes, GeneKind.INPUT_PRECISION)
        adc = self.space.values(genomes, GeneKind.ADC_PRECISION)
        margin = self.bits(genomes) - self.need + 0.35 * np.minimum(inputs - self.wanted_inputs, 0)
        least = -np.log2(np.exp2(-self.sharpness * margin).mean(axis=1)) / self.sharpness
        jumps = np.maximum(np.abs(np.diff(depths[:, :-1], axis=1)) - 1, 0).sum(axis=1)
        interaction = (np.diff(adc, axis=1) * (inputs[:, 1:] - 4)) @ self.pairs
        size = 0.04 * np.exp2(-(self.capacity(genomes) + 1.5) / 1.5)
        good = self.ceiling * expit(1.6 * (least + 1.2))
        return np.asarray(np.clip(good - size - self.jump * jumps - 0.3 * np.abs(interaction), CHANCE, self.ceiling))


class SingleLayers(_Random):
    """S: the log-odds are a sum over single layers' genes, a few of which weigh far more than the others."""

    def __init__(self, seed: int) -> None:
        super().__init__(3, seed)
        self.columns = [i for i, gene in enumerate(self.space.genes) if gene.kind.record.changes_accuracy]
        weights = self.rng.lognormal(0.0, 1.2, len(self.columns))
        self.weights = weights / weights.sum()
        self.bend = self.rng.uniform(0.4, 1.0, len(self.columns))
        self.height, self.depth = self.rng.uniform(2.5, 3.5), self.rng.uniform(3.0, 4.5)

    def accuracy(self, genomes: Genomes) -> FloatArray:
        """See `Landscape`."""
        share = genomes[:, self.columns] / np.maximum(self.space.n_choices[self.columns] - 1, 1)
        log_odds = (self.height + self.depth) * (share**self.bend @ self.weights) - self.depth
        return np.asarray(CHANCE + (self.ceiling - CHANCE) * expit(log_odds))


KINDS: Mapping[str, Callable[[int], Landscape]] = {"F": SignalToNoise, "W": WorstLayer, "S": SingleLayers}
TUNED_ON = (0, 1)
"""Seeds of the instances on which the search's settings were chosen."""
HELD_OUT = (10, 11)
"""Seeds of the instances of the published table; nothing was chosen on them."""
