"""Checks of users' devices: the deviations of cells that can exist, and that the emulation can draw."""

from __future__ import annotations

from dataclasses import dataclass

from hw_models.constants import ConstantFile
from hw_models.errors import HardwareModelError

SIGNED = frozenset(
    {f"programming.c{power}_us" for power in range(5)}
    | {f"drift.{quantity}_{part}" for quantity in ("exponent", "spread") for part in ("at_one", "per_ln")}
)
"""Coefficients of fits, which may be negative; everything else in a device's file may not."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Numbers above `low`, or from it on, up to `high`, or below it."""

    low: float
    high: float
    includes_low: bool = True
    includes_high: bool = True

    def hold(self, value: float) -> bool:
        above = value >= self.low if self.includes_low else value > self.low
        return above and (value <= self.high if self.includes_high else value < self.high)

    def __str__(self) -> str:
        if self.includes_low and self.includes_high:
            return f"between {self.low:g} and {self.high:g}"
        low = f"at least {self.low:g}" if self.includes_low else f"above {self.low:g}"
        return f"{low} and {'at most' if self.includes_high else 'below'} {self.high:g}"


_SHARE = _Bounds(0.0, 1.0)
_BOUNDS = {
    "cell.on_off_ratio": _Bounds(1.0, 1e12, includes_low=False),
    "stuck.on_ratio": _SHARE,
    "stuck.off_ratio": _SHARE,
    "read_noise.ratio": _Bounds(0.0, 10.0),
    "read_noise.power": _Bounds(0.0, 3.0),
    "read_noise.most_ratio": _Bounds(0.0, 10.0),
    "read_noise.read_s": _Bounds(0.0, 0.5, includes_high=False),
    "input_noise.ratio": _SHARE,
    "drift.reference_s": _Bounds(0.0, 1e12, includes_low=False),
}
_ORDERED = (("drift.exponent_least", "drift.exponent_most"), ("drift.spread_least", "drift.spread_most"))


def check_device(file: ConstantFile) -> None:
    """Refuses properties of cells that cannot be.

    Raises:
        HardwareModelError: If a number is out of its range, or two of them contradict each other.
    """
    for key, bounds in _BOUNDS.items():
        value = _number(file, key)
        if value is not None and not bounds.hold(value):
            raise HardwareModelError(f"{file.name}: {key} must be {bounds}, got {value:g}.")
    for low, high in _ORDERED:
        least, most = _number(file, low), _number(file, high)
        if least is not None and most is not None and least > most:
            raise HardwareModelError(f"{file.name}: {low} must be at most {high}, got {least:g} and {most:g}.")
    on, off = _number(file, "stuck.on_ratio"), _number(file, "stuck.off_ratio")
    if on is not None and off is not None and on + off > 1:
        raise HardwareModelError(
            f"{file.name}: stuck.on_ratio and stuck.off_ratio are shares of the same cells and must add up to at most "
            f"1, got {on:g} + {off:g}."
        )


def _number(file: ConstantFile, key: str) -> float | None:
    """A number of a file; None if it is missing, or a list, which is refused later."""
    constant = file.constants.get(key)
    return None if constant is None or isinstance(constant.value, tuple) else constant.value
