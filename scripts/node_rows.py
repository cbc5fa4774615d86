"""Rows of DNN+NeuroSim V1.3 with what hw_models counts in them, and helpers that the fits of nodes share."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import numpy.typing as npt
from reference import Rows

from hw_models import CrossbarSpec, LayerShapes
from hw_models.mapping import map_layers

Array = npt.NDArray[np.float64]
Value = float | list[float]
SIDE = 64
"""Rows and columns of the crossbars of all rows; weights have two cells."""
SHARINGS = (2, 4, 8, 16, 32)


def solve(columns: list[Array], target: Array) -> list[float]:
    """Least squares of relative errors."""
    weighted = np.stack([np.broadcast_to(column, target.shape) for column in columns], axis=1) / target[:, np.newaxis]
    return [float(x) for x in np.linalg.lstsq(weighted, np.ones(len(target)), rcond=None)[0]]


def median(values: Array) -> float:
    """Median as a number."""
    return float(np.median(values))


def with_counts(rows: Rows) -> Rows:
    """The rows with what the mapping counts (`m_*`), positions `V`, ADCs `n` and the widths of sums `S` and `T`."""
    whole = {name: rows[name].astype(np.int64)[:, np.newaxis] for name in ("F", "Cin", "k", "Cout")}
    m = map_layers(
        LayerShapes(
            output_size=whole["F"], in_channels=whole["Cin"], kernel_size=whole["k"], out_channels=whole["Cout"]
        ),
        CrossbarSpec(),
        0.25,
    )
    sums = rows["AP"] + rows["IP"] + 3
    counts = {f"m_{field.name}": getattr(m, field.name)[:, 0].astype(np.float64) for field in fields(m)}
    return rows | counts | {"V": rows["F"] ** 2, "n": SIDE / rows["CS"], "S": sums, "T": sums + 2}


def pe_side_um(rows: Rows) -> Array:
    """Side of a PE [um]."""
    side: Array = np.sqrt(
        16 * rows["sa_area_um2"] + sum(rows[f"pe_{part}_um2"] for part in ("addertree", "inbuf", "outbuf"))
    )
    return side


def by_sharing(rows: Rows, values: Array) -> list[float]:
    """Median for each column sharing of the data."""
    return [median(values[rows["CS"] == sharing]) for sharing in SHARINGS]
