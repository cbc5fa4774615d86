"""Whether today's hardware model costs designs as it did when a run began: the baseline's costs are kept for that.

A store keeps designs, not their costs, which are computed anew wherever they are shown. A newer version of the model
may cost them differently; then a run's search followed other figures than its report shows, and both say so.
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
    """Notes what the baseline costs, or warns where it was noted with other costs."""
    note_once(run, Topic.HARDWARE_MODEL, _KEY, _costs(run.task))
    remark = drift(run.store, run.task)
    if remark is not None:
        run.listener.tell(Message(text=remark, warning=True))


def drift(store: Store, task: Task) -> str | None:
    """A sentence where the model costs the baseline differently from when the run began; None where it does not."""
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
        f"{'; '.join(changed)}. Costs are shown by today's model, the search followed the earlier one so far."
    )


def _costs(task: Task) -> dict[str, float]:
    costs = task.own_costs(task.baseline)
    return {name: float(costs[name][0]) for name in _NOTED}
