"""The error of the hardware model: what was expected, what came, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HardwareModelError(ValueError):
    """An argument, a constant or a file that the hardware model cannot work with."""


def suggestion(name: str, valid: Iterable[str]) -> str:
    """Half a sentence that names the closest valid name, or all of them when none is close."""
    choices = sorted(str(choice) for choice in valid)
    close = difflib.get_close_matches(name, choices, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(choices)}."
