"""The paper's released first phase, and its exact optimum by dynamic programming.

Least latency of VGG16's 13 convolutions within 60 mm2 and with at least 6.68 million convolution weights; channel
depth, column sharing and ADC type are searched. Area and latency are the fitted formulas that the authors released with
A. Moitra, A. Bhattacharjee, Y. Kim, P. Panda, "XPert", DAC 2023, arXiv 2303.17646.
"""

from dataclasses import dataclass

import numpy as np

from hw_models import AdcType
from xpert_evo.backbones import load_backbone
from xpert_evo.genes import GeneKind
from xpert_evo.objectives import FloatArray
from xpert_evo.space import Genomes, IntArray, SearchSpace

DEPTHS = np.array([64, 128, 256, 512])
SHARINGS = np.array([2, 4, 8, 16, 32])
SIZES = np.array([32, 32, 16, 16, 8, 8, 8, 4, 4, 4, 2, 2, 2])
AREA_LIMIT_MM2 = 60.0
LEAST_WEIGHTS = 6_680_000

_AREA = (
    (1662.1420546233026, 1647434588.0067654, 0.0011610296696243961, -1647433897.2349775, 328615.0508042259),
    (2557.166495434807, 1325750339.0150185, 0.0037802706563706337, -1325744426.1570153, 355177.96577219985),
)
_LATENCY = (
    (0.24051026469311507, 0.000432503086158724, 0.4050948974138533, 0.16033299026875378),
    (0.08836970306542265, 8.466777271635184e-05, 0.10469741426869324, 0.12532326984887984),
)
"""Coefficients (a, b, c, d, e) and (a, b, d, e) for SAR, then Flash."""


def layer_costs(
    size: IntArray, in_channels: IntArray, out_channels: IntArray, sharing: IntArray, adc: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Area [mm2] and latency [as released, without a unit] of layers; all arguments broadcast."""
    crossbars = -(-9 * in_channels // 64) * -(-2 * out_channels // 64)
    tiles = -(-crossbars // 64)
    a, b, c, d, e = np.array(_AREA)[adc].transpose(-1, *range(np.ndim(adc)))
    area = (a * sharing + e) * tiles + b * np.exp(c * tiles / sharing) + d
    a, b, d, e = np.array(_LATENCY)[adc].transpose(-1, *range(np.ndim(adc)))
    latency = (a * e * tiles + b * sharing**2 + d) * size**2 / (64 * tiles / crossbars)
    return area * 1e-6, latency


@dataclass(frozen=True, slots=True)
class PublishedProblem:
    """The first phase as a space of genomes, with tables of each layer's costs.

    Attributes:
        space: Depth, sharing and ADC type of 13 convolutions are free.
        area_mm2: (layers, input depths, depths, settings); the first layer has one input depth, repeated.
        latency: Likewise.
    """

    space: SearchSpace
    area_mm2: FloatArray
    latency: FloatArray

    @classmethod
    def build(cls) -> "PublishedProblem":
        """The problem of the release."""
        fixed = {GeneKind.ADC_PRECISION: (6,), GeneKind.INPUT_PRECISION: (8,)}
        free = {GeneKind.CHANNEL_DEPTH: tuple(map(int, DEPTHS)), GeneKind.COLUMN_SHARING: tuple(map(int, SHARINGS))}
        classifier = {GeneKind.COLUMN_SHARING: (8,), GeneKind.ADC_TYPE: (AdcType.SAR,)}
        space = SearchSpace(load_backbone("vgg16"), {**fixed, **free}, {"classifier": classifier})
        sharing, adc = (grid.ravel() for grid in np.meshgrid(SHARINGS, [0, 1], indexing="ij"))
        inputs = np.tile(DEPTHS, (len(SIZES), 1))
        inputs[0] = 3
        area, latency = layer_costs(SIZES[:, None, None, None], inputs[:, :, None, None], DEPTHS[:, None], sharing, adc)
        return cls(space=space, area_mm2=area, latency=latency)

    def score(self, genomes: Genomes) -> tuple[FloatArray, FloatArray]:
        """Logarithm of the latency (designs, 1), and violations of area and weights (designs, 2)."""
        depth, setting = self._choices(genomes)
        before = np.concatenate([np.zeros_like(depth[:, :1]), depth[:, :-1]], axis=1)
        at = np.arange(len(SIZES)), before, depth, setting
        area, latency = self.area_mm2[at].sum(axis=1), self.latency[at].sum(axis=1)
        channels = DEPTHS[depth]
        weights = 9 * (3 * channels[:, 0] + (channels[:, :-1] * channels[:, 1:]).sum(axis=1))
        violations = np.stack([area / AREA_LIMIT_MM2 - 1, 1 - weights / LEAST_WEIGHTS], axis=1)
        return np.log10(latency)[:, None], violations

    def _choices(self, genomes: Genomes) -> tuple[IntArray, IntArray]:
        """Positions of depth and of setting (sharing, ADC type), (designs, 13) each."""
        columns = [
            [self.space.column(i, kind) for i in range(len(SIZES))]
            for kind in (GeneKind.CHANNEL_DEPTH, GeneKind.COLUMN_SHARING, GeneKind.ADC_TYPE)
        ]
        depth, sharing, adc = (genomes[:, column] for column in columns)
        return depth, 2 * sharing + adc

    def optimum(self) -> float:
        """The least latency, exactly.

        For each depth of the last layer all partial designs are kept that no other one dominates in latency, area and
        weights; what cannot be part of an optimum is dropped only by dominance, so the result is exact.
        """
        partial: list[FloatArray] = []
        for layer in range(len(SIZES)):
            partial = [self._extended(partial, layer, depth) for depth in range(len(DEPTHS))]
        whole = np.concatenate(partial)
        return float(whole[:, 0].min())

    def _extended(self, partial: list[FloatArray], layer: int, depth: int) -> FloatArray:
        """Undominated partial designs (latency, area, weights) that end in `layer` with `depth`."""
        options = np.stack([self.latency[layer, :, depth], self.area_mm2[layer, :, depth]], axis=-1)
        grown = []
        for before, rows in enumerate(partial or [np.zeros((1, 3))]):
            weights = 9 * (DEPTHS[before] if partial else 3) * DEPTHS[depth]
            steps = np.concatenate([options[before], np.full((len(options[before]), 1), weights)], axis=1)
            grown.append((rows[:, None] + steps[None]).reshape(-1, 3))
        rest = range(layer + 1, len(SIZES))
        return _undominated(np.concatenate(grown), self._least_area(rest), self._most_weights(rest))

    def _least_area(self, layers: range) -> float:
        return float(sum(self.area_mm2[i].min() for i in layers))

    def _most_weights(self, layers: range) -> float:
        return 9.0 * 512 * 512 * len(layers)


def _undominated(rows: FloatArray, least_area: float, most_weights: float) -> FloatArray:
    """Rows that may still meet both limits and that no other row beats in latency, area and weights.

    Area is sorted within each number of weights first, which leaves few rows for the comparison across weights.
    """
    rows = rows[(rows[:, 1] + least_area <= AREA_LIMIT_MM2) & (rows[:, 2] + most_weights >= LEAST_WEIGHTS)]
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0], -rows[:, 2]))]
    kept: list[FloatArray] = []
    front = np.empty((0, 2))
    for group in np.split(rows, np.flatnonzero(np.diff(rows[:, 2])) + 1):
        least = np.minimum.accumulate(group[:, 1])
        own = group[np.concatenate([[True], group[1:, 1] < least[:-1]])] if len(group) else group
        if len(front) and len(own):
            place = np.searchsorted(front[:, 0], own[:, 0], side="right") - 1
            own = own[(place < 0) | (own[:, 1] < front[np.maximum(place, 0), 1])]
        kept.append(own)
        front = _lower_front(np.concatenate([front, own[:, :2]]))
    return np.concatenate(kept) if kept else rows


def _lower_front(points: FloatArray) -> FloatArray:
    """Points (latency, area) by rising latency and falling area."""
    points = points[np.lexsort((points[:, 1], points[:, 0]))]
    least = np.minimum.accumulate(points[:, 1]) if len(points) else points[:, 1]
    return points[np.concatenate([[True], points[1:, 1] < least[:-1]])] if len(points) else points
