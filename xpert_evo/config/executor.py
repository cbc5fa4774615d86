"""Settings of the executor that runs the trainings."""

import re
from typing import Annotated

from pydantic import Field, model_validator

from xpert_evo.executor_kinds import ExecutorKind, kinds_that
from xpert_evo.validation import Frozen


class ExecutorConfig(Frozen):
    """Executor that runs the trainings; on CPUs of the same type, results do not depend on it.

    Attributes:
        kind: serial runs trainings in the main process, processes in local processes with one thread each, dask on a
            Dask cluster.
        workers: Number of local processes or local Dask workers; None for one per GPU or, without `gpus`, one per
            usable core.
        dask_scheduler: Address of a running Dask scheduler with its own workers, such as `tcp://host:8786`.
        gpus: Number of GPUs on this machine, shared evenly by the workers; 0 hides them; None leaves the choice to
            CUDA. With `dask_scheduler`, any number above 0 requires workers that offer the resource GPU.
    """

    kind: ExecutorKind = ExecutorKind.PROCESSES
    workers: Annotated[int, Field(ge=1, le=4096)] | None = None
    dask_scheduler: str | None = None
    gpus: Annotated[int, Field(ge=0, le=64)] | None = None

    @model_validator(mode="after")
    def _parts_fit(self) -> "ExecutorConfig":
        if self.dask_scheduler is not None and not re.fullmatch(r"[a-z]+://\S+:\d+", self.dask_scheduler):
            raise ValueError(
                f'executor.dask_scheduler must be an address such as "tcp://host:8786", got "{self.dask_scheduler}"; '
                "use the address that `dask scheduler` prints when it starts."
            )
        if self.dask_scheduler is not None and not self.kind.record.joins_cluster:
            clusters = kinds_that(lambda record: record.joins_cluster)
            raise ValueError(
                f'executor.dask_scheduler needs executor.kind = {clusters}, got "{self.kind}"; change one of them.'
            )
        if self.dask_scheduler is not None and self.workers is not None:
            raise ValueError(
                f"executor.workers = {self.workers} counts local workers, but those of executor.dask_scheduler = "
                f'"{self.dask_scheduler}" are started with `dask worker`; leave one of them out.'
            )
        if self.gpus is not None and not self.kind.record.has_workers:
            others = kinds_that(lambda record: record.has_workers)
            raise ValueError(f"executor.gpus needs executor.kind = {others}; change one of them.")
        return self
