"""The memory of a run: one SQLite file with its settings, trainings, generations and events.

`Store` opens the file; plans, labels, failures and generations are what it holds. A plan is a training without a
result, a label one with its accuracy, a failure one that will never have any: three types, so that none passes for
another.
"""

from xpert_evo.store.database import FILE_NAME, LOCK_NAME
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
]
