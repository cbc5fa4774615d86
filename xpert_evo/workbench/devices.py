"""Noisy devices for judgements and noise-aware trainings."""

from collections.abc import Mapping
from dataclasses import dataclass

from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.errors import ConfigError, UsageError
from xpert_evo.validation import parse
from xpert_evo.workbench.arguments import Spelling, as_argument

Noise = NonIdealities | Mapping[str, object] | None
"""Settings of noisy devices, or some of them by name, such as `{"variation_ratio": 0.05}`; None for ideal devices."""

DEFAULT_NOISE = NonIdealities(variation_ratio=0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisyDevices:
    """Noisy devices that a network is judged on after the ideal ones.

    Attributes:
        settings: Settings of the devices.
        n_draws: Number of device draws; 0 to judge no noisy devices.
        norm_images: Number of training images on which each draw recalibrates its batch norm; 0 to keep the statistics
            of the training.
    """

    settings: NonIdealities
    n_draws: int
    norm_images: int

    @classmethod
    def of(cls, noise: Noise, *, n_draws: int, norm_images: int, spelled: Spelling = as_argument) -> "NoisyDevices":
        """The devices described by the arguments `noise`, `noise_draws` and `calibrate_norms`.

        Raises:
            ConfigError: A setting is unknown, out of range, or has no effect without another one.
            UsageError: A number is negative, or batch norm is to be calibrated without drawn chips.
        """
        name = spelled("noise")
        if isinstance(noise, NonIdealities):
            settings = noise
        else:
            settings = parse(NonIdealities, noise or {}, where=name, error=ConfigError)
        if settings.idle:
            idle, companion = next(iter(settings.idle.items()))
            raise ConfigError(
                f"{name} {idle}={getattr(settings, idle)} has no effect without {companion}; add it or leave it out."
            )
        for argument, number in (("noise_draws", n_draws), ("calibrate_norms", norm_images)):
            if number < 0:
                raise UsageError(f"{spelled(argument)} must be at least 0, got {number}.")
        if norm_images and (not n_draws or settings == NonIdealities()):
            raise UsageError(
                f"{spelled('calibrate_norms')} calibrates drawn chips, but none is drawn; give {name} and "
                f"{spelled('noise_draws')} of at least 1, or leave it out."
            )
        return cls(settings=settings, n_draws=n_draws, norm_images=norm_images)

    @property
    def n_noisy(self) -> int:
        """Number of judgements of noisy devices; 0 if the devices are ideal."""
        return self.n_draws if self.settings != NonIdealities() else 0

    @property
    def told(self) -> str:
        """Description of the settings that differ from ideal devices, and of the calibration."""
        calibrated = f", batch norm calibrated on {self.norm_images:,} training images" if self.norm_images else ""
        return device_words(self.settings) + calibrated


def device_words(devices: NonIdealities) -> str:
    """Description of the settings that differ from ideal devices."""
    off = NonIdealities().model_dump(mode="json")
    # A law with several constants is listed by its name only.
    found = [
        key if isinstance(value, dict) else f"{key} {value}"
        for key, value in devices.model_dump(mode="json").items()
        if value != off[key]
    ]
    return ", ".join(found) or "ideal devices"
