"""The chips that a refinement judges networks on, and the accuracy that it compares them by."""

from collections.abc import Sequence
from dataclasses import dataclass

from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.config import RunConfig
from xpert_evo.config.method import SearchConfig
from xpert_evo.orchestration.chip_noise import robustness_over, rule_words
from xpert_evo.orchestration.chips import IDEAL_DEVICES, ChipFiles, chip_words
from xpert_evo.words import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A chip as a job draws it.

    Attributes:
        devices: Its cells, wires and converters.
        number: Its number, from 0.
        norm_images: Number of training images on which it calibrates its batch norm; 0 for none.
        seed: Random seed of all chips; the same as `--seed` of `xpert-evo judge`.
    """

    devices: NonIdealities
    number: int
    norm_images: int
    seed: int

    @property
    def identity(self) -> str:
        """Text that identifies the chip among all others."""
        return f"{self.devices.identity} number={self.number} norm_images={self.norm_images} seed={self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnChips:
    """The chips of a refinement; the same ones judge every network.

    Attributes:
        chips: The chips; none for ideal devices.
        rule: Settings of what their accuracies amount to.
        words: Their devices in words.
    """

    chips: tuple[Chip, ...]
    rule: SearchConfig
    words: str

    @classmethod
    def of(cls, config: RunConfig, n_chips: int, seed: int) -> "DrawnChips":
        """The chips of the settings; one is enough if all are alike; raises HardwareModelError.

        Args:
            config: Settings that name the device, the technology, the time after programming and the calibration.
            n_chips: Number of chips; 0 for ideal devices.
            seed: Random seed of the chips.
        """
        if not n_chips:
            return cls(chips=(), rule=config.search, words=IDEAL_DEVICES)
        training = config.training
        devices = ChipFiles.of(config.hardware).at(training.chip_time_s)
        chips = [
            Chip(devices=devices, number=number, norm_images=training.norm_images, seed=seed)
            for number in range(n_chips if devices.is_random else 1)
        ]
        calibrated = training.norm_images
        norms = f", batch norm calibrated on {calibrated:,} training images each" if calibrated else ""
        told = counted(len(chips), "drawn chip") if devices.is_random else "1 chip, all being alike"
        rule = f"{rule_words(config.search)} accuracy; " if len(chips) > 1 else ""
        words = f"{told} ({rule}{chip_words(config)}{norms})"
        return cls(chips=tuple(chips), rule=config.search, words=words)

    @property
    def devices(self) -> NonIdealities | None:
        """Devices of the chips; None for ideal ones."""
        return self.chips[0].devices if self.chips else None

    def accuracy(self, each: Sequence[float]) -> float:
        """What the accuracies of the chips amount to; that of ideal devices as it is."""
        return robustness_over(each, self.rule) if self.chips else each[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """The accuracy of a network on some images.

    Attributes:
        value: Fraction of images by which networks are compared.
        n_images: Number of images.
        on_chips: Accuracy of each chip; empty for ideal devices.
    """

    value: float
    n_images: int
    on_chips: tuple[float, ...] = ()

    @classmethod
    def joined(cls, parts: Sequence["Accuracy"], chips: DrawnChips) -> "Accuracy":
        """The accuracy on the images of several parts together."""
        n_images = sum(part.n_images for part in parts)
        of_chips = zip(*(part.on_chips or (part.value,) for part in parts), strict=True)
        each = [sum(a * part.n_images for a, part in zip(own, parts, strict=True)) / n_images for own in of_chips]
        return cls(value=chips.accuracy(each), n_images=n_images, on_chips=tuple(each) if chips.chips else ())
