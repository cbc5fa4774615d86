"""How far trainings at native size have come: read from the files that their workers write after each epoch."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from xpert_evo.accuracy.training.recipes import Recipe
from xpert_evo.accuracy.training.stage_progress import progress_of, progress_words
from xpert_evo.accuracy.training.weights import WEIGHTS_NAME
from xpert_evo.orchestration.batches import native_folder
from xpert_evo.orchestration.effort import work_of
from xpert_evo.orchestration.native_jobs import STAGES_NAME
from xpert_evo.orchestration.native_plan import NativePlan
from xpert_evo.orchestration.task import Task
from xpert_evo.progress import Listener, Stage

LOOK_EVERY_S = 10.0


def training_states(run: Path, digests: Sequence[str], recipe: Recipe) -> list[str]:
    """How far each training is that has begun, such as `446c0e9e: stage 1 of 2, epoch 3 of 24 finished`.

    Args:
        run: Folder of the run.
        digests: Designs to look at.
        recipe: Recipe of their trainings, fitted to the data set.
    """
    states = {digest: _state(native_folder(run, digest), recipe) for digest in digests}
    return [f"{digest[:8]}: {state}" for digest, state in states.items() if state]


def work_left(run: Path, digest: str, recipe: Recipe, n_train: int) -> float:
    """Returns the fraction of a training's work that is left, judging aside.

    Args:
        run: Folder of the run.
        digest: Design that is trained.
        recipe: Recipe of the training, fitted to the data set.
        n_train: Number of training images in the data set.
    """
    folder = native_folder(run, digest)
    if (folder / WEIGHTS_NAME).exists():
        return 0.0
    work = [work_of(stage.protocol, n_train, 0) for stage in recipe.stages]
    progress = progress_of(folder / STAGES_NAME, recipe.stages)
    done = sum(work[: progress.n_passes])
    if progress.stage is not None and progress.stage >= progress.n_passes and progress.n_epochs is not None:
        protocol = recipe.stages[progress.stage].protocol
        done += work[progress.stage] * protocol.epochs_by_area(progress.n_epochs) / protocol.epochs_by_area()
    return 1 - done / sum(work)


def seconds_left(run: Path, digest: str, task: Task, planned: NativePlan, n_train: int) -> float:
    """Returns the expected duration of what is left of a training and its judgement [s].

    Args:
        run: Folder of the run.
        digest: Design that is trained.
        task: Search task of the run.
        planned: Its plan at native size.
        n_train: Number of training images in the data set.
    """
    share = work_left(run, digest, task.recipe_carried_out(planned.recipe), n_train)
    return planned.judging_s + share * max(0.0, planned.seconds - planned.judging_s)


@contextmanager
def progress_told(
    run: Path, digests: Sequence[str], recipe: Recipe, listener: Listener, *, look_every_s: float = LOOK_EVERY_S
) -> Iterator[None]:
    """Tells the listener, from a thread of its own, whenever one of the trainings has finished another epoch.

    Args:
        run: Folder of the run.
        digests: Designs that are trained.
        recipe: Recipe of their trainings, fitted to the data set.
        listener: Receives the progress.
        look_every_s: Time between two looks at the files [s].
    """
    ended = threading.Event()

    def follow(told: list[str]) -> None:
        while not ended.wait(look_every_s):
            states = training_states(run, digests, recipe)
            if states and states != told:
                listener.tell(Stage(text="; ".join(states)))
            told = states

    thread = threading.Thread(target=follow, args=(training_states(run, digests, recipe),), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _state(folder: Path, recipe: Recipe) -> str:
    return (
        "trained, not judged"
        if (folder / WEIGHTS_NAME).exists()
        else progress_words(folder / STAGES_NAME, recipe.stages)
    )
