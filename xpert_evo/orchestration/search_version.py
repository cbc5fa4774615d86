"""Version of the search: how surrogates, searches and choices of designs follow from labels and seed.

A run keeps the version that began it, or it would not end with the designs of a run that was never interrupted.
"""

from xpert_evo.errors import StoreError
from xpert_evo.orchestration.names import FINALISTS
from xpert_evo.store import Store

SEARCH_VERSION = 2
"""Version of the search; stored when a run begins, and 1 where nothing is stored.

1: All genes are searched; designs are chosen by their expected gain on a front of mean predictions.
2: Genes that only change costs follow from the cost table; a surrogate reads single layers' genes; designs are chosen
   by their gain under functions drawn from the surrogate.
"""


def check_search(store: Store) -> None:
    """Raises StoreError if a run has choices left that this version would make differently."""
    begun = store.later_meta("search") or 1
    if begun == SEARCH_VERSION or store.plans(FINALISTS):
        return
    raise StoreError(
        f"{store.folder} was begun by version {begun} of the search, and this is version {SEARCH_VERSION}, which would "
        "choose other designs; finish the run with the program that began it, or begin another run with "
        f"`xpert-evo run --labels-from {store.folder}`, which reuses its labels."
    )
