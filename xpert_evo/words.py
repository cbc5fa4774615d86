"""Numbers formatted for display."""

from collections.abc import Iterable, Sequence


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


def times_by_models(ratios: Sequence[float]) -> str:
    """A ratio under several cost models, the run's own first: `46.7 x (20 to 323 x)`."""
    own = f"{times(ratios[0])} x"
    return own if len(ratios) == 1 else f"{own} ({times(min(ratios))} to {times(max(ratios))} x)"


def lower_by_models(ratios: Sequence[float]) -> str:
    """`lower` under several cost models, the run's own first: `46.7 x lower (20 to 323 x over 5 cost models)`."""
    least, most, n = min(ratios), max(ratios), counted(len(ratios), "cost model")
    if len(ratios) == 1:
        return f"{lower(ratios[0])} (under {n})"
    if least < 1 <= most:
        return f"{lower(ratios[0])} (from {lower(least)} to {lower(most)} over {n})"
    ends = (least, most) if least >= 1 else (1 / most, 1 / least)
    return f"{lower(ratios[0])} ({times(ends[0])} to {times(ends[1])} x over {n})"


def duration(seconds: float) -> str:
    """Formats a duration with about two digits: `75 s`, `12 min`, `3.4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def file_size(n_bytes: int) -> str:
    """Formats the size of a file: `0.8 KiB`, `12.3 MiB`."""
    return f"{n_bytes / 2**20:.1f} MiB" if n_bytes >= 2**20 else f"{n_bytes / 2**10:.1f} KiB"


def edap_text(edap: float) -> str:
    """Formats an EDAP [mm2 us uJ] as in all tables of the terminal: `1.23e+05`."""
    return f"{edap:.2e}"


TIME_UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "y": 365.25 * 86_400}
"""Units of times after programming [s]."""


def age_text(seconds: float) -> str:
    """Formats a time after programming in the largest unit that it contains: `1 s`, `90 min`, `1 d`."""
    unit = next(
        (u for u in reversed(TIME_UNITS_S) if seconds >= TIME_UNITS_S[u] and seconds % TIME_UNITS_S[u] == 0), None
    )
    if unit is None:
        unit = max((u for u in TIME_UNITS_S if seconds >= TIME_UNITS_S[u]), key=TIME_UNITS_S.__getitem__, default="s")
    return f"{seconds / TIME_UNITS_S[unit]:.4g} {unit}"


def age_s(text: str) -> float:
    """Reads a time after programming [s], such as `1s`, `90 min`, `1h`, `1d` or `10y`; raises ValueError."""
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz").strip()
    unit = text.strip().removeprefix(number).strip() or "s"
    if unit not in TIME_UNITS_S:
        raise ValueError(f"'{text}' is not a time; give a number with one of the units {listed(TIME_UNITS_S)}.")
    return float(number) * TIME_UNITS_S[unit]
