"""One's own backbone as a file beside the run's results, so that other commands can be told of it."""

from pathlib import Path

from xpert_evo.files import write_text
from xpert_evo.report.result import RunResult

BACKBONE_NAME = "backbone.toml"


def write_backbone(folder: Path, result: RunResult) -> None:
    """Writes `backbone.toml` where the run searched one's own backbone; a built-in one needs no file."""
    own = result.task.backbone.own
    if own is not None:
        write_text(folder / BACKBONE_NAME, own.to_toml())
