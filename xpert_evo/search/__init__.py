"""The search: NSGA-II with an ask-and-tell interface, first designs, infill, baselines, Pareto tools.

A search keeps a population and proposes genomes (`ask`); the caller scores them and returns minimised objectives and
violations (`tell`). The search does not depend on how a design was scored.
"""

from xpert_evo.search.nsga2 import Nsga2, SearchSettings
from xpert_evo.search.pareto import hypervolume, knee, non_dominated, normalised
from xpert_evo.search.state import SearchState
from xpert_evo.search.variation import Move, VariationSettings

__all__ = [
    "Move",
    "Nsga2",
    "SearchSettings",
    "SearchState",
    "VariationSettings",
    "hypervolume",
    "knee",
    "non_dominated",
    "normalised",
]
