"""Which graphics processor a worker process uses: each takes a free slot for life, and slots go round the devices.

A slot is a file lock, which the system frees when its owner dies, so that the process that replaces a dead worker
gets the dead one's device.
"""

import os
from pathlib import Path

from filelock import FileLock, Timeout

from xpert_evo.errors import ExecutorError

VARIABLE = "CUDA_VISIBLE_DEVICES"
_held: list[FileLock] = []


def device_of(slot: int, n_gpus: int) -> str:
    """The value of CUDA_VISIBLE_DEVICES for a slot; none is visible where there are no devices."""
    return str(slot % n_gpus) if n_gpus else ""


def take_gpu(folder: Path, n_slots: int, n_gpus: int) -> int:
    """Takes the first free slot for this process, before CUDA is first used in it.

    Args:
        folder: Shared by all workers of the machine.
        n_slots: Workers of the machine.
        n_gpus: Devices of the machine.

    Returns:
        The slot.

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
    raise ExecutorError(f"all {n_slots} places at the {n_gpus} graphics processors are taken; start fewer workers.")
