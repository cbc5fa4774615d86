"""Numbers formatted for display."""

from collections.abc import Iterable


def counted(n: int, noun: str) -> str:
    """`1 constant`, `2 constants`, `1,200 trainings`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def listed(things: Iterable[object]) -> str:
    """`8`, `8 and 16`, `8, 16 and 32`."""
    words = [str(thing) for thing in things]
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def times(ratio: float) -> str:
    """Formats a ratio with three digits and no exponent: `0.986`, `17.4`, `1790`."""
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.3g}"


def lower(ratio: float) -> str:
    """Formats by how much a cost is lower, given the ratio of the other cost to it: `17.4 x lower`, `1.25 x higher`."""
    return f"{times(ratio)} x lower" if ratio >= 1 else f"{times(1 / ratio)} x higher"


def duration(seconds: float) -> str:
    """Formats a duration with about two digits: `75 s`, `12 min`, `3.4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def edap_text(edap: float) -> str:
    """Formats an EDAP [mm2 us uJ] as in all tables of the terminal: `1.23e+05`."""
    return f"{edap:.2e}"
