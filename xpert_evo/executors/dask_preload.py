"""What a local Dask worker does first (a `--preload` module of `dask worker`): it becomes deaf to Ctrl-C.

Ctrl-C reaches every process of a terminal; the main one alone decides what to do.
"""

import signal


def dask_setup(worker: object) -> None:
    """Called by Dask in the worker's main thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
