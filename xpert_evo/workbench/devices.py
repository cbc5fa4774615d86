"""Noisy devices that a judgement draws and that a noise-aware training learns to live with."""

from collections.abc import Mapping
from dataclasses import dataclass

from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.errors import ConfigError, UsageError
from xpert_evo.validation import parse
from xpert_evo.workbench.arguments import Spelling, as_argument

Noise = NonIdealities | Mapping[str, object] | None
"""Settings of noisy devices, or some of them by name such as `{"variation_ratio": 0.05}`; None for ideal ones."""

DEFAULT_NOISE = NonIdealities(variation_ratio=0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisyDevices:
    """What a second judgement is on.

    Attributes:
        settings: Of the devices.
        n_draws: Devices drawn; none is judged for 0.
        norm_images: Training images that each draw's batch norm is calibrated on; 0 for the training's statistics.
    """

    settings: NonIdealities
    n_draws: int
    norm_images: int

    @classmethod
    def of(cls, noise: Noise, *, n_draws: int, norm_images: int, spelled: Spelling = as_argument) -> "NoisyDevices":
        """The devices that the arguments `noise`, `noise_draws` and `calibrate_norms` ask for.

        Raises:
            ConfigError: A setting is unknown, out of range, or has no effect without another one.
            UsageError: A number is negative, or batch norm is to be calibrated on chips that are not drawn.
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
                f"{spelled('calibrate_norms')} calibrates drawn chips, and none is drawn; give {name} and "
                f"{spelled('noise_draws')} of at least 1, or leave it out."
            )
        return cls(settings=settings, n_draws=n_draws, norm_images=norm_images)

    @property
    def n_noisy(self) -> int:
        """Judgements of noisy devices; 0 where they are ideal."""
        return self.n_draws if self.settings != NonIdealities() else 0

    @property
    def told(self) -> str:
        """The settings that differ from ideal devices, and the calibration."""
        calibrated = f", batch norm calibrated on {self.norm_images:,} training images" if self.norm_images else ""
        return device_words(self.settings) + calibrated


def device_words(devices: NonIdealities) -> str:
    """The settings that differ from ideal devices, in words."""
    off = NonIdealities().model_dump(mode="json")
    # A law of several constants is named alone.
    found = [
        key if isinstance(value, dict) else f"{key} {value}"
        for key, value in devices.model_dump(mode="json").items()
        if value != off[key]
    ]
    return ", ".join(found) or "ideal devices"
