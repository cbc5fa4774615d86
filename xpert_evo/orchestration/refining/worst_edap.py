"""The best choice of all layers at a price where EDAP is the worst over several cost models.

The largest of several EDAPs does not add up over layers. The best choice under each single model does, with a proof;
no choice has a lower worst case than the best choice under any one of the models has under that model, so the highest
of these values is a lower bound. The candidates are these choices, changed layer by layer until no single change lowers
the worst case. The gap between the best candidate and the bound is reported: it need not close, since one design
can rarely be the best under all models.
"""

import numpy as np

from xpert_evo.design import Design
from xpert_evo.orchestration.refining.options import Offered
from xpert_evo.search.separable import FloatArray, IntArray, best_choice

_MOST_SWEEPS = 8

_LEAST_GAIN = 1e-6
"""By how much log(EDAP) + price x damage must fall for a change of a layer."""


def best_offered(offered: Offered, price: float, start: Design) -> tuple[Design, float] | None:
    """The best design found, and by how much another one could be better at most; None if none keeps the limits.

    Args:
        offered: Choices of all layers.
        price: Price of a nat of damage.
        start: A known design.
    """
    known = offered.choices(start)
    found = best_choice(offered.layers, price, start=known)
    if found is None:
        return None
    if not offered.others:
        return offered.design(found.choices), found.gap
    bound, candidates = found.objective - found.gap, [found.choices, *([] if known is None else [known])]
    for layers, factor in zip(offered.others, offered.factors, strict=True):
        if (other := best_choice(layers, price, start=known)) is not None:
            bound = max(bound, float(np.log(factor)) + other.objective - other.gap)
            candidates.append(other.choices)
    kept = [choices for choices in candidates if offered.layers.feasible(offered.layers.totals(choices[None]))[0]]
    settled = [_settled(offered, price, choices) for choices in kept]
    worths = [float(_worths(offered, price, choices[None])[0]) for choices in settled]
    best = int(np.argmin(worths))
    return offered.design(settled[best]), max(0.0, worths[best] - bound)


def _worths(offered: Offered, price: float, choices: IntArray) -> FloatArray:
    """The worst case of log(EDAP) + price x damage, (designs,), infinite beyond the limits."""
    totals = offered.layers.totals(choices)
    worths = offered.log_edaps(choices) + price * totals[:, 3]
    return np.where(offered.layers.feasible(totals), worths, np.inf)


def _settled(offered: Offered, price: float, choices: IntArray) -> IntArray:
    """Choices (layers,) that no change of a single layer betters."""
    choices = choices.copy()
    worth = float(_worths(offered, price, choices[None])[0])
    for _ in range(_MOST_SWEEPS):
        before = worth
        for layer, rows in enumerate(offered.kept):
            changed = np.repeat(choices[None], len(rows), axis=0)
            changed[:, layer] = np.arange(len(rows))
            worths = _worths(offered, price, changed)
            if worths.min() < worth - _LEAST_GAIN:
                choices, worth = changed[int(np.argmin(worths))], float(worths.min())
        if worth == before:
            break
    return choices
