"""The part of a chip around its tiles, which is not included in area, EDAP or area limits."""

from xpert_evo.report.candidates import Candidate, alone
from xpert_evo.report.result import RunResult


def around_candidate(result: RunResult, candidate: Candidate) -> dict[str, float]:
    """Area of each unit around the tiles of a design [mm2]."""
    space, genome = alone(result.task, candidate.design)
    return result.task.hardware.around_tiles(*space.hardware_arrays(genome))


def around_line(areas: dict[str, float]) -> str:
    """Returns a line for the terminal, to be printed below the area of the tiles."""
    parts = ", ".join(f"{name.replace('_', ' ')} {area:.2g}" for name, area in areas.items())
    return (
        f"around the tiles: {sum(areas.values()):.3g} mm² ({parts}) in addition; the area above, the EDAP and the "
        "area limit count only the tiles"
    )
