"""`train`: trains one design and judges it on the test set, with and without device noise."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from xpert_evo.accuracy.training.judge import Judgement, form_of
from xpert_evo.accuracy.training.recipes import DEFAULT_RECIPE
from xpert_evo.accuracy.training.results import AgedJudgement, TrainingResult
from xpert_evo.accuracy.training.training import TrainedDesign, train_design
from xpert_evo.accuracy.training.weights import WEIGHTS_NAME, save_weights
from xpert_evo.config import RunConfig
from xpert_evo.design import Design
from xpert_evo.errors import UsageError
from xpert_evo.files import write_text
from xpert_evo.paths import user_path
from xpert_evo.workbench.arguments import AnyPath, Settings, Spelling, as_argument, settings_beside, settings_of
from xpert_evo.workbench.devices import Noise, NoisyDevices
from xpert_evo.workbench.folders import alone, make_folder, place_words, stoppable
from xpert_evo.workbench.listening import Listener
from xpert_evo.workbench.measuring import measure
from xpert_evo.workbench.plan import CHECKPOINT_NAME, RESULT_NAME, TrainingPlan, plan_training
from xpert_evo.workbench.recipes import carry_out_recipe, plan_recipe


class Asked(TypedDict):
    """Checked arguments of both kinds of training."""

    seed: int
    noisy: NoisyDevices
    noise_aware: bool
    to_judge: bool
    start_from: Path | None
    teachers: Sequence[Path]
    out: Path | None


def train(
    design: Design | AnyPath,
    *,
    out: AnyPath,
    config: Settings = None,
    recipe: str | None = None,
    hours: float | None = None,
    protocol: str | None = None,
    seed: int = 0,
    judge: bool = True,
    noise: Noise = None,
    noise_draws: int | None = None,
    calibrate_norms: int | None = None,
    ideal: bool = False,
    noise_aware: bool = False,
    start_from: AnyPath | None = None,
    teachers: Sequence[AnyPath] = (),
    listener: Listener | None = None,
) -> TrainingResult:
    """Trains one design and measures it on the test set, like `xpert-evo train`.

    Writes the network to `weights.safetensors` and the results to `result.json` in the folder. If a call is
    interrupted, it leaves finished stages and a checkpoint of the last epoch, and the same call continues from there.
    Trains on a GPU if torch finds one.

    Args:
        design: A design, such as `run.knee.design`, or the path of a design file.
        out: Folder of the training; created if necessary, and must not contain a finished training.
        config: Settings, or some of them by dotted name, such as `{"dataset.name": "cifar10"}`. For a design file in
            the folder of a run, the other settings are those of the run.
        recipe: Name or TOML file of a recipe, a sequence of stages; "hour" if neither it nor a protocol is given.
        hours: Budget that the recipe's epochs are scaled to on this machine [h]; None for the recipe as it is.
        protocol: Name of a single training protocol instead of a recipe.
        seed: Random seed of initial weights, batches, noise and device draws.
        judge: Whether to measure the network on the test set; `judge` can do so later.
        noise: Values that replace those of the chip's devices, such as `variation_ratio`, the relative standard
            deviation of their conductances; a complete `NonIdealities` replaces all of them.
        noise_draws: Number of chips to draw; None for five. If all chips are alike, one is judged. Chips are judged
            `training.chip_time_s` after programming, unless the noise gives another time.
        calibrate_norms: Number of training images on which each chip calibrates its batch norm; 0 keeps the statistics
            of the training; None calibrates drawn chips on 512 images, and ideal devices not at all.
        ideal: Whether devices are ideal except for `noise`, instead of those of `hardware.device`.
        noise_aware: Whether to train with these devices, too, drawn anew in every step.
        start_from: Weights of an earlier training to start from, or its folder.
        teachers: Trained networks for the same images, by their files or folders: the network learns seven tenths of
            their mean class probabilities and three tenths of the labels (distillation). Steps take longer by the
            time of their evaluation.
        listener: Listener that follows the progress.

    Returns:
        The accuracies as fractions: `result.validation_accuracy`, `result.test.mean` (exact emulation, ideal devices)
        and `result.test_with_device_noise.mean`; accuracies that were not measured are None.

    Raises:
        UsageError: An argument is invalid, or the folder cannot be used.
        ConfigError: A setting, the noise, the recipe or the name of the protocol is wrong.
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
    check_either(protocol, recipe, hours)
    listener = listener or Listener()
    asked: Asked = {
        "seed": seed,
        "noisy": NoisyDevices.of(
            noise,
            n_draws=noise_draws,
            norm_images=calibrate_norms,
            hardware=None if ideal else settings.hardware,
            time_s=settings.training.chip_time_s,
        ),
        "noise_aware": noise_aware,
        "to_judge": judge,
        "start_from": None if start_from is None else user_path(start_from),
        "teachers": [user_path(one) for one in teachers],
        "out": user_path(out),
    }
    if protocol is not None:
        return carry_out(plan_training(source, settings, protocol=protocol, **asked), listener)
    return carry_out_recipe(
        plan_recipe(source, settings, recipe=recipe or DEFAULT_RECIPE, hours=hours, **asked), listener
    )


def check_either(
    protocol: str | None, recipe: str | None, hours: float | None, spelled: Spelling = as_argument
) -> None:
    """Raises UsageError if both a protocol and a recipe are given, or a budget for a protocol."""
    other = spelled("recipe") if recipe is not None else spelled("hours") if hours is not None else None
    if protocol is not None and other is not None:
        raise UsageError(
            f"{spelled('protocol')} {protocol} is a single stage and cannot be combined with {other}; leave one out."
        )


def carry_out(plan: TrainingPlan, listener: Listener) -> TrainingResult:
    """Trains as planned, or continues from a checkpoint in the folder; writes weights and `result.json`.

    Raises:
        UsageError: The folder cannot be used.
        TrainingError: The training diverges.
        InterruptedRunError: Ctrl-C.
    """
    folder = plan.folder
    make_folder(plan)
    checkpoint = folder / CHECKPOINT_NAME
    with alone(plan), stoppable(folder, checkpoint.is_file):
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
            teacher=plan.teacher,
            on_epoch=listener.epoch,
            on_step=listener.step,
        )
        save_weights(trained, folder / WEIGHTS_NAME)
        result = _result(trained, plan, listener)
        write_text(folder / RESULT_NAME, json.dumps(result.to_plain(), indent=1) + "\n")
    checkpoint.unlink(missing_ok=True)
    return result


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
        trained_on=place_words(trained.protocol, next(trained.network.parameters()).device),
        seconds=trained.seconds,
        validation_emulation=form,
        test=ideal,
        test_with_device_noise=chips[0].judgement if chips else None,
        device_noise=plan.noisy.settings if plan.to_judge else None,
        devices=plan.noisy.told if plan.to_judge else None,
        chip=plan.chip,
    )
