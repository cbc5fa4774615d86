"""Begins a run, or goes on with one: opens what the steps need, and closes it whatever happens."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from xpert_evo.accuracy.datasets import Dataset
from xpert_evo.accuracy.features import macs
from xpert_evo.accuracy.protocols import check_from_scratch, load_protocol
from xpert_evo.accuracy.surrogate_kinds import check_kind
from xpert_evo.config import ExecutorKind, RunConfig, parse_config
from xpert_evo.design import design_from_text
from xpert_evo.errors import ConfigError, DataError, ExecutorError, StoreError
from xpert_evo.executors import Executor, ProcessExecutor, SerialExecutor, load_dask_executor
from xpert_evo.files import sweep
from xpert_evo.orchestration.baselines import check_baselines
from xpert_evo.orchestration.batches import Workshop, reused_digests
from xpert_evo.orchestration.choosing import check_spaces, most_finalists
from xpert_evo.orchestration.context import FINALISTS, FIRST, REUSED, SEARCHED, round_name
from xpert_evo.orchestration.effort import images_trained, work_of
from xpert_evo.orchestration.flow import go
from xpert_evo.orchestration.interrupts import Interrupts
from xpert_evo.orchestration.label_rules import check_rules, run_rules
from xpert_evo.orchestration.proxies import proxy_warnings
from xpert_evo.orchestration.reuse import reuse_labels
from xpert_evo.orchestration.stopping import ROUNDS, STOPPED
from xpert_evo.orchestration.tally import Tally
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.progress import Listener, Message
from xpert_evo.store import Store
from xpert_evo.versions import versions

CHANGEABLE = ("executor", "training.rounds", "training.retries", "training.time_limit_s", "dataset.data_dir")
"""Settings that a resumed run may change: where it works and for how long, never what it computes.

The number of rounds is kept in the store, so that whoever goes on or reports later finds it there.
"""


def prepare(config: RunConfig, *, is_new: bool = True) -> tuple[Task, Dataset]:
    """Reads the data and checks the task before anything is written.

    Args:
        config: Settings.
        is_new: Nothing is trained yet; a run that was begun goes on where it can.

    Raises:
        ConfigError, DataError, InfeasibleError, HardwareModelError: Something is wrong with what was asked for.
    """
    for name in ("protocol", "finalist_protocol"):
        protocol = load_protocol(getattr(config.training, name))
        if is_new:
            check_from_scratch(protocol, f"training.{name}")
    check_kind(config.search.surrogate)
    _check_serial(config)
    dataset = cached_dataset(config.dataset)
    task = build_task(config, n_classes=dataset.n_classes, image_channels=dataset.image_channels)
    check_baselines(task)
    if is_new:
        check_spaces(task)
    return task, dataset


def _check_serial(config: RunConfig) -> None:
    """Raises ConfigError for settings that the serial executor has no use for."""
    useless = {"executor.workers": config.executor.workers, "training.time_limit_s": config.training.time_limit_s}
    for name, value in useless.items():
        if value is not None and config.executor.kind is ExecutorKind.SERIAL:
            raise ConfigError(
                f'{name} = {value:g} has no use with executor.kind = "serial", where one training after another runs '
                'in this process; take "processes" or "dask", or leave it out.'
            )


def check_earlier(labels_from: Sequence[Path]) -> None:
    """Raises StoreError where a folder holds no run that labels can be taken from; quick, so it comes first."""
    for earlier in labels_from:
        Store.open_readonly(earlier).close()


def begin(config: RunConfig, folder: Path, listener: Listener, labels_from: Sequence[Path] = ()) -> None:
    """Runs a new search; raises what `prepare` and `go` raise, and StoreError.

    Args:
        config: Settings.
        folder: Of the new run.
        listener: Is told what happens.
        labels_from: Folders of earlier runs, whose fitting labels are taken over.
    """
    check_earlier(labels_from)
    task, dataset = prepare(config)
    meta = {
        "settings": config.to_plain(),
        "versions": versions(),
        "labels_from": [str(earlier.absolute()) for earlier in labels_from],
        "dataset": {
            "name": dataset.name,
            "digest": dataset.digest,
            "n_classes": dataset.n_classes,
            "image_channels": dataset.image_channels,
        },
    }
    with closing(build_executor(config, listener)) as executor, Store.create(folder, meta) as store:
        _work(task, dataset, store, executor, listener)


def go_on(folder: Path, overrides: Mapping[str, object], listener: Listener) -> None:
    """Goes on with the run in `folder`; raises StoreError where settings differ that must not, or not any more."""
    with Store.open(folder) as store:
        before = parse_config(store.meta("settings"), where=f"settings of {folder}")
        config = _changed(before, overrides, folder)
        _check_rounds(store, before, config)
        task, dataset = prepare(config, is_new=False)
        known = store.meta("dataset")["digest"]
        if dataset.digest != known:
            raise DataError(
                f"data set {dataset.name} has digest {dataset.digest}, but {folder} was begun with {known}; "
                "give the same images with --set dataset.data_dir=FOLDER."
            )
        check_rules(store, config, dataset.digest)
        with closing(build_executor(config, listener)) as executor:
            _keep_rounds(store, before, config)
            _work(task, dataset, store, executor, listener)


def _check_rounds(store: Store, before: RunConfig, config: RunConfig) -> None:
    """Raises StoreError where the number of rounds changes and none can begin any more."""
    old, new = before.training.rounds, config.training.rounds
    begun = {plan.batch for plan in store.plans()}
    least = max((n for n in range(1, old + 1) if round_name(n) in begun), default=0)
    if new < least:
        raise StoreError(
            f"training.rounds of {store.folder} must be at least {least}, got {new}, for round {least} has begun; let "
            "it end, or begin another run."
        )
    stopped = store.note(STOPPED, ROUNDS)
    if new == old or not (stopped or store.plans(FINALISTS)):
        return
    why = f"it has ended its rounds ({stopped['reason']})" if stopped else "its finalists are chosen"
    raise StoreError(
        f"training.rounds of {store.folder} must stay {old}, got {new}, for {why} and nothing that further rounds find "
        f"would reach its front; begin a new run with `xpert-evo run --labels-from {store.folder} --set "
        f"training.rounds={new} --out DIR` and the same settings."
    )


def _keep_rounds(store: Store, before: RunConfig, config: RunConfig) -> None:
    """Writes a changed number of rounds into the stored settings; other changes last for this time only."""
    old, new = before.training.rounds, config.training.rounds
    if new == old:
        return
    settings = store.meta("settings")
    training = {**settings.get("training", {}), "rounds": new}
    with store.transaction():
        store.replace_meta("settings", {**settings, "training": training})
        store.add_event("changed", f"training.rounds = {new}, before {old}")


def _work(task: Task, dataset: Dataset, store: Store, executor: Executor, listener: Listener) -> None:
    how_to_resume = f"xpert-evo resume {store.folder}"
    _tidy(store)
    torch.set_num_threads(1)  # the workers have the cores, and sums must round alike on every machine
    rules = run_rules(store, task.config, dataset.digest)
    for text in proxy_warnings(task.space, task.config):
        listener.tell(Message(text=text, warning=True))
    with threadpool_limits(1), Interrupts(how_to_resume) as interrupts:
        shop = Workshop(
            task=task,
            store=store,
            executor=executor,
            listener=listener,
            interrupts=interrupts,
            dataset_digest=dataset.digest,
            tally=Tally(executor.n_workers),
            rules=rules,
        )
        reuse_labels(shop)
        _count(shop, dataset)
        try:
            go(shop)
        except ExecutorError as failure:
            raise ExecutorError(f"{failure} Go on with `{how_to_resume}`.") from None


def _tidy(store: Store) -> None:
    """Removes what a killed run left half-written, and notes in the diary who goes on."""
    for folder in (store.folder, store.folder / "checkpoints"):
        sweep(folder)
    with store.transaction():
        store.add_event("started", ", ".join(f"{name} {number}" for name, number in versions().items()))


def build_executor(config: RunConfig, listener: Listener) -> Executor:
    """The executor that the settings name; raises ExecutorError where it cannot be had.

    Args:
        config: Settings.
        listener: Is told what a person should know about workers.
    """
    settings, limit_s = config.executor, config.training.time_limit_s
    if settings.kind is ExecutorKind.SERIAL:
        return SerialExecutor()
    if settings.kind is ExecutorKind.PROCESSES:
        return ProcessExecutor(settings.workers, limit_s, settings.gpus)
    return load_dask_executor()(
        settings.workers,
        scheduler=settings.dask_scheduler,
        time_limit_s=limit_s,
        n_gpus=settings.gpus,
        tell=lambda text: listener.tell(Message(text=text, warning=True)),
    )


def _count(shop: Workshop, dataset: Dataset) -> None:
    """Tells the tally what is to be trained and what has been."""
    config, space = shop.task.config, shop.task.space
    training = config.training
    n_finalists = len(shop.store.plans(FINALISTS)) or most_finalists(config)
    n_train, n_validation = len(dataset.train), len(dataset.validation)
    n_test = min(training.judge_images or len(dataset.test), len(dataset.test))
    designs = {plan.digest: plan.design for plan in shop.store.plans() if plan.batch != REUSED}
    for batch, name, n in (
        (FIRST, training.protocol, training.n_labels),
        (FINALISTS, training.finalist_protocol, n_finalists),
    ):
        protocol = load_protocol(name)
        judged = min(protocol.n_validation or n_validation, n_validation) + (n_test if batch == FINALISTS else 0)
        kind = FINALISTS if batch == FINALISTS else SEARCHED
        shop.tally.expect(
            kind,
            n,
            work=work_of(protocol, n_train, judged),
            images=images_trained(protocol, n_train),
            batch_size=None if batch == FINALISTS else training.designs_per_round,
        )
        context = shop.context(batch, protocol)
        trained = designs.keys() - reused_digests(shop, context)
        for label in shop.store.labels(context).values():
            if label.digest in trained:
                genome = space.encode([design_from_text(designs[label.digest])])
                shop.tally.add(kind, label.seconds, float(macs(space, genome)[0]))


def _changed(before: RunConfig, overrides: Mapping[str, object], folder: Path) -> RunConfig:
    """The stored settings with the allowed changes; raises StoreError for others."""
    plain = before.to_plain()
    _drop_other_executors(plain, overrides)
    for name, value in overrides.items():
        allowed = any(name == free or name.startswith(f"{free}.") for free in CHANGEABLE)
        table: dict[str, Any] = plain
        *path, last = name.split(".")
        for part in path:
            table = table.setdefault(part, {})
        if not allowed and table.get(last) != value:
            raise StoreError(
                f"{folder} was begun with {name} = {table.get(last)}, not {value}; a run keeps its settings (only "
                f"{', '.join(CHANGEABLE)} may change). Begin another run with --out."
            )
        table[last] = value
    return parse_config(plain, where="changed settings")


def _drop_other_executors(plain: dict[str, Any], overrides: Mapping[str, object]) -> None:
    """Takes out of stored settings what belongs to the executor that is left: an address, workers, a time limit."""
    stored = plain["executor"]
    kind = overrides.get("executor.kind", stored["kind"])
    if kind != ExecutorKind.DASK:
        stored.pop("dask_scheduler", None)
    if kind == ExecutorKind.SERIAL:
        stored.pop("gpus", None)
        stored.pop("workers", None)
        plain["training"].pop("time_limit_s", None)
    if "executor.dask_scheduler" in overrides:
        stored.pop("workers", None)
