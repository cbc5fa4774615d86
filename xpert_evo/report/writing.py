"""Everything that a run leaves for people and programs: front files, pictures and the page that holds them."""

from pathlib import Path

from xpert_evo.report.files import write_backbone, write_front, write_settings
from xpert_evo.report.page.document import PAGE_NAME, write_page
from xpert_evo.report.pictures import draw_pictures, write_pictures
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene, build_scene


def write_report(folder: Path, result: RunResult) -> tuple[Scene | None, list[str]]:
    """Writes front, settings, pictures and `report.html` into `folder`, each file whole or not at all.

    What fails is left out and told: a run that has ended is never lost to a picture.

    Returns:
        The scene that page and pictures show, None where it could not be built; and a sentence for each part that
        failed, none when all is well.
    """
    scene: Scene | None = None
    complaints: list[str] = []
    try:
        write_front(folder, result)
        write_settings(folder, result)
        write_backbone(folder, result)
        scene = build_scene(result)
        drawings, complaints = draw_pictures(scene)
        write_pictures(folder, drawings)
        write_page(folder / PAGE_NAME, scene, drawings)
    except Exception as failure:
        complaints.append(f"the report stopped ({type(failure).__name__}: {failure})")
    return scene, complaints
