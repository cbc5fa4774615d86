"""`judge`: measures a trained network in the exact emulation, on ideal devices and on draws of noisy ones."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hw_models import HardwareModelError
from xpert_evo.accuracy.training.judge import SPLITS
from xpert_evo.accuracy.training.matching import check_images, check_name
from xpert_evo.accuracy.training.results import JudgementResult
from xpert_evo.accuracy.training.weights import TrainedNetwork, load_network, weights_file
from xpert_evo.accuracy.training.yields import yield_of
from xpert_evo.config import RunConfig
from xpert_evo.config.problem import HardwareConfig
from xpert_evo.errors import ConfigError, UsageError
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.paths import user_path
from xpert_evo.validation import nearest
from xpert_evo.workbench.arguments import AnyPath, Settings, Spelling, as_argument, settings_of
from xpert_evo.workbench.devices import Noise, NoisyDevices
from xpert_evo.workbench.listening import Listener
from xpert_evo.workbench.measuring import measure
from xpert_evo.workbench.plan import RESULT_NAME


def judge(
    weights: AnyPath,
    *,
    config: Settings = None,
    split: str = "test",
    images: int | None = None,
    noise: Noise = None,
    noise_draws: int | None = None,
    calibrate_norms: int | None = None,
    ideal: bool = False,
    at: Sequence[float] = (),
    least_accuracy: float | None = None,
    seed: int = 0,
    listener: Listener | None = None,
) -> JudgementResult:
    """Measures a trained network in the exact emulation of its crossbars, like `xpert-evo judge`.

    Ideal devices are judged first, then the draws of noisy ones. If a call is interrupted, its finished draws are kept
    in a file beside the weights, and the same call continues with the next draw.

    Args:
        weights: A file written by `train` or `pack`, or the folder of a training.
        config: Settings, or some of them by dotted name, such as `{"dataset.name": "cifar10"}`. They select the data
            set, and those of `hardware.crossbar` override the crossbars of the training.
        split: Split to judge on, "validation" or "test".
        images: Number of images to use, from the first; None for all.
        noise: Values that replace those of the chip's devices, such as `variation_ratio`, the relative standard
            deviation of their conductances; a complete `NonIdealities` replaces all of them.
        noise_draws: Number of chips to draw; None for five. If all chips are alike, one is judged.
        calibrate_norms: Number of training images on which each chip, also an ideal one, calibrates its batch norm; 0
            keeps the statistics of the training; None calibrates drawn chips on 512 images, and ideal devices not at
            all.
        ideal: Whether devices are ideal except for `noise`, instead of those of `hardware.device`.
        at: Times after programming at which the drawn chips are judged [s], the first alone if all give the same; none
            for the setting `training.chip_time_s`.
        least_accuracy: Accuracy that a chip must reach to count in the yield (a fraction); None for no yield. Chips
            that are all alike have none.
        seed: Random seed of the device draws.
        listener: Listener that follows the progress.

    Returns:
        The accuracies as fractions: `result.ideal.mean`, and `mean`, `worst` and `spread` of `result.noisy`, which is
        None if no chips were drawn; `result.over_time` and `result.yields` if they were requested.

    Raises:
        UsageError: An argument is invalid; the data set has other classes or channels than that of the training, or is
            another one although no setting names it.
        ConfigError: A setting or the noise is wrong.
        TrainingError: The file is missing or damaged.
        DataError: The data set is missing or damaged, or there are too few training images to calibrate on.
        InterruptedRunError: Ctrl-C.
    """
    if images is not None and images < 1:
        raise UsageError(f"images must be at least 1, got {images}.")
    check_split(split)
    path, settings = user_path(weights), settings_of(config)
    devices = NoisyDevices.of(
        noise,
        n_draws=noise_draws,
        norm_images=calibrate_norms,
        hardware=None if ideal else chip_of(path, settings),
        time_s=settings.training.chip_time_s,
        times_s=at,
        least_accuracy=least_accuracy,
    )
    return judge_weights(
        path,
        settings,
        devices,
        split=split,
        max_images=images,
        seed=seed,
        listener=listener or Listener(),
    )


def check_split(split: str, spelled: Spelling = as_argument) -> None:
    """Raises UsageError if networks cannot be judged on a split."""
    if split not in SPLITS:
        raise UsageError(f"{spelled('split')}: '{split}' is not a split to judge on; {nearest(split, SPLITS)}")


def judge_weights(
    path: Path,
    settings: RunConfig,
    devices: NoisyDevices,
    *,
    split: str,
    max_images: int | None,
    seed: int,
    listener: Listener,
) -> JudgementResult:
    """Judges the network in a file; takes the checked arguments of `judge` and raises the same errors."""
    trained = _on_crossbars(path, settings)
    unnamed = "name" not in settings.dataset.model_fields_set  # other images are judged only where they are asked for
    check_name(path, trained, settings.dataset.name, same=unnamed)
    dataset = cached_dataset(settings.dataset)
    check_images(path, trained, dataset, same=unnamed)
    listener.loaded(trained, dataset)
    ideal, chips = measure(
        trained, weights_file(path), dataset, devices, listener, split=split, seed=seed, max_images=max_images
    )
    noisy, least = chips[0].judgement if chips else None, devices.least_accuracy
    return JudgementResult(
        weights=str(path),
        header=trained.header,
        dataset_name=dataset.name,
        dataset=dataset.digest,
        crossbar=trained.network.crossbar,
        devices_seed=seed,
        ideal=ideal,
        noisy=noisy,
        device_noise=devices.settings,
        devices=devices.told,
        over_time=chips if len(chips) > 1 else (),
        yields=None if noisy is None or least is None else yield_of(noisy.accuracies, least),
    )


def chip_of(path: Path, settings: RunConfig) -> HardwareConfig:
    """The chip whose devices a network is judged on: that of the settings where they name one, else of the training."""
    given = settings.hardware.model_fields_set & {"device", "technology"}
    known = _devices_beside(weights_file(path))
    return settings.hardware.model_copy(update={name: value for name, value in known.items() if name not in given})


def _devices_beside(weights: Path) -> dict[str, str]:
    """Device and technology named by the `result.json` of a training; empty for other files of weights."""
    try:
        plain = json.loads((weights.parent / RESULT_NAME).read_text(encoding="utf-8"))
        chip = plain.get("chip") or {}
        return {name: str(chip[name]) for name in ("device", "technology") if name in chip}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _on_crossbars(path: Path, settings: RunConfig) -> TrainedNetwork:
    """The network in a file on the crossbars of its training, with overrides from the settings."""
    trained = load_network(path)
    given = settings.hardware.crossbar.model_dump(exclude_unset=True)
    if not given:
        return trained
    own = trained.network.crossbar
    chosen = {kind.record.cost_attribute: kind for kind in trained.header.design.kinds if kind.record.is_of_crossbar}
    if twice := sorted(set(given) & set(chosen)):
        raise ConfigError(
            f"the design of {path} chooses its {chosen[twice[0]].record.label} itself; leave "
            f"hardware.crossbar.{twice[0]} out."
        )
    try:
        return load_network(path, replace(own, **given))
    except HardwareModelError as failure:
        raise ConfigError(f"the crossbars of {path} cannot be changed like this: {failure}") from None
