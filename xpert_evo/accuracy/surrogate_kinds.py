"""Names of the surrogate's models, apart from the models so that they can be listed without the heavy libraries."""

from enum import StrEnum

AUTO = "auto"
"""In place of a name: let them compete."""


class SurrogateKind(StrEnum):
    """The competing models."""

    RIDGE = "ridge"
    GAUSSIAN_PROCESS = "gaussian-process"
    NETWORKS = "networks"
