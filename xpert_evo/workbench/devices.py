"""The devices that a network is judged on: those of its chip, unless ideal or other ones are requested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.config.problem import HardwareConfig
from xpert_evo.errors import ConfigError, UsageError
from xpert_evo.orchestration.chips import IDEAL_DEVICES, ChipFiles
from xpert_evo.validation import parse
from xpert_evo.words import age_text
from xpert_evo.workbench.arguments import Spelling, as_argument

Noise = NonIdealities | Mapping[str, object] | None
"""Values that replace those of the chip's devices, by name, such as `{"variation_ratio": 0.05}`; a complete
`NonIdealities` replaces all of them."""

DEFAULT_CHIPS = 5
"""Number of chips drawn by default, if chips differ from each other."""

_TIME = "drift_time_s"
_RELATIVE_WIRES = "wire_resistance_ratio"
"""Earlier name of resistances relative to that of a cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Devices at a time after programming.

    Attributes:
        time_s: Time since programming [s].
        settings: Settings of the devices at that time.
    """

    time_s: float
    settings: NonIdealities


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisyDevices:
    """Devices of drawn chips that a network is judged on, after the ideal ones.

    Attributes:
        moments: The devices at each time at which they are judged; at least one.
        n_draws: Number of chips to draw; 0 to judge ideal devices only.
        norm_images: Number of training images on which each chip calibrates its batch norm; 0 to keep the statistics
            of the training, None for the default of `judge.chip_norm_images`.
        source: Words for the files that describe the devices; empty for devices described by hand.
        ages: Whether the devices change with the time since programming.
        changes: Values that replace those of the files.
        least_accuracy: Accuracy that a chip must reach to count in the yield; None for no yield.
    """

    moments: tuple[Moment, ...]
    n_draws: int
    norm_images: int | None
    source: str = ""
    ages: bool = False
    changes: Mapping[str, object]
    least_accuracy: float | None = None

    @classmethod
    def of(
        cls,
        noise: Noise,
        *,
        n_draws: int | None,
        norm_images: int | None,
        hardware: HardwareConfig | None = None,
        times_s: Sequence[float] = (),
        least_accuracy: float | None = None,
        spelled: Spelling = as_argument,
    ) -> "NoisyDevices":
        """The devices described by the arguments of `judge`.

        Args:
            noise: Values that replace those of the devices, or complete settings.
            n_draws: Number of chips to draw; None for the default.
            norm_images: Number of training images for batch norm; None for the default.
            hardware: Settings that name the device and the technology; None for ideal devices.
            times_s: Times after programming [s]; none for `drift_time_s` of the noise, or 1 s.
            least_accuracy: Accuracy that a chip must reach to count in the yield.
            spelled: Spelling of the arguments in messages.

        Raises:
            ConfigError: A setting is unknown, out of range, or has no effect without another one.
            HardwareModelError: The file of the device or of the technology cannot be read.
            UsageError: A number is out of range, or there is no chip to draw.
        """
        chip = None if hardware is None or isinstance(noise, NonIdealities) else ChipFiles.of(hardware)
        changes = _plain(noise)
        _check_numbers(n_draws, norm_images, least_accuracy, spelled)
        times = tuple(times_s) or (_time_of(changes),)
        if times_s and _TIME in changes:
            raise UsageError(f"{spelled('at')} and {spelled('noise')} {_TIME} both give a time; leave one of them out.")
        moments = tuple(Moment(time_s=t, settings=_settings(chip, changes, t, spelled("noise"))) for t in times)
        _check_effects(moments[0].settings, changes, chip, spelled("noise"))
        if n_draws is None:
            n_draws = DEFAULT_CHIPS if any(moment.settings.is_random for moment in moments) else 1
        found = cls(
            moments=moments,
            n_draws=n_draws,
            norm_images=norm_images,
            source="" if chip is None else chip.words,
            ages=moments[0].settings.ages or (chip is not None and chip.ages),
            changes={name: value for name, value in changes.items() if name != _TIME} if chip is not None else {},
            least_accuracy=least_accuracy,
        )
        asked = "at" if times_s else "least_accuracy"
        if not found.n_noisy and (times_s or least_accuracy is not None):
            raise UsageError(
                f"{spelled(asked)} needs drawn chips, but only ideal devices are judged; leave it out, or draw chips."
            )
        return found

    @property
    def settings(self) -> NonIdealities:
        """Settings of the devices at the first time."""
        return self.moments[0].settings

    @property
    def n_noisy(self) -> int:
        """Number of chips to judge at each time; 0 if all devices are ideal."""
        return self.n_draws if self.settings != NonIdealities() else 0

    @property
    def told(self) -> str:
        """Description of the devices: their files and what differs from these, and the time if it has an effect."""
        if not self.n_noisy:
            return IDEAL_DEVICES
        changed = [f"{name} {value}" for name, value in self.changes.items()]
        words = [self.source, *changed] if self.source else [device_words(self.settings)]
        aged = [f"{age_text(self.moments[0].time_s)} after programming"] if self.ages and self.source else []
        return ", ".join([*words, *aged])


def device_words(devices: NonIdealities) -> str:
    """Description of the settings that differ from ideal devices."""
    off = NonIdealities().model_dump(mode="json")
    # A law with several constants is listed by its name only.
    found = [
        key if isinstance(value, dict) else f"{key} {value}"
        for key, value in devices.model_dump(mode="json").items()
        if value != off[key]
    ]
    return ", ".join(found) or IDEAL_DEVICES


def _plain(noise: Noise) -> dict[str, Any]:
    """The values given, with the text `none` for no value; a complete set of settings without its defaults."""
    if isinstance(noise, NonIdealities):
        return noise.model_dump(mode="json", exclude_defaults=True)
    return {name: None if value == "none" else value for name, value in (noise or {}).items()}


def _time_of(changes: Mapping[str, Any]) -> float:
    """The time since programming among the values given, unless it is no number, which is reported later."""
    time_s = changes.get(_TIME, 1.0)
    return float(time_s) if isinstance(time_s, int | float) and time_s >= 1 else 1.0


def _settings(chip: ChipFiles | None, changes: Mapping[str, Any], time_s: float, where: str) -> NonIdealities:
    """The devices of a chip, or ideal ones, at a time, with the values given."""
    ideal = chip is None
    base = NonIdealities() if chip is None else chip.at(time_s)
    plain = base.model_dump(mode="json", exclude_defaults=True)
    if _RELATIVE_WIRES in changes and not ideal:
        plain = {name: value for name, value in plain.items() if not name.endswith("_ohm")}
    return parse(NonIdealities, {_TIME: time_s, **plain, **changes}, where=where, error=ConfigError)


def _check_effects(settings: NonIdealities, changes: Mapping[str, Any], chip: ChipFiles | None, where: str) -> None:
    """Raises ConfigError if a value given has no effect without another one."""
    for name, companion in settings.idle.items():
        if name in changes and not (name == _TIME and chip is not None and chip.ages):
            raise ConfigError(
                f"{where} {name}={changes[name]} has no effect without {companion}; add it or leave it out."
            )


def _check_numbers(
    n_draws: int | None, norm_images: int | None, least_accuracy: float | None, spelled: Spelling
) -> None:
    """Raises UsageError for numbers out of range."""
    for argument, number in (("noise_draws", n_draws), ("calibrate_norms", norm_images)):
        if number is not None and number < 0:
            raise UsageError(f"{spelled(argument)} must be at least 0, got {number}.")
    if least_accuracy is not None and not 0 < least_accuracy <= 1:
        raise UsageError(f"{spelled('least_accuracy')} must be a fraction from above 0 to 1, got {least_accuracy:g}.")
