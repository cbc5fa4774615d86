"""The devices that a network is judged on: those of its chip, unless ideal or other ones are requested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.config.problem import HardwareConfig
from xpert_evo.errors import ConfigError, UsageError
from xpert_evo.orchestration.chips import IDEAL_DEVICES, ChipFiles
from xpert_evo.validation import parse
from xpert_evo.words import age_text
from xpert_evo.workbench.arguments import Spelling, as_argument
from xpert_evo.workbench.likeness import Asked, Likeness, check_drawn, remark_on

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
        remark: Sentences for arguments that have no effect on these devices; empty if there are none.
        source: Words for the files that describe the devices; empty for devices described by hand.
        ages: Whether the devices change with the time since programming.
        changes: Values that replace those of the files.
        least_accuracy: Accuracy that a chip must reach to count in the yield; None for no yield.
    """

    moments: tuple[Moment, ...]
    n_draws: int
    norm_images: int | None
    remark: str = ""
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
        time_s: float = 1.0,
        times_s: Sequence[float] = (),
        least_accuracy: float | None = None,
        spelled: Spelling = as_argument,
    ) -> "NoisyDevices":
        """The devices described by the arguments of `judge`.

        Chips that are all alike are represented by one, without a yield; times that all give the same, by the first.

        Args:
            noise: Values that replace those of the devices, or complete settings.
            n_draws: Number of chips to draw; None for the default.
            norm_images: Number of training images for batch norm; None for the default.
            hardware: Settings that name the device and the technology; None for ideal devices.
            time_s: Time after programming unless `times_s` or the noise gives one [s].
            times_s: Times after programming [s]; none for `drift_time_s` of the noise, or `time_s`.
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
        times = tuple(times_s) or (_time_of(changes, time_s),)
        if times_s and _TIME in changes:
            raise UsageError(f"{spelled('at')} and {spelled('noise')} {_TIME} both give a time; leave one of them out.")
        moments = tuple(Moment(time_s=t, settings=_settings(chip, changes, t, spelled("noise"))) for t in times)
        _check_effects(max(moments, key=lambda moment: moment.time_s).settings, changes, chip, spelled("noise"))
        ages = moments[0].settings.ages or (chip is not None and chip.ages)
        is_random = any(moment.settings.is_random for moment in moments)
        found = cls(
            moments=moments if ages else moments[:1],
            n_draws=_chips(n_draws, are_alike=not is_random),
            norm_images=norm_images,
            source="" if chip is None else chip.words,
            ages=ages,
            changes={name: value for name, value in changes.items() if name != _TIME} if chip is not None else {},
            least_accuracy=least_accuracy if is_random else None,
        )
        asked = Asked(chips=n_draws, times=bool(times_s), least_accuracy=least_accuracy is not None)
        name = "The given noise" if chip is None else f"Device {chip.device.name}"
        kind = Likeness(name=name, is_ideal=found.is_ideal, is_random=is_random, ages=ages)
        check_drawn(asked, kind, spelled)
        return replace(found, remark=remark_on(asked, kind, spelled))

    @property
    def settings(self) -> NonIdealities:
        """Settings of the devices at the first time."""
        return self.moments[0].settings

    @property
    def n_noisy(self) -> int:
        """Number of chips to judge at each time; 0 if all devices are ideal."""
        return 0 if self.is_ideal else self.n_draws

    @property
    def is_ideal(self) -> bool:
        """Whether the devices are ideal, whatever the time."""
        return all(moment.settings.model_copy(update={_TIME: 1.0}) == NonIdealities() for moment in self.moments)

    @property
    def told(self) -> str:
        """Description of the devices: their files and what differs from these, and the time if it has an effect."""
        return self.drawn if self.n_noisy else IDEAL_DEVICES

    @property
    def drawn(self) -> str:
        """The same for devices that are drawn in a training, even if none are judged."""
        if self.is_ideal:
            return IDEAL_DEVICES
        changed = [f"{name} {value}" for name, value in self.changes.items()]
        words = [self.source, *changed] if self.source else [device_words(self.settings)]
        aged = [f"{age_text(self.moments[0].time_s)} after programming"] if self.ages and self.source else []
        return ", ".join([*words, *aged])


def device_words(devices: NonIdealities) -> str:
    """Description of the settings that differ from ideal devices; the time only if it has an effect."""
    off = NonIdealities().model_dump(mode="json")
    # A law with several constants is listed by its name only.
    found = [
        key if isinstance(value, dict) else f"{key} {value}"
        for key, value in devices.model_dump(mode="json").items()
        if value != off[key] and key != _TIME
    ]
    aged = [f"{age_text(devices.drift_time_s)} after programming"] if devices.ages and devices.drift_time_s > 1 else []
    return ", ".join([*found, *aged]) or IDEAL_DEVICES


def _plain(noise: Noise) -> dict[str, Any]:
    """The values given, with the text `none` for no value; a complete set of settings without its defaults."""
    if isinstance(noise, NonIdealities):
        return noise.model_dump(mode="json", exclude_defaults=True)
    return {name: None if value == "none" else value for name, value in (noise or {}).items()}


def _time_of(changes: Mapping[str, Any], default_s: float) -> float:
    """The time since programming among the values given, unless it is no number, which is reported later."""
    time_s = changes.get(_TIME, default_s)
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


def _chips(asked: int | None, *, are_alike: bool) -> int:
    """How many chips to draw: as many as asked for, but one says all where chips are alike."""
    n_chips = DEFAULT_CHIPS if asked is None else asked
    return min(1, n_chips) if are_alike else n_chips
