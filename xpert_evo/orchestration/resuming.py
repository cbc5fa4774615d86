"""Settings that may change when a run is resumed, and which of these changes are stored."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xpert_evo.backbone_file import BackboneDescription
from xpert_evo.backbones import load_backbone
from xpert_evo.config import RunConfig, load_config, with_stored_model
from xpert_evo.errors import StoreError
from xpert_evo.executor_kinds import EXECUTORS
from xpert_evo.image_sources import form_of
from xpert_evo.orchestration.names import FINALISTS, NATIVE, round_name
from xpert_evo.orchestration.native_plan import check_recipe_is_used, refined_weights
from xpert_evo.orchestration.stopping import early_stop
from xpert_evo.store import Store

CHANGEABLE = ("executor", "training.rounds", "training.retries", "training.time_limit_s", "dataset.data_dir", "native")
"""Settings that a resumed run may change: where it runs and for how long, never what it computes.

The number of rounds, and what is trained at native size, are written to the store for later resumes and reports.
"""


def changed_settings(before: RunConfig, overrides: Mapping[str, object], folder: Path) -> RunConfig:
    """Returns the stored settings with the allowed changes; raises StoreError for others."""
    plain = before.to_plain()
    _drop_other_executors(plain, overrides)
    config = load_config(None, overrides, base=plain)
    if overrides.get("native.recipe") is not None:
        check_recipe_is_used(config)
    for name in overrides:
        old, new = _setting(before, name), _setting(config, name)
        moved = name == "dataset.name" and None not in map(form_of, (str(old), str(new)))  # the digest is compared
        if old != new and not moved and not any(name == free or name.startswith(f"{free}.") for free in CHANGEABLE):
            raise StoreError(
                f"{folder} was begun with {name} = {_told(old)}, not {_told(new)}; a run keeps its settings (only "
                f"{', '.join(CHANGEABLE)} may change). Begin another run with --out."
            )
    return config


def _setting(config: RunConfig, name: str) -> object:
    """Returns the value of a setting or table by its dotted name; None if it is not set."""
    value: Any = config
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
    return value


def _told(value: object) -> str:
    """Formats the value of a setting."""
    if isinstance(value, BackboneDescription):
        return f"{load_backbone(value).name} (your own)"
    if isinstance(value, tuple):
        return f"[{', '.join(_told(entry) for entry in value)}]"
    return "none" if value is None else str(value)


def _drop_other_executors(plain: dict[str, Any], overrides: Mapping[str, object]) -> None:
    """Takes out of stored settings what belongs to the executor that is left: an address, workers, a time limit."""
    stored = plain["executor"]
    kind = overrides.get("executor.kind", stored["kind"])
    record = next((record for name, record in EXECUTORS.items() if name == kind), None)  # or the settings refuse it
    if record is None or not record.joins_cluster:
        stored.pop("dask_scheduler", None)
    if record is not None and not record.has_workers:
        stored.pop("gpus", None)
        stored.pop("workers", None)
        plain["training"].pop("time_limit_s", None)
    if "executor.dask_scheduler" in overrides:
        stored.pop("workers", None)


def check_rounds(store: Store, before: RunConfig, config: RunConfig) -> None:
    """Raises StoreError if the number of rounds changes although no further round can begin."""
    old, new = before.training.rounds, config.training.rounds
    begun = {plan.batch for plan in store.plans()}
    least = max((n for n in range(1, old + 1) if round_name(n) in begun), default=0)
    if new < least:
        raise StoreError(
            f"training.rounds of {store.folder} must be at least {least}, got {new}, for round {least} has begun; let "
            "it end, or begin another run."
        )
    stopped = early_stop(store)
    if new == old or not (stopped or store.plans(FINALISTS)):
        return
    why = f"it has ended its rounds ({stopped['reason']})" if stopped else "its finalists are chosen"
    raise StoreError(
        f"training.rounds of {store.folder} must stay {old}, got {new}, for {why} and nothing that further rounds find "
        f"would reach its front; begin a new run with `xpert-evo run --labels-from {store.folder} --set "
        f"training.rounds={new} --out DIR` and the same settings."
    )


def check_native(store: Store, before: RunConfig, config: RunConfig) -> None:
    """Raises StoreError if the settings of trainings at native size change although these have been planned.

    Refinements may still be left out before they are planned.
    """
    gives_up = before.native.refine and refined_weights(store) is None
    kept = config.native.model_copy(update={"refine": True}) if gives_up else config.native
    if kept == before.native or not store.plans(NATIVE):
        return
    raise StoreError(
        f"the trainings at native size of {store.folder} are planned, so that the settings of native must stay as they "
        "are; leave out these options, or begin a new run with `xpert-evo run "
        f"--labels-from {store.folder} --out DIR` and the same settings, which trains no design of the search again."
    )


def keep_changes(store: Store, before: RunConfig, config: RunConfig) -> None:
    """Writes a changed number of rounds and native trainings into the stored settings, and where data were found.

    Other changes last for this time only. Older versions stored a relative folder of data as it was typed.
    """
    changes: list[tuple[str, str, object, object]] = []
    if config.training.rounds != before.training.rounds:
        changes.append(("training", "rounds", before.training.rounds, config.training.rounds))
    folder = before.dataset.data_dir
    if folder is not None and not Path(folder).is_absolute():
        changes.append(("dataset", "data_dir", folder, config.dataset.data_dir))
    earlier = before.native.model_dump(mode="json")
    for name, value in config.native.model_dump(mode="json").items():
        if value != earlier[name]:
            changes.append(("native", name, earlier[name], value))
    if not changes:
        return
    settings = with_stored_model(store.meta("settings"))
    changed: dict[str, dict[str, object]] = {}
    for table, name, _, new in changes:
        changed.setdefault(table, dict(settings.get(table, {})))[name] = new
    with store.transaction():
        store.replace_meta("settings", settings | changed)
        for table, name, old, new in changes:
            store.add_event("changed", f"{table}.{name} = {new}, before {old}")
