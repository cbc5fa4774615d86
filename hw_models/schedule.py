"""Which parts work at the same time: from the time of each component to that of a layer and of an image.

Sequential: components run one after another, and so do layers, as in the reference. Overlapped: while one output
position is converted, the inputs of the next arrive and the sums of the previous one leave, so a layer takes as long as
its slowest component, plus the time of the others for one position to fill the pipeline. Pipelined: in addition, layers
work on different images; an image leaves whenever the slowest layer is done, and tiles leak while they wait for it.
"""

from __future__ import annotations

import numpy as np

from hw_models.arrays import FloatArray
from hw_models.cost_model import Overheads, Schedule
from hw_models.setting import Setting


def exposed_ns(
    parts: dict[str, FloatArray], one_copy: dict[str, FloatArray], positions: FloatArray
) -> dict[str, FloatArray]:
    """Computes the contribution of each overlapping component to its layer's time [ns], (designs, layers).

    All components work once on the position that fills the pipeline; the other positions take as long as the slowest
    component takes for them. A position passes through a single copy of the weights, so that further copies shorten
    only the latter. (For each component, `parts` is the time of all positions, that of the first one included.)

    Args:
        parts: Time of each component alone.
        one_copy: The same if a single copy of the weights worked on all positions.
        positions: Number of positions of the output map.
    """
    alone = np.stack(list(parts.values()))
    filling = np.minimum(np.stack([one_copy[name] for name in parts]) / positions, alone)
    slowest = (alone - filling).argmax(axis=0)
    return {name: np.where(slowest == i, alone[i], filling[i]) for i, name in enumerate(parts)}


def interval_ns(latency_ns: FloatArray, schedule: Schedule) -> FloatArray:
    """Time from one image to the next [ns], (designs,): of the slowest layer if pipelined, else of all layers."""
    if schedule is Schedule.PIPELINED:
        slowest: FloatArray = latency_ns.max(axis=1)
        return slowest
    total: FloatArray = latency_ns.sum(axis=1)
    return total


def leaks(setting: Setting) -> bool:
    """Returns whether leakage is part of a design's energy."""
    return setting.choices.overheads is Overheads.LEAKAGE_AND_LAYOUT


def leakage_pj(leakage_uw: FloatArray, latency_ns: FloatArray, schedule: Schedule) -> FloatArray:
    """Leakage energy of the tiles of each layer from one image to the next [pJ], (designs, layers)."""
    return 1e-3 * leakage_uw * interval_ns(latency_ns, schedule)[:, np.newaxis]
