"""The best choice of all layers at a price where EDAP is the worst over several cost models.

The largest of several EDAPs does not add up over layers. The best choice under each single model does, with a proof;
no choice has a lower worst case than the best choice under any one of the models has under that model, so the highest
of these values is a lower bound. The candidates are these choices, changed layer by layer until no single change lowers
the worst case. The gap between the best candidate and the bound is reported: it need not close, since one design
can rarely be the best under all models.

Models are taken in turn, those first that are the worst for the design known so far. Where that design is cheaper
under a model than the bound of an earlier one, so is the best design under that model: it raises no bound, and is
looked for with little effort, as a candidate.
"""

import numpy as np

from xpert_evo.design import Design
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.refining.options import Offered
from xpert_evo.search.separable import best_choice, objective_of
from xpert_evo.space import IntArray

_MOST_SWEEPS = 8

_MOST_BOXES, _FEW_BOXES = 8_000, 1_000
"""Boxes after which the search for the best design under one model ends, and for one that raises no bound."""

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
    if len(offered.models) == 1:
        found = best_choice(offered.layers, price, start=known)
        return None if found is None else (offered.design(found.choices), found.gap)
    if known is None or not _keeps_limits(offered, known):
        found = best_choice(offered.layers, price)
        if found is None:
            return None
        known = found.choices
    best = _settled(offered, price, known)
    bound = -np.inf
    for model in np.argsort(-_worth_by_model(offered, price, best), kind="stable").tolist():
        raises = _worth_by_model(offered, price, best)[model] > bound
        found = best_choice(offered.models[model], price, start=best, most_boxes=_MOST_BOXES if raises else _FEW_BOXES)
        assert found is not None, "the best design so far is one"
        bound = max(bound, float(offered.shifts[model]) + found.objective - found.gap)
        if _keeps_limits(offered, found.choices):
            candidates = [best, _settled(offered, price, found.choices)]
            best = min(candidates, key=lambda one: _worth(offered, price, one))
    return offered.design(best), max(0.0, _worth(offered, price, best) - bound)


def _keeps_limits(offered: Offered, choices: IntArray) -> bool:
    return bool(offered.layers.feasible(offered.layers.totals(choices[None]))[0])


def _worth_by_model(offered: Offered, price: float, choices: IntArray) -> FloatArray:
    """log(EDAP) + price x damage of choices (layers,) by each model, the run's own first, (models,)."""
    own = [objective_of(layers.totals(choices[None]), price)[0] for layers in offered.models]
    return np.asarray(offered.shifts + np.array(own))


def _worth(offered: Offered, price: float, choices: IntArray) -> float:
    """The worst case of log(EDAP) + price x damage of choices (layers,)."""
    return float(_worth_by_model(offered, price, choices).max())


def _settled(offered: Offered, price: float, choices: IntArray) -> IntArray:
    """Choices (layers,) within the limits that no change of a single layer betters."""
    choices, worth = choices.copy(), _worth(offered, price, choices)
    for _ in range(_MOST_SWEEPS):
        before = worth
        for layer in range(len(choices)):
            totals, log_edaps = offered.changed(choices, layer)
            worths = np.where(offered.layers.feasible(totals), log_edaps + price * totals[:, 3], np.inf)
            if worths.min() < worth - _LEAST_GAIN:
                choices[layer], worth = np.argmin(worths), float(worths.min())
        if worth == before:
            break
    return choices
