"""The folder of a training: made, locked while it trains, and what Ctrl-C leaves in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from xpert_evo.accuracy.training.mixed_precision import compute_type
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.errors import InterruptedRunError, UsageError
from xpert_evo.locks import acquired
from xpert_evo.words import counted
from xpert_evo.workbench.plan import RESULT_NAME, TrainingPlan


def make_folder(plan: TrainingPlan) -> None:
    """Creates the folder of a training; raises UsageError if it cannot."""
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        name = plan.spelled("out")
        raise UsageError(f"{plan.folder} cannot be created ({failure.strerror}); choose another {name}.") from None


@contextmanager
def alone(plan: TrainingPlan) -> Iterator[None]:
    """Locks the folder of a training; raises UsageError if another training is running or has finished there."""
    folder, name = plan.folder, plan.spelled("out")
    plan.check_not_ended()
    lock = acquired(
        folder / "train.lock",
        busy=UsageError(f"another process is training in {folder}; wait for it, or choose another {name}."),
        unwritable=lambda why: UsageError(f"{folder} cannot be written to ({why}); choose another {name}."),
    )
    try:
        plan.check_not_ended()
        yield
    finally:
        if (folder / RESULT_NAME).exists():  # a finished folder is refused anyway, so it needs no lock
            with suppress(OSError):  # some systems do not delete open files
                Path(lock.lock_file).unlink()
        lock.release()


@contextmanager
def stoppable(folder: Path, is_kept: Callable[[], bool]) -> Iterator[None]:
    """Turns Ctrl-C into an InterruptedRunError that describes what is kept in the folder and how to continue."""
    try:
        yield
    except KeyboardInterrupt:
        kept = "finished epochs are kept in" if is_kept() else "no finished epoch is kept in"
        how = "continue from there" if is_kept() else "start again"
        raise InterruptedRunError(f"stopped; {kept} {folder}. The same command will {how}.") from None


def place_words(protocol: TrainingProtocol, device: torch.device) -> str:
    """Device, threads and number type of a training, which determine rounding: `cuda:0`, or `cpu, 2 threads`."""
    n_threads = protocol.n_threads or torch.get_num_threads()
    place = f"cpu, {counted(n_threads, 'thread')}" if device.type == "cpu" else str(device)
    return place + (", bfloat16" if compute_type(protocol, device) is torch.bfloat16 else "")
