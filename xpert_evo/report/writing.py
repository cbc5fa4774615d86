"""Output files of a run: front files, pictures and the page that contains them."""

from pathlib import Path

from xpert_evo.report.files import write_backbone, write_front, write_native, write_settings
from xpert_evo.report.page.document import PAGE_NAME, write_page
from xpert_evo.report.pictures import draw_pictures, write_pictures
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene, build_scene


def write_report(folder: Path, result: RunResult) -> tuple[Scene | None, list[str]]:
    """Writes front, settings, pictures and `report.html` into `folder`, each file atomically.

    Parts that fail are left out and reported, so that a failing picture never spoils a finished run.

    Returns:
        The scene shown by the page and the pictures (None if it could not be built), and one sentence per failed part.
    """
    scene: Scene | None = None
    complaints: list[str] = []
    try:
        write_front(folder, result)
        write_native(folder, result)
        write_settings(folder, result)
        write_backbone(folder, result)
        scene = build_scene(result)
        drawings, complaints = draw_pictures(scene)
        write_pictures(folder, drawings)
        write_page(folder / PAGE_NAME, scene, drawings)
    except Exception as failure:
        complaints.append(f"the report stopped ({type(failure).__name__}: {failure})")
    return scene, complaints
