"""`train`: one design trained to the end, judged on the test set with and without device noise."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from xpert_evo.accuracy.training.judge import form_of
from xpert_evo.accuracy.training.results import TrainingResult
from xpert_evo.accuracy.training.training import TrainedDesign, train_design
from xpert_evo.accuracy.training.weights import WEIGHTS_NAME, save_weights
from xpert_evo.config import RunConfig
from xpert_evo.design import Design
from xpert_evo.errors import InterruptedRunError, UsageError
from xpert_evo.files import write_text
from xpert_evo.locks import acquired
from xpert_evo.paths import user_path
from xpert_evo.words import counted
from xpert_evo.workbench.arguments import AnyPath, Settings, settings_beside, settings_of
from xpert_evo.workbench.devices import DEFAULT_NOISE, Noise, NoisyDevices
from xpert_evo.workbench.listening import Listener
from xpert_evo.workbench.measuring import measure
from xpert_evo.workbench.plan import CHECKPOINT_NAME, RESULT_NAME, TrainingPlan, plan_training


def train(
    design: Design | AnyPath,
    *,
    out: AnyPath,
    config: Settings = None,
    protocol: str = "full",
    seed: int = 0,
    judge: bool = True,
    noise: Noise = DEFAULT_NOISE,
    noise_draws: int = 5,
    calibrate_norms: int = 0,
    noise_aware: bool = False,
    start_from: AnyPath | None = None,
    listener: Listener | None = None,
) -> TrainingResult:
    """Trains one design to the end and measures it on the test set, as `xpert-evo train` does.

    The network is left in `weights.safetensors` of the folder, what was found in `result.json`. A call that is
    interrupted leaves a checkpoint of the last epoch; the same call goes on from there. Trains on a GPU where torch
    finds one.

    Args:
        design: A design, such as `run.knee.design`, or a design file.
        out: Folder for the training; made if necessary, must not hold a training that has ended.
        config: Settings, or some of them by dotted name, such as `{"dataset.name": "cifar10"}`. A design file in the
            folder of a run takes those of the run for the others.
        protocol: Name of the training protocol.
        seed: Of initial weights, batches and noise, and of the drawn devices.
        judge: Whether to measure the network on the test set; `judge` does so later.
        noise: The noisy devices: standard deviation of their conductances (`variation_ratio`, relative) and more; None
            for ideal devices alone.
        noise_draws: Noisy devices to draw.
        calibrate_norms: Training images that each drawn chip calibrates its batch norm on; 0 keeps the statistics of
            the training.
        noise_aware: Train with such devices, too, drawn anew in every step.
        start_from: Weights of an earlier training to go on from, or its folder.
        listener: Is told how far the training is.

    Returns:
        The accuracies, fractions: `result.validation_accuracy`, `result.test.mean` (exact emulation, ideal devices) and
        `result.test_with_device_noise.mean`; what was not judged is None.

    Raises:
        UsageError: An argument makes no sense, or the folder cannot be used.
        ConfigError: A setting, the noise or the protocol's name is wrong.
        DesignError: The design is not for its backbone.
        DataError: The data set is missing or damaged.
        TrainingError: The training diverges, or the weights to go on from do not fit.
        InterruptedRunError: Ctrl-C.
    """
    source = design if isinstance(design, Design) else user_path(design)
    if isinstance(source, Design) or isinstance(config, RunConfig):
        settings = settings_of(config)
    else:
        settings, _ = settings_beside(source, config)
    plan = plan_training(
        source,
        settings,
        protocol=protocol,
        seed=seed,
        noisy=NoisyDevices.of(noise, n_draws=noise_draws, norm_images=calibrate_norms),
        noise_aware=noise_aware,
        to_judge=judge,
        start_from=None if start_from is None else user_path(start_from),
        out=user_path(out),
    )
    return carry_out(plan, listener or Listener())


def carry_out(plan: TrainingPlan, listener: Listener) -> TrainingResult:
    """Trains as planned, or goes on where the folder has a checkpoint; writes weights and `result.json`.

    Raises:
        UsageError: The folder cannot be used.
        TrainingError: The training diverges.
        InterruptedRunError: Ctrl-C.
    """
    folder = plan.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        name = plan.spelled("out")
        raise UsageError(f"{folder} cannot be made ({failure.strerror}); choose another {name}.") from None
    checkpoint = folder / CHECKPOINT_NAME
    with _alone(plan), _stoppable(checkpoint):
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
            on_epoch=listener.epoch,
            on_step=listener.step,
        )
        save_weights(trained, folder / WEIGHTS_NAME)
        result = _result(trained, plan, listener)
        write_text(folder / RESULT_NAME, json.dumps(result.to_plain(), indent=1) + "\n")
    checkpoint.unlink(missing_ok=True)
    return result


@contextmanager
def _alone(plan: TrainingPlan) -> Iterator[None]:
    """Keeps others out of the folder of a training; raises UsageError where one is at work there, or has ended."""
    folder, name = plan.folder, plan.spelled("out")
    plan.check_not_ended()
    lock = acquired(
        folder / "train.lock",
        busy=UsageError(
            f"another process is training in {folder}; wait for it, or choose another {name} for another training."
        ),
        unwritable=lambda why: UsageError(f"{folder} cannot be written to ({why}); choose another {name}."),
    )
    try:
        plan.check_not_ended()
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


def _result(trained: TrainedDesign, plan: TrainingPlan, listener: Listener) -> TrainingResult:
    """What the training found, judged where that is planned."""
    form = form_of(trained.protocol)
    listener.trained(trained.validation_accuracy, form)
    ideal, noisy = None, None
    if plan.to_judge:
        weights = plan.folder / WEIGHTS_NAME
        ideal, noisy = measure(trained, weights, plan.dataset, plan.noisy, listener, seed=trained.seed)
    return TrainingResult(
        header=trained.header,
        dataset_name=plan.dataset.name,
        trained_on=_place(trained),
        seconds=trained.seconds,
        validation_emulation=form,
        test=ideal,
        test_with_device_noise=noisy,
        device_noise=plan.noisy.settings if plan.to_judge else None,
    )


def _place(trained: TrainedDesign) -> str:
    """Where and in which type a network was trained, which rounding depends on: `cuda:0`, or `cpu, 2 threads`."""
    device = next(trained.network.parameters()).device
    n_threads = trained.protocol.n_threads or torch.get_num_threads()
    place = f"cpu, {counted(n_threads, 'thread')}" if device.type == "cpu" else str(device)
    return place + (", bfloat16" if trained.type_of_steps is torch.bfloat16 else "")
