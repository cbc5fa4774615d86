"""`xpert-evo train`: one design trained to the end, judged on the test set with and without device noise."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from xpert_evo.accuracy.checkpoints import WEIGHTS_NAME, Epoch, read_start
from xpert_evo.accuracy.datasets import Dataset, dataset_spec
from xpert_evo.accuracy.emulation import EMULATION
from xpert_evo.accuracy.judge import FAST_FORM, save_weights
from xpert_evo.accuracy.protocols import load_protocol
from xpert_evo.accuracy.training import TrainedDesign, check_draws_cells, train_design
from xpert_evo.backbones import backbone_of
from xpert_evo.cli.assumptions import assumption_lines, settings_for
from xpert_evo.cli.judging import NoisyDevices, active, measure, plain_draws
from xpert_evo.design import Design, blaming, load_designs
from xpert_evo.errors import InterruptedRunError, TrainingError, UsageError
from xpert_evo.files import write_text
from xpert_evo.hardware import Hardware
from xpert_evo.locks import acquired
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.words import counted, duration

RESULT_NAME = "result.json"

_NOISELESS_FORM = "fast form: quantisers, ideal ADCs"


def train_one(
    path: Path,
    config: Path | None,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    *,
    protocol: str,
    seed: int,
    noise: Sequence[str],
    noise_draws: int,
    norm_images: int = 0,
    to_judge: bool = True,
    noise_aware: bool = False,
    out: Path | None,
    start_from: Path | None = None,
) -> None:
    """Trains the design in a file, or goes on where `out` has a checkpoint; writes weights and `result.json`.

    Args:
        path: Of the design.
        config: Settings file.
        assignments: Of `--set`.
        options: The command's own settings, by dotted name.
        protocol: Its name.
        seed: Of the training and of the devices drawn.
        noise: Of the devices, as KEY=VALUE.
        noise_draws: Devices drawn.
        norm_images: Training images that each draw's batch norm is calibrated on.
        noise_aware: Train with cells that vary as `noise` says, drawn anew in every step.
        to_judge: Judge on the test set; else the result tells the validation accuracy alone.
        out: Folder; None for one named after design, protocol and seed.
        start_from: Weights to go on from.

    Raises:
        UsageError: A file or folder cannot be used.
        InterruptedRunError: Ctrl-C.
    """
    settings, run = settings_for(path, config, assignments, options)
    devices = NoisyDevices.read(noise, noise_draws, norm_images)
    if noise_aware and (devices.settings.disturbs_converters or not devices.settings.disturbs_cells):
        raise UsageError(
            "--noise-aware draws cells anew in every step of the training; give --noise for cells alone, such as "
            f"variation_ratio=0.05 (got {active(devices.settings)}). `xpert-evo judge` takes the rest."
        )
    design = _only_design(path)
    dataset = cached_dataset(settings.dataset)
    with blaming(str(path)):
        backbone = backbone_of(
            design.backbone,
            settings.space.backbone,
            n_classes=dataset.n_classes,
            image_channels=dataset.image_channels,
        )
        design.check(backbone)
    start = read_start(start_from) if start_from is not None else None
    console = Console()
    chosen = load_protocol(protocol)
    if noise_aware:
        try:
            check_draws_cells(chosen)
        except TrainingError as failure:
            raise UsageError(f"--noise-aware: {failure}") from None

    def say(line: str) -> None:
        console.print(line, highlight=False)

    last = time.perf_counter()

    def tell(epoch: Epoch) -> None:
        nonlocal last
        taken, last = time.perf_counter() - last, time.perf_counter()
        # By this epoch alone: those before may have had smaller images, all of them, or company on the machine.
        area = (chosen.size_in_epoch(epoch.number) / chosen.image_size) ** 2
        left = taken / area * (chosen.epochs_by_area() - chosen.epochs_by_area(epoch.number))
        say(
            f"epoch {epoch.number}/{chosen.epochs}: loss {epoch.loss:.4f}, {duration(taken)}, about {duration(left)} "
            "left"
        )

    for line in assumption_lines(settings, dataset_spec(settings.dataset.name), run):
        say(line)
    variant = ("-noise-aware" if noise_aware else "") + (f"-from-{start.digest[:8]}" if start else "")
    folder = out or Path("runs") / f"train-{design.digest}-{protocol}-{seed}{variant}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise UsageError(f"{folder} cannot be made ({failure.strerror}); choose another --out.") from None
    checkpoint = folder / "checkpoint.safetensors"
    with _alone_in(folder), _stoppable(checkpoint):
        trained = train_design(
            design,
            backbone,
            dataset,
            chosen,
            crossbar=Hardware.of(settings).crossbar,
            seed=seed,
            checkpoint=checkpoint,
            start_from=start,
            devices=devices.settings if noise_aware else None,
            on_epoch=tell,
        )
        save_weights(trained, folder / WEIGHTS_NAME)
        result = _result(trained, folder / WEIGHTS_NAME, dataset, devices if to_judge else None, say)
        write_text(folder / RESULT_NAME, json.dumps(result, indent=1) + "\n")
    checkpoint.unlink(missing_ok=True)
    say(f"weights and result.json: {folder}")
    if not to_judge:
        say(f"judge them with `xpert-evo judge {folder}`")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keeps others out of the folder of a training; raises UsageError where one is at work there, or has ended."""
    _check_not_ended(folder)
    lock = acquired(
        folder / "train.lock",
        busy=UsageError(
            f"another process is training in {folder}; wait for it, or choose another --out for another training."
        ),
        unwritable=lambda why: UsageError(f"{folder} cannot be written to ({why}); choose another --out."),
    )
    try:
        _check_not_ended(folder)
        yield
    finally:
        if (folder / RESULT_NAME).exists():  # nobody will train here again, not even who finds no lock
            with suppress(OSError):  # some systems keep a file that is open
                Path(lock.lock_file).unlink()
        lock.release()


def _check_not_ended(folder: Path) -> None:
    if (folder / RESULT_NAME).exists():
        raise UsageError(
            f"{folder} holds a training that has ended; judge it with `xpert-evo judge {folder}`, or choose another "
            "--out for another one."
        )


@contextmanager
def _stoppable(checkpoint: Path) -> Iterator[None]:
    """Turns Ctrl-C into an InterruptedRunError that says what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        kept = "the epochs that ended are kept in" if checkpoint.is_file() else "no finished epoch is kept in"
        how = "go on from there" if checkpoint.is_file() else "begin anew"
        raise InterruptedRunError(f"stopped; {kept} {checkpoint.parent}. The same command will {how}.") from None


def _only_design(path: Path) -> Design:
    designs = load_designs(path)
    if len(designs) != 1:
        raise UsageError(
            f"{path} holds {len(designs)} designs, and train takes one; write it to a file of its own, such as with "
            f"`xpert-evo show DIR --id {designs[0].digest[:8]} --json > design.json`."
        )
    return designs[0]


def _result(
    trained: TrainedDesign, weights: Path, dataset: Dataset, devices: NoisyDevices | None, say: Callable[[str], None]
) -> dict[str, Any]:
    """The content of `result.json`; without devices the design is not judged."""
    form = EMULATION if trained.protocol.exact else FAST_FORM if trained.protocol.noise else _NOISELESS_FORM
    n_images = min(trained.protocol.n_validation or len(dataset.validation), len(dataset.validation))
    say(
        f"validation: {100 * trained.validation_accuracy:.2f} % of {n_images:,} images, ideal devices (protocol "
        f"{trained.protocol.name}, {form})"
    )
    ideal, noisy = measure(trained, weights, dataset, devices, say, seed=trained.seed) if devices else (None, None)
    return {
        "design": trained.design.to_plain(),
        "dataset": {"name": dataset.name, "digest": dataset.digest},
        "protocol": trained.protocol.model_dump(mode="json"),
        "crossbar": asdict(trained.crossbar),
        "trained_on": _place(trained),
        "seed": trained.seed,
        "started_from": trained.start.told() if trained.start else None,
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
