"""`xpert-evo train`: one design trained to the end, judged on the test set with and without device noise."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

import torch

from xpert_evo.accuracy.crossbars.emulation import EMULATION
from xpert_evo.accuracy.training.judge import FAST_FORM
from xpert_evo.accuracy.training.training import TrainedDesign, train_design
from xpert_evo.accuracy.training.weights import WEIGHTS_NAME, save_weights
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.judging import measure, plain_draws
from xpert_evo.cli.ticker import Ticker
from xpert_evo.cli.training_plan import (
    CHECKPOINT_NAME,
    RESULT_NAME,
    Asked,
    TrainingPlan,
    check_not_ended,
    plan_training,
    show_plan,
)
from xpert_evo.cli.training_progress import TrainingProgress
from xpert_evo.errors import InterruptedRunError, UsageError
from xpert_evo.files import write_text
from xpert_evo.locks import acquired
from xpert_evo.streams import in_shell
from xpert_evo.words import counted

_NOISELESS_FORM = "fast form: quantisers, ideal ADCs"


def train_one(
    path: Path,
    config: Path | None,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    *,
    dry_run: bool = False,
    **asked: Unpack[Asked],
) -> None:
    """Trains the design in a file, or goes on where `out` has a checkpoint; writes weights and `result.json`.

    Args:
        path: Of the design.
        config: Settings file.
        assignments: Of `--set`.
        options: The command's own settings, by dotted name.
        dry_run: Tell what would be trained and how long it would take, and write nothing.
        **asked: The rest of what the command line asked for.

    Raises:
        UsageError: A file or folder cannot be used.
        InterruptedRunError: Ctrl-C.
    """
    plan = plan_training(path, config, assignments, options, **asked)
    if dry_run:
        show_plan(plan)
        return
    console = PlainConsole()

    def say(line: str) -> None:
        console.lines([line])

    for line in plan.assumptions:
        say(line)
    folder = plan.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise UsageError(f"{folder} cannot be made ({failure.strerror}); choose another --out.") from None
    checkpoint = folder / CHECKPOINT_NAME
    with _alone_in(folder), _stoppable(checkpoint), console.ticker() as ticker:
        progress = TrainingProgress(
            plan.protocol, n_train=plan.n_train, n_validation=plan.n_validation, say=say, ticker=ticker
        )
        trained = train_design(
            plan.design,
            plan.backbone,
            plan.dataset,
            plan.protocol,
            crossbar=plan.crossbar,
            seed=plan.seed,
            checkpoint=checkpoint,
            start_from=plan.start,
            devices=plan.devices,
            on_epoch=progress.epoch,
            on_step=progress.step,
        )
        save_weights(trained, folder / WEIGHTS_NAME)
        result = _result(trained, folder / WEIGHTS_NAME, plan, say, ticker)
        write_text(folder / RESULT_NAME, json.dumps(result, indent=1) + "\n")
    checkpoint.unlink(missing_ok=True)
    say(f"weights and result.json: {folder}")
    if not plan.to_judge:
        say(f"judge them with `xpert-evo judge {in_shell(folder)}`")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keeps others out of the folder of a training; raises UsageError where one is at work there, or has ended."""
    check_not_ended(folder)
    lock = acquired(
        folder / "train.lock",
        busy=UsageError(
            f"another process is training in {folder}; wait for it, or choose another --out for another training."
        ),
        unwritable=lambda why: UsageError(f"{folder} cannot be written to ({why}); choose another --out."),
    )
    try:
        check_not_ended(folder)
        yield
    finally:
        if (folder / RESULT_NAME).exists():  # nobody will train here again, not even who finds no lock
            with suppress(OSError):  # some systems keep a file that is open
                Path(lock.lock_file).unlink()
        lock.release()


@contextmanager
def _stoppable(checkpoint: Path) -> Iterator[None]:
    """Turns Ctrl-C into an InterruptedRunError that says what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        kept = "the epochs that ended are kept in" if checkpoint.is_file() else "no finished epoch is kept in"
        how = "go on from there" if checkpoint.is_file() else "begin anew"
        raise InterruptedRunError(f"stopped; {kept} {checkpoint.parent}. The same command will {how}.") from None


def _result(
    trained: TrainedDesign, weights: Path, plan: TrainingPlan, say: Callable[[str], None], ticker: Ticker
) -> dict[str, Any]:
    """The content of `result.json`."""
    devices, dataset = plan.noisy if plan.to_judge else None, plan.dataset
    form = EMULATION if trained.protocol.exact else FAST_FORM if trained.protocol.noise else _NOISELESS_FORM
    say(
        f"validation: {100 * trained.validation_accuracy:.2f} % of {plan.n_validation:,} images, ideal devices "
        f"(protocol {trained.protocol.name}, {form})"
    )
    ideal, noisy = (
        measure(trained, weights, dataset, devices, say, seed=trained.seed, ticker=ticker) if devices else (None, None)
    )
    return {
        "design": trained.design.to_plain(),
        "dataset": {"name": dataset.name, "digest": dataset.digest},
        "protocol": trained.protocol.model_dump(mode="json"),
        "crossbar": asdict(trained.crossbar),
        "trained_on": _place(trained),
        "seed": trained.seed,
        "started_from": asdict(trained.start.told()) if trained.start else None,
        "noise_aware": trained.devices.model_dump(mode="json") if trained.devices else None,
        "seconds": trained.seconds,
        "validation": trained.validation_accuracy,
        "validation_emulation": form,
        "test": asdict(ideal) if ideal else None,
        "test_with_device_noise": plain_draws(noisy),
        "device_noise": devices.settings.model_dump(mode="json") if devices else None,
    }


def _place(trained: TrainedDesign) -> str:
    """Where and in which type a network was trained, which rounding depends on: `cuda:0`, or `cpu, 2 threads`."""
    device = next(trained.network.parameters()).device
    n_threads = trained.protocol.n_threads or torch.get_num_threads()
    place = f"cpu, {counted(n_threads, 'thread')}" if device.type == "cpu" else str(device)
    return place + (", bfloat16" if trained.type_of_steps is torch.bfloat16 else "")
