"""The header of a file of trained weights: what was trained, how, and how well it did on validation images.

`train`, `pack` and `export` write it as JSON among the metadata of a safetensors file. Files of earlier versions lack
some of the entries; they are read all the same, and what they do not say is None.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hw_models import CrossbarSpec, HardwareModelError
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.training.protocols import PROTOCOLS, TrainingProtocol
from xpert_evo.backbone_file import BackboneDescription, parse_description
from xpert_evo.design import Design, parse_design
from xpert_evo.errors import ConfigError, DesignError, TrainingError
from xpert_evo.validation import parse

VALIDATION_ACCURACY = "validation_accuracy"
"""What files of weights and of results call the accuracy on validation images that a training ended with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedFrom:
    """The trained network that a training went on from.

    Attributes:
        design: Id of its design.
        protocol: Name of the protocol that it was trained with.
        weights_sha256: First sixteen hexadecimal digits of the SHA-256 of its file.
    """

    design: str
    protocol: str
    weights_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsHeader:
    """What a file of trained weights says of them.

    Attributes:
        design: The trained design.
        protocol: How it was trained.
        seed: Seed of the training; None where the file does not say.
        dataset: Digest of the data set; None where the file does not say.
        crossbar: The arrays that the weights were trained for; None where the file does not say.
        validation_accuracy: Fraction of the validation images classified correctly on ideal devices when the training
            ended; None where the file does not say.
        started_from: The trained network that the training went on from; None for random weights.
        noise_aware: The cells that were drawn anew in every step; None for ideal ones.
        backbone: The user's own backbone; None for a built-in one.
    """

    design: Design
    protocol: TrainingProtocol
    seed: int | None = None
    dataset: str | None = None
    crossbar: CrossbarSpec | None = None
    validation_accuracy: float | None = None
    started_from: StartedFrom | None = None
    noise_aware: NonIdealities | None = None
    backbone: BackboneDescription | None = None

    @property
    def is_proxy(self) -> bool:
        """Whether the network is narrower than the design."""
        return self.protocol.width_divisor > 1

    @property
    def lacks_start(self) -> bool:
        """Whether the protocol goes on from trained weights and there were none, as earlier versions allowed."""
        known = PROTOCOLS.get(self.protocol.name)
        return known is not None and known.needs_weights and self.started_from is None

    def to_plain(self) -> dict[str, Any]:
        """Dictionaries, lists, strings, numbers and Booleans, as in the file; what is None is left out."""
        plain = {
            "design": self.design.to_plain(),
            "protocol": self.protocol.model_dump(mode="json"),
            "is_proxy": self.is_proxy,
            "seed": self.seed,
            "dataset": self.dataset,
            VALIDATION_ACCURACY: self.validation_accuracy,
            "crossbar": None if self.crossbar is None else asdict(self.crossbar),
            "started_from": None if self.started_from is None else asdict(self.started_from),
            "noise_aware": None if self.noise_aware is None else self.noise_aware.model_dump(mode="json"),
            "backbone": None if self.backbone is None else self.backbone.model_dump(mode="json"),
        }
        return {name: value for name, value in plain.items() if value is not None}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], *, where: str) -> "WeightsHeader":
        """The header that `to_plain` of this or an earlier version gave.

        Args:
            plain: Its entries by name; unknown ones are ignored.
            where: The file, for messages.

        Raises:
            TrainingError: No trained design is described, or an entry is damaged.
        """
        if not {"design", "protocol"} <= set(plain):
            raise TrainingError(f"{where} holds no trained design; give a weights.safetensors of `xpert-evo train`.")
        own = plain.get("backbone")
        try:
            return cls(
                design=parse_design(plain["design"], where=where),
                protocol=parse(TrainingProtocol, plain["protocol"], where=where, error=TrainingError),
                seed=plain.get("seed"),
                dataset=plain.get("dataset"),
                crossbar=read_crossbar(plain.get("crossbar"), where=where),
                validation_accuracy=read_accuracy(plain.get(VALIDATION_ACCURACY), where=where),
                started_from=read_started_from(plain.get("started_from"), where=where),
                noise_aware=read_devices(plain.get("noise_aware"), where=where),
                backbone=None if own is None else parse_description(own, where=f"{where}, backbone"),
            )
        except (DesignError, ConfigError) as failure:
            raise TrainingError(str(failure)) from None


def read_crossbar(plain: Mapping[str, Any] | None, *, where: str) -> CrossbarSpec | None:
    """The crossbar in a file by its settings; None where there are none; raises TrainingError."""
    if plain is None:
        return None
    try:
        return CrossbarSpec(**plain)
    except (TypeError, HardwareModelError) as failure:
        raise TrainingError(f"{where}: its crossbar cannot be read ({failure}).") from None


def read_accuracy(plain: object, *, where: str) -> float | None:
    """An accuracy in a file; None where there is none; raises TrainingError unless it is a fraction."""
    if plain is None:
        return None
    if not isinstance(plain, int | float) or not 0 <= plain <= 1:
        raise TrainingError(f"{where}: {VALIDATION_ACCURACY} must be a fraction from 0 to 1, got {plain!r}.")
    return float(plain)


def read_started_from(plain: Mapping[str, Any] | None, *, where: str) -> StartedFrom | None:
    """What a training in a file went on from; None for random weights; raises TrainingError."""
    if plain is None:
        return None
    try:
        return StartedFrom(**plain)
    except TypeError as failure:
        raise TrainingError(f"{where}: started_from cannot be read ({failure}).") from None


def read_devices(plain: Mapping[str, Any] | None, *, where: str) -> NonIdealities | None:
    """Settings of devices in a file; None where there are none; raises TrainingError."""
    if plain is None:
        return None
    return parse(NonIdealities, plain, where=where, error=TrainingError)
