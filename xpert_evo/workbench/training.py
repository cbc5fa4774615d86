"""`train`: trains one design and judges it on the test set, with and without device noise."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from xpert_evo.accuracy.training.judge import Judgement, form_of
from xpert_evo.accuracy.training.results import AgedJudgement, TrainingResult
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
from xpert_evo.workbench.devices import Noise, NoisyDevices
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
    noise: Noise = None,
    noise_draws: int | None = None,
    calibrate_norms: int | None = None,
    ideal: bool = False,
    noise_aware: bool = False,
    start_from: AnyPath | None = None,
    listener: Listener | None = None,
) -> TrainingResult:
    """Trains one design and measures it on the test set, like `xpert-evo train`.

    Writes the network to `weights.safetensors` and the results to `result.json` in the folder. If a call is
    interrupted, it leaves a checkpoint of the last epoch, and the same call continues from there. Trains on a GPU if
    torch finds one.

    Args:
        design: A design, such as `run.knee.design`, or the path of a design file.
        out: Folder of the training; created if necessary, and must not contain a finished training.
        config: Settings, or some of them by dotted name, such as `{"dataset.name": "cifar10"}`. For a design file in
            the folder of a run, the other settings are those of the run.
        protocol: Name of the training protocol.
        seed: Random seed of initial weights, batches, noise and device draws.
        judge: Whether to measure the network on the test set; `judge` can do so later.
        noise: Values that replace those of the chip's devices, such as `variation_ratio`, the relative standard
            deviation of their conductances; a complete `NonIdealities` replaces all of them.
        noise_draws: Number of chips to draw; None for five, or one if all chips are alike.
        calibrate_norms: Number of training images on which each chip calibrates its batch norm; 0 keeps the statistics
            of the training; None calibrates drawn chips on 512 images, and ideal devices not at all.
        ideal: Whether devices are ideal except for `noise`, instead of those of `hardware.device`.
        noise_aware: Whether to train with these devices, too, drawn anew in every step.
        start_from: Weights of an earlier training to start from, or its folder.
        listener: Listener that follows the progress.

    Returns:
        The accuracies as fractions: `result.validation_accuracy`, `result.test.mean` (exact emulation, ideal devices)
        and `result.test_with_device_noise.mean`; accuracies that were not measured are None.

    Raises:
        UsageError: An argument is invalid, or the folder cannot be used.
        ConfigError: A setting, the noise or the name of the protocol is wrong.
        DesignError: The design does not fit its backbone.
        DataError: The data set is missing or damaged.
        TrainingError: The training diverges, or the start weights do not fit.
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
        noisy=NoisyDevices.of(
            noise,
            n_draws=noise_draws,
            norm_images=calibrate_norms,
            hardware=None if ideal else settings.hardware,
        ),
        noise_aware=noise_aware,
        to_judge=judge,
        start_from=None if start_from is None else user_path(start_from),
        out=user_path(out),
    )
    return carry_out(plan, listener or Listener())


def carry_out(plan: TrainingPlan, listener: Listener) -> TrainingResult:
    """Trains as planned, or continues from a checkpoint in the folder; writes weights and `result.json`.

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
        raise UsageError(f"{folder} cannot be created ({failure.strerror}); choose another {name}.") from None
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
    """Locks the folder of a training; raises UsageError if another training is running or has finished there."""
    folder, name = plan.folder, plan.spelled("out")
    plan.check_not_ended()
    lock = acquired(
        folder / "train.lock",
        busy=UsageError(f"another process is training in {folder}; wait for it, or choose another {name}."),
        unwritable=lambda why: UsageError(f"{folder} cannot be written to ({why}); choose another {name}."),
    )
    try:
        plan.check_not_ended()
        yield
    finally:
        if (folder / RESULT_NAME).exists():  # a finished folder is refused anyway, so it needs no lock
            with suppress(OSError):  # some systems do not delete open files
                Path(lock.lock_file).unlink()
        lock.release()


@contextmanager
def _stoppable(checkpoint: Path) -> Iterator[None]:
    """Turns Ctrl-C into an InterruptedRunError that describes what is kept and how to continue."""
    try:
        yield
    except KeyboardInterrupt:
        kept = "finished epochs are kept in" if checkpoint.is_file() else "no finished epoch is kept in"
        how = "continue from there" if checkpoint.is_file() else "start again"
        raise InterruptedRunError(f"stopped; {kept} {checkpoint.parent}. The same command will {how}.") from None


def _result(trained: TrainedDesign, plan: TrainingPlan, listener: Listener) -> TrainingResult:
    """The result of the training, including the judgement if one is planned."""
    form = form_of(trained.protocol)
    listener.trained(trained.validation_accuracy, form)
    ideal: Judgement | None = None
    chips: tuple[AgedJudgement, ...] = ()
    if plan.to_judge:
        weights = plan.folder / WEIGHTS_NAME
        ideal, chips = measure(trained, weights, plan.dataset, plan.noisy, listener, seed=trained.seed)
    return TrainingResult(
        header=trained.header,
        dataset_name=plan.dataset.name,
        trained_on=_place(trained),
        seconds=trained.seconds,
        validation_emulation=form,
        test=ideal,
        test_with_device_noise=chips[0].judgement if chips else None,
        device_noise=plan.noisy.settings if plan.to_judge else None,
        devices=plan.noisy.told if plan.to_judge else None,
        chip=plan.chip,
    )


def _place(trained: TrainedDesign) -> str:
    """Device, threads and number type of a training, which determine rounding: `cuda:0`, or `cpu, 2 threads`."""
    device = next(trained.network.parameters()).device
    n_threads = trained.protocol.n_threads or torch.get_num_threads()
    place = f"cpu, {counted(n_threads, 'thread')}" if device.type == "cpu" else str(device)
    return place + (", bfloat16" if trained.type_of_steps is torch.bfloat16 else "")
