"""Assignment of GPUs to worker processes: each takes a free slot for its lifetime, and slots cycle through the GPUs.

A slot is a file lock, which the system releases when its owner dies, so a process that replaces a dead worker gets the
same device.
"""

import os
from itertools import takewhile
from pathlib import Path

from filelock import FileLock, Timeout

from xpert_evo.errors import ExecutorError

VARIABLE = "CUDA_VISIBLE_DEVICES"
_held: list[FileLock] = []


def device_of(slot: int, n_gpus: int) -> str:
    """The value of CUDA_VISIBLE_DEVICES for a slot; it is empty if there are no devices.

    Where this process may use some devices only, as in a job of a cluster, the slots go round the first `n_gpus` of
    those.
    """
    allowed = os.environ.get(VARIABLE)
    names = [str(i) for i in range(n_gpus)]
    if allowed is not None:
        given = (name.strip() for name in allowed.split(","))
        names = list(takewhile(lambda name: name and not name.startswith("-"), given))[:n_gpus]
    return names[slot % len(names)] if names else ""


def take_gpu(folder: Path, n_slots: int, n_gpus: int) -> int:
    """Takes the first free slot for this process; call it before the process uses CUDA.

    Args:
        folder: Folder of the locks, shared by all workers of the machine.
        n_slots: Number of workers on the machine.
        n_gpus: Number of GPUs on the machine.

    Returns:
        Index of the slot.

    Raises:
        ExecutorError: More workers than slots.
    """
    for slot in range(n_slots):
        lock = FileLock(folder / f"slot-{slot}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        _held.append(lock)
        os.environ[VARIABLE] = device_of(slot, n_gpus)
        return slot
    raise ExecutorError(f"all {n_slots} slots of the {n_gpus} GPUs are taken; start fewer workers.")
