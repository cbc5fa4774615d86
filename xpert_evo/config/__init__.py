"""Settings: the one place where defaults live, and the list of valid names.

Defaults are overridden by a TOML file, that by the command line; the result is checked at once and never changes.
"""

from xpert_evo.config.method import Baseline, CostRule, ExecutorConfig, Schedule, SearchMode
from xpert_evo.config.problem import DatasetConfig, GeneChoices
from xpert_evo.config.reading import load_config, parse_assignments, parse_config, parse_stored, with_stored_model
from xpert_evo.config.run import RunConfig
from xpert_evo.config.writing import settings_toml

__all__ = [
    "Baseline",
    "CostRule",
    "DatasetConfig",
    "ExecutorConfig",
    "GeneChoices",
    "RunConfig",
    "Schedule",
    "SearchMode",
    "load_config",
    "parse_assignments",
    "parse_config",
    "parse_stored",
    "settings_toml",
    "with_stored_model",
]
