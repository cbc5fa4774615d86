"""Records of a store: frozen values without behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from numpy.typing import NDArray

Arrays: TypeAlias = Mapping[str, NDArray[Any]]


class Topic(StrEnum):
    """Topic of a note; the values are part of the stores of all versions.

    Notes about surrogates, honesty, and baselines have the round's number as their key, those about choices of the
    steady-state schedule the position of the choice, and those about its fits the number of the fit. Those about
    own files have the setting's name. Each of the others is a single note.
    """

    SURROGATE = "surrogate"
    SURROGATE_OF_ROBUSTNESS = "surrogate of robustness"
    HONESTY = "honesty"
    BASELINE_RANDOM = "baseline random"
    BASELINE_RANDOM_HOMOGENEOUS = "baseline random-homogeneous"
    BASELINE_HOMOGENEOUS = "baseline homogeneous"
    BASELINE_GRADIENT_PUBLISHED = "baseline gradient-published"
    BASELINE_GRADIENT_CORRECTED = "baseline gradient-corrected"
    STEADY_CHOICE = "steady-state"
    STEADY_FIT = "steady-state fit"
    HARDWARE_MODEL = "hardware model"
    TWO_PHASE = "two-phase"
    REUSED = "reused"
    STOPPED = "stopped"
    OWN_FILES = "own files"
    NATIVE = "native"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A planned training without a result.

    Attributes:
        batch: Batch of the run that requested it, such as `round-1`.
        position: Position in the batch.
        digest: Id of the design.
        design: Design as JSON.
        context: Digest of everything that determines a label besides the design: protocol, data, crossbars.
        predicted: Accuracy predicted by the surrogate before the training, if any.
        std: Standard deviation of that prediction.
    """

    batch: str
    position: int
    digest: str
    design: str
    context: str
    predicted: float | None = None
    std: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A successful training: its accuracy on validation data and other measurements."""

    digest: str
    context: str
    protocol: str
    seed: int
    accuracy: float
    seconds: float
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed training. It never becomes a label."""

    digest: str
    context: str
    protocol: str
    seed: int
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One generation of a round's search: the state to go on from, and figures about it."""

    round: int
    generation: int
    arrays: Arrays
    summary: Mapping[str, Any]
