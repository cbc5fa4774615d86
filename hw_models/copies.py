"""Copies of a layer's weights, in its tiles and in further ones, share the positions of its output map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hw_models.area import Periphery
from hw_models.arrays import FloatArray
from hw_models.distinct import Pairing
from hw_models.mapping import Mapping


def copy_share(m: Mapping, p: Periphery, pairing: Pairing) -> FloatArray | None:
    """Each copy's share of a layer's positions; None if no layer has copies."""
    if not (p.copies > 1).any():
        return None
    most = pairing.by_shape(m.positions / m.working_copies)
    share: FloatArray = 1 / np.maximum(1.0, np.minimum(pairing.by_periphery(p.copies), most))
    return share


def without_copies(m: Mapping, p: Periphery) -> tuple[Mapping, Periphery]:
    """The same layers with one copy at work, which tells how long a single position takes."""
    one = np.ones_like(m.working_copies)
    return replace(m, working_copies=one, pe_speedup=one), replace(p, copies=np.ones_like(p.copies))
