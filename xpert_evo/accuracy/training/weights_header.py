"""The header of a file of trained weights: design, settings of the training and validation accuracy.

`train`, `pack` and `export` write it as JSON into the metadata of a safetensors file. Files of earlier versions lack
some entries, which are read as None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hw_models import CrossbarSpec, HardwareModelError
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.training.protocols import PROTOCOLS, TrainingProtocol
from xpert_evo.backbone_file import BackboneDescription, parse_description
from xpert_evo.design import Design, parse_design
from xpert_evo.errors import ConfigError, DesignError, TrainingError
from xpert_evo.image_sources import IMAGE_SIZE, ImageSize, stored_size
from xpert_evo.validation import parse

VALIDATION_ACCURACY = "validation_accuracy"
"""Name of the final validation accuracy in files of weights and results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkReference:
    """A trained network that a training continued from or was taught by.

    Attributes:
        design: Id of its design.
        protocol: Name of its training protocol.
        weights_sha256: First sixteen hexadecimal digits of the SHA-256 of its file.
        float_accuracy: Fraction of validation images that imported weights classify correctly without quantisation;
            None for weights that were not imported.
        quantised_accuracy: The same with the design's quantisers and perfect ADCs, before any training.
    """

    design: str
    protocol: str
    weights_sha256: str
    float_accuracy: float | None = None
    quantised_accuracy: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsHeader:
    """Header of a file of trained weights.

    Attributes:
        design: The trained design.
        protocol: Training protocol.
        seed: Random seed of the training; None if the file does not specify it.
        dataset: Digest of the data set; None if the file does not specify it.
        crossbar: Crossbar that the weights were trained for; None if the file does not specify it.
        validation_accuracy: Fraction of validation images classified correctly with ideal devices at the end of the
            training; None if the file does not specify it.
        started_from: Trained network that the training continued from; None for random weights.
        teachers: Trained networks whose class probabilities were learned.
        noise_aware: Cells drawn anew in every step; None for ideal cells.
        backbone: Custom backbone; None for a built-in one.
        image_channels: Channels of the images, for networks whose first weights do not tell; None for chains.
        image_size: Height and width of the images of the data set [pixels].
    """

    design: Design
    protocol: TrainingProtocol
    seed: int | None = None
    dataset: str | None = None
    crossbar: CrossbarSpec | None = None
    validation_accuracy: float | None = None
    started_from: NetworkReference | None = None
    teachers: tuple[NetworkReference, ...] = ()
    noise_aware: NonIdealities | None = None
    backbone: BackboneDescription | None = None
    image_channels: int | None = None
    image_size: ImageSize = IMAGE_SIZE

    @property
    def is_proxy(self) -> bool:
        """Whether the network is narrower than the design."""
        return self.protocol.width_divisor > 1

    @property
    def trained_size(self) -> ImageSize:
        """Size that images were downsampled to in training."""
        return self.protocol.size_for(self.image_size)

    @property
    def lacks_start(self) -> bool:
        """Whether the protocol needs trained weights but had none, which earlier versions allowed."""
        known = PROTOCOLS.get(self.protocol.name)
        return known is not None and known.needs_weights and self.started_from is None

    def to_plain(self) -> dict[str, Any]:
        """Returns dictionaries, lists, strings, numbers and Booleans, as in the file; omits entries that are None."""
        plain = {
            "design": self.design.to_plain(),
            "protocol": self.protocol.model_dump(mode="json"),
            "is_proxy": self.is_proxy,
            "seed": self.seed,
            "dataset": self.dataset,
            VALIDATION_ACCURACY: self.validation_accuracy,
            "crossbar": None if self.crossbar is None else asdict(self.crossbar),
            "started_from": None if self.started_from is None else _known(asdict(self.started_from)),
            "teachers": [_known(asdict(one)) for one in self.teachers] or None,
            "noise_aware": None if self.noise_aware is None else self.noise_aware.model_dump(mode="json"),
            "backbone": None if self.backbone is None else self.backbone.to_plain(),
            "image_channels": self.image_channels,
            "image_size": None if self.image_size == IMAGE_SIZE else list(self.image_size),
        }
        return {name: value for name, value in plain.items() if value is not None}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], *, where: str) -> "WeightsHeader":
        """Reads the output of `to_plain` of this version or an earlier one.

        Args:
            plain: Entries by name; unknown ones are ignored.
            where: File name for error messages.

        Raises:
            TrainingError: No trained design is described, or an entry is damaged.
        """
        if not {"design", "protocol"} <= set(plain):
            raise TrainingError(f"{where} contains no trained design; give a weights.safetensors of `xpert-evo train`.")
        own = plain.get("backbone")
        try:
            return cls(
                design=parse_design(plain["design"], where=where),
                protocol=parse(TrainingProtocol, plain["protocol"], where=where, error=TrainingError),
                seed=plain.get("seed"),
                dataset=plain.get("dataset"),
                crossbar=read_crossbar(plain.get("crossbar"), where=where),
                validation_accuracy=read_accuracy(plain.get(VALIDATION_ACCURACY), where=where),
                started_from=read_reference(plain.get("started_from"), "started_from", where=where),
                teachers=_read_teachers(plain.get("teachers"), where=where),
                noise_aware=read_devices(plain.get("noise_aware"), where=where),
                backbone=None if own is None else parse_description(own, where=f"{where}, backbone"),
                image_channels=plain.get("image_channels"),
                image_size=stored_size(plain),
            )
        except (DesignError, ConfigError) as failure:
            raise TrainingError(str(failure)) from None


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves out entries that are None."""
    return {name: value for name, value in values.items() if value is not None}


def read_crossbar(plain: Mapping[str, Any] | None, *, where: str) -> CrossbarSpec | None:
    """Reads a crossbar from its settings in a file; None if there are none; raises TrainingError."""
    if plain is None:
        return None
    try:
        return CrossbarSpec(**plain)
    except (TypeError, HardwareModelError) as failure:
        raise TrainingError(f"{where}: its crossbar cannot be read ({failure}).") from None


def read_accuracy(plain: object, *, where: str) -> float | None:
    """Reads an accuracy from a file; None if there is none; raises TrainingError unless it is a fraction."""
    if plain is None:
        return None
    if not isinstance(plain, int | float) or not 0 <= plain <= 1:
        raise TrainingError(f"{where}: {VALIDATION_ACCURACY} must be a fraction from 0 to 1, got {plain!r}.")
    return float(plain)


def read_reference(plain: Mapping[str, Any] | None, name: str, *, where: str) -> NetworkReference | None:
    """Reads the entry `name`, which describes a trained network; None if there is none; raises TrainingError."""
    if plain is None:
        return None
    try:
        return NetworkReference(**plain)
    except TypeError as failure:
        raise TrainingError(f"{where}: {name} cannot be read ({failure}).") from None


def _read_teachers(plain: Sequence[Mapping[str, Any]] | None, *, where: str) -> tuple[NetworkReference, ...]:
    found = [read_reference(one, "teachers", where=where) for one in plain or ()]
    return tuple(one for one in found if one is not None)


def read_devices(plain: Mapping[str, Any] | None, *, where: str) -> NonIdealities | None:
    """Reads settings of devices from a file; None if there are none; raises TrainingError."""
    if plain is None:
        return None
    return parse(NonIdealities, plain, where=where, error=TrainingError)
