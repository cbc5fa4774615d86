"""Starts or resumes a run: opens the resources of its steps, and always closes them."""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from xpert_evo.accuracy.datasets.catalogue import Dataset, dataset_spec
from xpert_evo.accuracy.host_state import own_numerics, threads
from xpert_evo.accuracy.surrogate.kinds import check_kind
from xpert_evo.accuracy.training.protocols import check_from_scratch, load_protocol
from xpert_evo.backbone_remarks import check_depth_choices, remarks_on
from xpert_evo.config import RunConfig, parse_stored
from xpert_evo.design import design_from_text
from xpert_evo.errors import ConfigError, DataError, ExecutorError
from xpert_evo.executor_kinds import kinds_that
from xpert_evo.executors import MAKERS, Executor
from xpert_evo.files import sweep
from xpert_evo.image_sources import form_of, with_absolute_path
from xpert_evo.orchestration.baselines import check_baselines
from xpert_evo.orchestration.chips import device_words
from xpert_evo.orchestration.choosing import check_first_batch, check_spaces
from xpert_evo.orchestration.flow import go
from xpert_evo.orchestration.interrupts import Interrupts
from xpert_evo.orchestration.label_rules import check_rules, run_rules
from xpert_evo.orchestration.names import NATIVE, REFINED, WORKING
from xpert_evo.orchestration.native_plan import check_recipe
from xpert_evo.orchestration.own_files import check_files, keep_files
from xpert_evo.orchestration.proxies import proxy_warnings
from xpert_evo.orchestration.remaining import SplitSizes, count
from xpert_evo.orchestration.resuming import changed_settings, check_native, check_rounds, keep_changes
from xpert_evo.orchestration.reuse import reuse_labels
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.search_version import SEARCH_VERSION, check_search
from xpert_evo.orchestration.tally import Tally
from xpert_evo.orchestration.task import Task, fitted_images, task_of_images
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.progress import Listener, Message, RunBegan, Stage
from xpert_evo.store import Store
from xpert_evo.streams import in_shell
from xpert_evo.versions import versions
from xpert_evo.words import counted

_CHECKING = "reading the images and checking the task"


def prepare(config: RunConfig, *, is_new: bool = True, fits: bool = True) -> tuple[Task, Dataset]:
    """Reads the data and checks the task before anything is written.

    The task's settings contain the absolute path of the data, so that the run can be resumed from another directory.

    Args:
        config: Settings of the run.
        is_new: Whether nothing has been trained yet; some checks are skipped for runs that have begun.
        fits: Whether protocols are fitted to own images, which earlier versions did not do.

    Raises:
        ConfigError, DataError, InfeasibleError, HardwareModelError: The settings or the data are invalid.
    """
    for name in ("protocol", "finalist_protocol"):
        protocol = load_protocol(getattr(config.training, name))
        if is_new:
            check_from_scratch(protocol, f"training.{name}")
    check_kind(config.search.surrogate)
    check_recipe(config, is_new=is_new)
    _check_workers(config)
    config = _located(config)
    dataset = cached_dataset(config.dataset)
    task = task_of_images(config, dataset, fits=fits)
    check_baselines(task)
    if is_new:
        check_depth_choices(task.backbone)
        check_spaces(task)
        check_first_batch(task)
    return task, dataset


def _located(config: RunConfig) -> RunConfig:
    """The settings with the absolute path of the data, where they name a folder or their data set needs one."""
    named = config.dataset
    if named.data_dir is None and form_of(named.name) is None and dataset_spec(named.name).folder is None:
        return config
    located = {"name": with_absolute_path(named.name), "data_dir": str(named.folder)}
    return config.model_copy(update={"dataset": named.model_copy(update=located)})


def _check_workers(config: RunConfig) -> None:
    """Raises ConfigError for settings of workers if the executor has none."""
    useless = {"executor.workers": config.executor.workers, "training.time_limit_s": config.training.time_limit_s}
    for name, value in useless.items():
        if value is not None and not config.executor.kind.record.has_workers:
            raise ConfigError(
                f'{name} = {value:g} has no use with executor.kind = "{config.executor.kind}", where one training '
                f"after another runs in this process; take {kinds_that(lambda record: record.has_workers)}, or leave "
                "it out."
            )


def check_earlier(labels_from: Sequence[Path]) -> None:
    """Raises StoreError where a folder holds no run that labels can be taken from; quick, so it comes first."""
    for earlier in labels_from:
        Store.open_readonly(earlier).close()


@own_numerics()
def begin(config: RunConfig, folder: Path, listener: Listener, labels_from: Sequence[Path] = ()) -> None:
    """Runs a new search; raises the errors of `prepare` and `go`, and StoreError.

    Args:
        config: Settings of the run.
        folder: Folder of the new run.
        listener: Receiver of events.
        labels_from: Folders of earlier runs whose labels are reused where they fit.
    """
    check_earlier(labels_from)
    listener.tell(Stage(text=_CHECKING))
    task, dataset = prepare(config)
    for remark in [*remarks_on(task.backbone), *filter(None, [task.implausibility])]:
        listener.tell(Message(text=remark, warning=True))
    for note in dataset.notes:
        listener.tell(Message(text=note))
    meta = {
        "settings": task.config.to_plain(),
        "versions": versions(),
        "search": SEARCH_VERSION,
        "labels_from": [str(earlier.absolute()) for earlier in labels_from],
        "dataset": {
            "name": dataset.name,
            "digest": dataset.digest,
            "n_classes": dataset.n_classes,
            "image_channels": dataset.image_channels,
            "image_size": list(dataset.image_size),
            "n_images": [len(split) for split in (dataset.train, dataset.validation, dataset.test)],
            **({"class_names": list(dataset.class_names)} if dataset.class_names else {}),
        },
    }
    with closing(build_executor(config, listener)) as executor, Store.create(folder, meta) as store:
        keep_files(store, task.config)
        _work(task, dataset, store, executor, listener)


@own_numerics()
def go_on(folder: Path, overrides: Mapping[str, object], listener: Listener) -> None:
    """Resumes the run in `folder`; raises StoreError for changes of settings that are not allowed."""
    with Store.open(folder) as store:
        before, task, dataset = opened(store, overrides, listener)
        with closing(build_executor(task.config, listener)) as executor:
            keep_changes(store, before, task.config)
            _work(task, dataset, store, executor, listener)


def opened(store: Store, overrides: Mapping[str, object], listener: Listener) -> tuple[RunConfig, Task, Dataset]:
    """The settings of a stored run, and its task and data set with changed settings.

    Raises:
        StoreError: The changes of settings are not allowed, or the run cannot go on under this version.
        ConfigError, DataError, InfeasibleError, HardwareModelError: The settings or the data are invalid.
    """
    folder = store.folder
    before = parse_stored(store.meta("settings"), where=f"settings of {folder}")
    config = changed_settings(before, overrides, folder)
    check_rounds(store, before, config)
    check_native(store, before, config)
    check_files(store, config)
    listener.tell(Stage(text=_CHECKING))
    task, dataset = prepare(config, is_new=False, fits=fitted_images(store.meta("dataset")) is not None)
    known = store.meta("dataset")["digest"]
    if dataset.digest != known:
        raise DataError(
            f"data set {dataset.name} has digest {dataset.digest}, but {folder} was begun with {known}; "
            "give the same images with --set dataset.data_dir=FOLDER, your own ones with --set dataset.name=NAME."
        )
    check_rules(store, task, dataset.digest)
    check_search(store)
    return before, task, dataset


def _work(task: Task, dataset: Dataset, store: Store, executor: Executor, listener: Listener) -> None:
    how_to_resume = f"xpert-evo resume {in_shell(store.folder)}"
    _tidy(store, executor.n_workers)
    rules = run_rules(store, task, dataset.digest)
    listener.tell(Message(text=f"accuracies are measured on {device_words(task.config)}"))
    for text in proxy_warnings(task.space, task.config):
        listener.tell(Message(text=text, warning=True))
    # The workers have the cores, and sums must round alike on every machine.
    with threads(1), threadpool_limits(1), Interrupts(how_to_resume) as interrupts:
        run = RunContext(
            task=task,
            store=store,
            executor=executor,
            listener=listener,
            interrupts=interrupts,
            dataset_digest=dataset.digest,
            tally=Tally(executor.n_workers),
            protocol=task.protocol(task.config.training.protocol),
            finalist_protocol=task.protocol(task.config.training.finalist_protocol),
            rules=rules,
        )
        reuse_labels(run)
        sizes = SplitSizes.of(dataset)
        count(store, task, run.tally, sizes)
        _tell_beginning(run)
        try:
            go(run)
        except ExecutorError as failure:
            raise ExecutorError(f"{failure} Go on with `{how_to_resume}`.") from None


def _tidy(store: Store, n_workers: int) -> None:
    """Removes incomplete files of an interrupted run, and notes the current process in the diary."""
    for folder in (store.folder, store.folder / "checkpoints"):
        sweep(folder)
    with store.transaction():
        store.add_event("started", ", ".join(f"{name} {number}" for name, number in versions().items()))
        store.add_event(
            WORKING, json.dumps({"host": socket.gethostname(), "process": os.getpid(), "n_workers": n_workers})
        )


def build_executor(config: RunConfig, listener: Listener) -> Executor:
    """Builds the executor of the settings; raises ExecutorError if it is not available.

    Args:
        config: Settings of the run.
        listener: Receiver of warnings about workers.
    """
    n_gpus = config.executor.gpus or 0
    if config.executor.dask_scheduler is None and n_gpus > (n_found := torch.cuda.device_count()):
        text = (
            f"executor.gpus = {n_gpus}, but this process can use {counted(n_found, 'CUDA device')}; workers without "
            "one train on the CPU. Correct executor.gpus or CUDA_VISIBLE_DEVICES."
        )
        listener.tell(Message(text=text, warning=True))
    make = MAKERS[config.executor.kind]
    return make(
        config.executor,
        config.training.time_limit_s,
        lambda text: listener.tell(Message(text=text, warning=True)),
    )


def _tell_beginning(run: RunContext) -> None:
    """Reports finished and remaining work and earlier measurements, so that a display can redraw them."""
    designs = {plan.digest: plan.design for plan in run.store.plans() if plan.batch not in {NATIVE, REFINED}}
    contexts = {plan.context for plan in run.store.plans() if plan.batch in {NATIVE, REFINED}}
    labels = [label for label in run.store.all_labels() if label.digest in designs and label.context not in contexts]
    measured: list[tuple[float, float]] = []
    if labels:
        genomes = run.task.space.encode([design_from_text(designs[label.digest]) for label in labels])
        edaps = run.task.own_costs(genomes)["edap"]
        measured = [(float(edap), label.accuracy) for edap, label in zip(edaps, labels, strict=True)]
    run.listener.tell(
        RunBegan(
            done=run.tally.done,
            total=run.tally.total,
            n_workers=run.executor.n_workers,
            measured=tuple(measured),
            hypervolumes=_newest_hypervolumes(run),
            left_s=run.tally.left_s(),
        )
    )


def _newest_hypervolumes(run: RunContext) -> tuple[float, ...]:
    """Returns the hypervolumes of the newest search, whose numbers continue those of the round's other goals."""
    rows, n = run.store.summaries(), run.task.config.search.generations
    if not rows:
        return ()
    newest = rows[-1]["round"], (rows[-1]["generation"] - 1) // n
    return tuple(row["hypervolume"] for row in rows if (row["round"], (row["generation"] - 1) // n) == newest)
