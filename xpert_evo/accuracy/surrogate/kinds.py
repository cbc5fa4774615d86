"""Names of the surrogate's models, apart from the models so that they can be listed without the heavy libraries."""

from enum import StrEnum

from xpert_evo.errors import ConfigError
from xpert_evo.validation import nearest

AUTO = "auto"
"""In place of a name: let them compete."""


class SurrogateKind(StrEnum):
    """The competing models."""

    RIDGE = "ridge"
    GAUSSIAN_PROCESS = "gaussian-process"
    NETWORKS = "networks"


def check_kind(kind: str) -> None:
    """Raises ConfigError where no model is called so."""
    known = [AUTO, *SurrogateKind]
    if kind not in known:
        raise ConfigError(f"search.surrogate: no surrogate is called '{kind}'; {nearest(kind, known)}")
