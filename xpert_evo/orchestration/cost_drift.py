"""Checks whether the hardware model still computes the same costs as when a run began, on the baseline.

A store contains designs, not their costs, which are recomputed whenever they are shown. With a newer version of the
model the costs may differ from those that the search used; the run and its report then say so.
"""

from xpert_evo.orchestration.knowledge import note_once
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.task import Task
from xpert_evo.progress import Message
from xpert_evo.store import Store, Topic

_KEY = "baseline"

_NOTED = ("area", "latency", "energy", "edap")
_LEAST_RATIO = 1e-9


def keep_costs(run: RunContext) -> None:
    """Notes the costs of the baseline, or warns if other costs were noted before."""
    note_once(run, Topic.HARDWARE_MODEL, _KEY, _costs(run.task))
    remark = drift(run.store, run.task)
    if remark is not None:
        run.listener.tell(Message(text=remark, warning=True))


def drift(store: Store, task: Task) -> str | None:
    """Returns a warning if the costs of the baseline have changed since the run began, else None."""
    noted = store.note(Topic.HARDWARE_MODEL, _KEY)
    changed = [
        f"{name} {noted[name]:.6g}, now {today:.6g}"
        for name, today in _costs(task).items()
        if noted is not None and abs(today / noted[name] - 1) > _LEAST_RATIO
    ]
    if not changed:
        return None
    return (
        "the hardware model has changed since this run began: the baseline had "
        f"{'; '.join(changed)}. Costs are shown with the current model, but the search used the earlier one so far."
    )


def _costs(task: Task) -> dict[str, float]:
    costs = task.own_costs(task.baseline)
    return {name: float(costs[name][0]) for name in _NOTED}
