"""Names of the surrogate models, in a separate module so that they can be listed without heavy imports."""

from enum import StrEnum

from xpert_evo.errors import ConfigError
from xpert_evo.validation import nearest

AUTO = "auto"
"""Used instead of a name: let the models compete."""


class SurrogateKind(StrEnum):
    """The competing models."""

    RIDGE = "ridge"
    GAUSSIAN_PROCESS = "gaussian-process"
    NETWORKS = "networks"
    RELEVANCE = "relevance"

    @property
    def reads_layers(self) -> bool:
        """Whether it is given single layers' genes besides the summaries."""
        return self is SurrogateKind.RELEVANCE


def check_kind(kind: str) -> None:
    """Raises ConfigError if no model has this name."""
    known = [AUTO, *SurrogateKind]
    if kind not in known:
        raise ConfigError(f"search.surrogate: unknown surrogate '{kind}'; {nearest(kind, known)}")
