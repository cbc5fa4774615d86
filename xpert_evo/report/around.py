"""The part of a chip around its tiles, which neither an area, an EDAP nor a limit on area counts."""

from hw_models import LayerShapes, Peripherals, chip_level
from xpert_evo.orchestration.task import Hardware
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.result import RunResult


def around_tiles(shapes: LayerShapes, peripherals: Peripherals, hardware: Hardware) -> dict[str, float]:
    """Area by unit around the tiles of one design [mm2]: global buffer, tree, accumulation, activation, pooling.

    Args:
        shapes: Of its layers, (1, layers).
        peripherals: Likewise.
        hardware: The chip that it is costed for.
    """
    chip = chip_level(shapes, peripherals, **hardware.settings)
    return {name: 1e-6 * float(area[0]) for name, area in chip.area_um2.items() if name != "tiles"}


def around_candidate(result: RunResult, candidate: Candidate) -> dict[str, float]:
    """The same of a design of a run."""
    space = result.task.space
    return around_tiles(*space.hardware_arrays(space.encode([candidate.design])), result.task.hardware)


def around_line(areas: dict[str, float]) -> str:
    """A line for the terminal that follows one with the area."""
    parts = ", ".join(f"{name.replace('_', ' ')} {area:.2g}" for name, area in areas.items())
    return (
        f"around the tiles: {sum(areas.values()):.3g} mm² ({parts}) on top: the area above, its EDAP and the limit on "
        "area count the tiles alone"
    )
