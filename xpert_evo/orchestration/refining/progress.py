"""How far a refinement has come: its steps are taken again with what is known, until one has something to measure."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from xpert_evo.design import Design
from xpert_evo.executors.base import Job, JobDone, JobFailed, More, Result, nothing_more
from xpert_evo.orchestration.refining.memory import FILE_NAME, Memory
from xpert_evo.orchestration.refining.preparing import Refinable
from xpert_evo.orchestration.refining.refinement import refiner_of
from xpert_evo.orchestration.refining.steps import Taken
from xpert_evo.progress import Listener


class _ReachedError(Exception):
    """There is something to measure."""


class _Nobody:
    """An executor that carries out nothing."""

    n_workers = 1

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], more: More[Job] = nothing_more
    ) -> Iterator[JobDone[Result] | JobFailed]:
        """Raises _ReachedError if there is a job."""
        if jobs:
            raise _ReachedError
        return iter(())

    def close(self) -> None:
        """Nothing to free."""


def steps_taken(network: Refinable, folder: Path, home: Design, listener: Listener) -> list[Taken]:
    """The steps of a refinement in a folder until the first one with something left to measure, which is the last.

    It takes as long as the choices between measurements, and measures nothing.

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
    memory = Memory(folder)
    try:
        refiner = refiner_of(network, folder, memory, executor=_Nobody(), listener=listener, home=home)
        with suppress(_ReachedError):
            refiner.run()
        return refiner.laboratory.taken
    finally:
        memory.close()
