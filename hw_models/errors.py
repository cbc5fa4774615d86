"""The error of the hardware model and suggestions for misspelt names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class HardwareModelError(ValueError):
    """An argument, constant or file that the hardware model cannot use."""


def suggestion(name: str, valid: Iterable[str]) -> str:
    """Returns a clause that gives the closest valid name, or lists all of them if none is close."""
    choices = sorted(str(choice) for choice in valid)
    close = closest(name, choices)
    return f"did you mean {close!r}?" if close else f"choose one of {', '.join(choices)}."


def closest(name: str, valid: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Returns the valid name closest to a misspelt one, or None.

    A name with different numbers is never offered: a user who asks for 22 nm, ResNet-18 or layer 14 does not mean 32,
    20 or 13.
    """
    numbers = re.findall(r"\d+", name)
    alike = [choice for choice in valid if not numbers or re.findall(r"\d+", choice) in ([], numbers)]
    return next(iter(difflib.get_close_matches(name, alike, n=1, cutoff=cutoff)), None)
