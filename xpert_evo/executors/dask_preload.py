"""A `--preload` module of local Dask workers that makes them ignore Ctrl-C.

Ctrl-C reaches every process of a terminal, but only the main process should handle it.
"""

import signal


def dask_setup(worker: object) -> None:
    """Called by Dask in the worker's main thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
