"""The store of a run: one SQLite file with its settings, trainings, generations and events.

`Store` opens the file, which contains plans, labels, failures and generations. A plan is a training without a result,
a label a training with its accuracy, and a failure a training without one: three types, so that they cannot be
confused.
"""

from xpert_evo.store.database import FILE_NAME, LOCK_NAME, require_free
from xpert_evo.store.migrations import SCHEMA_VERSION
from xpert_evo.store.records import Arrays, Failure, Generation, Label, Plan, Topic
from xpert_evo.store.store import Store

__all__ = [
    "FILE_NAME",
    "LOCK_NAME",
    "SCHEMA_VERSION",
    "Arrays",
    "Failure",
    "Generation",
    "Label",
    "Plan",
    "Store",
    "Topic",
    "require_free",
]
