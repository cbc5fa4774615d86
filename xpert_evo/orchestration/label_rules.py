"""By which rules the labels of a run were made: those of an earlier version are kept, and never mixed with new ones."""

from collections import Counter

from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.config import RunConfig
from xpert_evo.errors import StoreError
from xpert_evo.orchestration.context import FINALISTS, FIRST, RULES, rules_of
from xpert_evo.store import Store


def run_rules(store: Store, config: RunConfig, dataset_digest: str) -> int:
    """The rules by which the labels of a run are made; those of today for a new one."""
    contexts = {plan.context for plan in store.plans(FIRST)}
    return rules_of(contexts, config, load_protocol(config.training.protocol), dataset_digest)


def check_rules(store: Store, config: RunConfig, dataset_digest: str) -> None:
    """Raises StoreError where trainings are left to do in a run whose labels this version would make differently."""
    if run_rules(store, config, dataset_digest) == RULES:
        return
    done = {(label.digest, label.context) for label in store.all_labels()}
    tries = Counter((failure.digest, failure.context) for failure in store.failures())
    finalists = [(plan.digest, plan.context) for plan in store.plans(FINALISTS)]
    if finalists and all(key in done or tries[key] > config.training.retries for key in finalists):
        return
    raise StoreError(
        f"{store.folder} was begun by an earlier version, which emulated ADCs with bits to spare and proxies of narrow "
        "layers differently; labels of both versions cannot be compared. Finish it with the version that began it, "
        f"or begin another one with its settings, which `xpert-evo report {store.folder}` leaves as settings.toml."
    )
