"""Effort of measurements in conversions of the exact emulation, for the time left and for estimates."""

from collections.abc import Sequence

from xpert_evo.orchestration.refining.chips import DrawnChips

_FINE_EFFORT = 0.5
"""Assumed time of a layer with perfect ADCs relative to its emulation."""


def probe_effort(conversions: Sequence[float], places: Sequence[int] | None) -> float:
    """Effort for an image of which some layers are emulated: all of these, and a part of those behind.

    Args:
        conversions: Conversions of each layer.
        places: Positions of the emulated layers; None for all.
    """
    emulated = range(len(conversions)) if places is None else places
    behind = conversions[min(emulated, default=len(conversions)) :]
    return sum(conversions[place] for place in emulated) + _FINE_EFFORT * sum(behind) + 1.0


def judging_effort(n_images: int, chips: DrawnChips) -> int:
    """Images whose emulation takes as long as judging a network on a chip, which calibrates its batch norm."""
    return n_images + (chips.chips[0].norm_images if chips.chips else 0)
