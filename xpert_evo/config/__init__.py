"""Settings: their names, types, defaults and checks.

A TOML file overrides the defaults, and the command line overrides both. The result is validated at once and immutable.
"""

from xpert_evo.config.executor import ExecutorConfig
from xpert_evo.config.method import Baseline, CostRule, DeviceRule, Schedule, SearchMode
from xpert_evo.config.problem import DatasetConfig, GeneChoices, SpacePreset
from xpert_evo.config.reading import load_config, parse_assignments, parse_config, parse_stored, with_stored_model
from xpert_evo.config.run import RunConfig
from xpert_evo.config.writing import settings_toml

__all__ = [
    "Baseline",
    "CostRule",
    "DatasetConfig",
    "DeviceRule",
    "ExecutorConfig",
    "GeneChoices",
    "RunConfig",
    "Schedule",
    "SearchMode",
    "SpacePreset",
    "load_config",
    "parse_assignments",
    "parse_config",
    "parse_stored",
    "settings_toml",
    "with_stored_model",
]
