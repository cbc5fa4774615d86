"""How far a refinement has come: its steps are taken again with what is known, until one has something to measure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from xpert_evo.design import Design
from xpert_evo.executors.base import Job, JobDone, JobFailed, More, Result, nothing_more
from xpert_evo.orchestration.refining.jobs import Done
from xpert_evo.orchestration.refining.memory import FILE_NAME, Memory
from xpert_evo.orchestration.refining.preparing import Refinable
from xpert_evo.orchestration.refining.refinement import refiner_of
from xpert_evo.orchestration.refining.steps import MOVED, TRAINED, Taken
from xpert_evo.progress import Listener

_BEFORE_CHOICES = frozenset({TRAINED, MOVED})
"""Steps whose results decide nothing in the first round."""


class _ReachedError(Exception):
    """There is something to measure."""


class _Nobody:
    """An executor that carries out nothing.

    Args:
        guesses: Whether it makes up the results of jobs that judge; see `_Guessing`.
    """

    n_workers = 1

    def __init__(self, *, guesses: Callable[[], bool] = lambda: False) -> None:
        self._guesses = guesses

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], more: More[Job] = nothing_more
    ) -> Iterator[JobDone[Result] | JobFailed]:
        """Raises _ReachedError if there is a job, unless its result is guessed."""
        if jobs and not self._guesses():
            raise _ReachedError
        guess = cast(Result, Done(seconds=0.0, accuracy=0.0, n_images=1))
        return (JobDone(position=place, result=guess) for place in range(len(jobs)))

    def close(self) -> None:
        """Nothing to free."""


class _Guessing(Memory):
    """A memory that forgets the accuracies that are added to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._guessed: dict[str, Mapping[str, object]] = {}

    def fact(self, key: str) -> Any:
        """A value that was kept or guessed; None if there is none."""
        return self._guessed.get(key) or super().fact(key)

    def add_fact(self, key: str, content: Mapping[str, object]) -> None:
        """Keeps a guess until it is closed."""
        self._guessed[key] = content


def steps_taken(network: Refinable, folder: Path, home: Design, listener: Listener) -> list[Taken]:
    """The steps of a refinement in a folder until the first one with something left to measure, which is the last.

    The accuracy of the trained network decides nothing in the first round, and most of what is measured there holds
    for all devices. So where that accuracy is missing, as on chips of another device, the steps go on within the first
    round until the next measurement that is missing. It takes as long as the choices between measurements, and measures
    nothing.

    Args:
        network: The network.
        folder: Folder of the refinement; nothing is known if there is none.
        home: The network's design on the chip that it is refined for.
        listener: Receives the progress.

    Raises:
        StoreError: The measurements are damaged.
    """
    if not (folder / FILE_NAME).is_file():
        return []
    memory = _Guessing(folder)
    try:
        refiner = refiner_of(network, folder, memory, executor=_Nobody(), listener=listener, home=home)
        with suppress(_ReachedError):
            refiner.run()
        taken = refiner.laboratory.taken
        if not (taken and taken[-1].n_missing and taken[-1].at.step in _BEFORE_CHOICES):
            return taken
        executor = _Nobody(guesses=lambda: ahead.laboratory.taken[-1].at.step in _BEFORE_CHOICES)
        ahead = refiner_of(network, folder, memory, executor=executor, listener=listener, home=home)
        with suppress(_ReachedError):
            ahead.begin()
        return ahead.laboratory.taken
    finally:
        memory.close()
