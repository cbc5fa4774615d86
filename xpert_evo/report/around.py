"""The part of a chip around its tiles, which neither an area, an EDAP nor a limit on area counts."""

from xpert_evo.report.candidates import Candidate
from xpert_evo.report.result import RunResult


def around_candidate(result: RunResult, candidate: Candidate) -> dict[str, float]:
    """Area by unit around the tiles of a run's design [mm2]."""
    space = result.task.space
    return result.task.hardware.around_tiles(*space.hardware_arrays(candidate.genome[None]))


def around_line(areas: dict[str, float]) -> str:
    """A line for the terminal that follows one with the area."""
    parts = ", ".join(f"{name.replace('_', ' ')} {area:.2g}" for name, area in areas.items())
    return (
        f"around the tiles: {sum(areas.values()):.3g} mm² ({parts}) on top: the area above, its EDAP and the limit on "
        "area count the tiles alone"
    )
