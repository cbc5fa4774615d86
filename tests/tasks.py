"""Tasks from settings alone."""

from xpert_evo.config import parse_config
from xpert_evo.orchestration.task import Task, build_task


def task_of(**settings: object) -> Task:
    """Returns the task of these settings, for ten classes of RGB images."""
    return build_task(parse_config(settings), n_classes=10, image_channels=3)
