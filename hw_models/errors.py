"""The error of the hardware model: what was expected, what came, what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class HardwareModelError(ValueError):
    """An argument, a constant or a file that the hardware model cannot work with."""


def suggestion(name: str, valid: Iterable[str]) -> str:
    """Half a sentence that names the closest valid name, or all of them when none is close."""
    choices = sorted(str(choice) for choice in valid)
    close = closest(name, choices)
    return f"did you mean {close!r}?" if close else f"choose one of {', '.join(choices)}."


def closest(name: str, valid: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The valid name that is most like a misspelt one; None where none is.

    A name with other numbers is none: who asks for 22 nm, for ResNet-18 or for layer 14 does not mean 32, 20 or 13.
    """
    numbers = re.findall(r"\d+", name)
    alike = [choice for choice in valid if not numbers or re.findall(r"\d+", choice) in ([], numbers)]
    return next(iter(difflib.get_close_matches(name, alike, n=1, cutoff=cutoff)), None)
