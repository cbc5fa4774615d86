"""Ranges of ADCs whose references are fixed at design time and the same in all layers of a chip."""

import numpy as np
import torch
from numpy.typing import NDArray

from xpert_evo.accuracy.crossbars.arrays import program
from xpert_evo.accuracy.crossbars.blocks import blocks_of, split_inputs
from xpert_evo.accuracy.crossbars.converters import Ends, SumHistogram
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork
from xpert_evo.accuracy.crossbars.windows import calibration_windows


@torch.no_grad()
def shared_ends(network: CrossbarNetwork, images: torch.Tensor, percentile: float) -> Ends:
    """Percentiles of the partial sums of all layers on ideal devices; each layer has the same weight.

    Slices of layers with fewer of them are aligned at the most significant one.

    Args:
        network: Trained network, left in evaluation mode.
        images: Prepared calibration images.
        percentile: Upper end; the lower end is 100 minus this.
    """
    histograms: list[SumHistogram] = []

    def counted(layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        for block, part in zip(blocks_of(layer), split_inputs(layer.geometry, inputs), strict=True):
            g = block.geometry
            cells = program(block.codes.flatten(1), g.array_rows, g.crossbar)
            histograms.append(SumHistogram.of(calibration_windows(g, layer.clip, part), cells, g.input_precision))
        return layer.product(inputs)

    network.eval()
    network(images, counted)
    n_slices = max(len(histogram.counts) for histogram in histograms)
    most = max(histogram.most for histogram in histograms)
    return [_ends(histograms, n_slices - position, most, percentile) for position in range(n_slices)]


def _ends(histograms: list[SumHistogram], from_top: int, most: int, percentile: float) -> tuple[float, float]:
    """Ends of the slice at a position counted from 1 for the most significant one."""
    pooled: NDArray[np.float64] = np.zeros(2 * most + 1)
    for histogram in histograms:
        if len(histogram.counts) < from_top:
            continue
        counts = histogram.counts[-from_top].sum(0).double().cpu().numpy()
        margin = most - histogram.most
        pooled[margin : len(pooled) - margin] += counts / counts.sum()
    cumulative = pooled.cumsum() / pooled.sum()
    low = np.searchsorted(cumulative, 1 - percentile / 100, side="right")
    return float(low - most), float(np.searchsorted(cumulative, percentile / 100) - most)
