"""Imports the Dask executor when it is asked for: `distributed` is an extra, and takes a second to import."""

from typing import TYPE_CHECKING

from xpert_evo.errors import ExecutorError

if TYPE_CHECKING:
    from xpert_evo.executors.dask_executor import DaskExecutor


def load_dask_executor() -> "type[DaskExecutor]":
    """The class `DaskExecutor`; raises ExecutorError where the extra is not installed."""
    try:
        from xpert_evo.executors.dask_executor import DaskExecutor  # noqa: PLC0415
    except ImportError as failure:
        raise ExecutorError(
            f"the executor 'dask' needs the package {failure.name}, which is missing; install it with "
            "`pip install 'xpert-evo[dask]'`, or choose --executor processes."
        ) from None
    return DaskExecutor
