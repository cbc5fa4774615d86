"""`judge`: a trained network measured by the exact emulation, on ideal devices and on draws of noisy ones."""

from dataclasses import replace
from pathlib import Path

from hw_models import HardwareModelError
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.judge import SPLITS
from xpert_evo.accuracy.training.results import JudgementResult
from xpert_evo.accuracy.training.weights import TrainedNetwork, load_network, weights_file
from xpert_evo.config import RunConfig
from xpert_evo.errors import ConfigError, UsageError
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.paths import user_path
from xpert_evo.validation import nearest
from xpert_evo.workbench.arguments import AnyPath, Settings, Spelling, as_argument, settings_of
from xpert_evo.workbench.devices import DEFAULT_NOISE, Noise, NoisyDevices
from xpert_evo.workbench.listening import Listener
from xpert_evo.workbench.measuring import measure


def judge(
    weights: AnyPath,
    *,
    config: Settings = None,
    split: str = "test",
    images: int | None = None,
    noise: Noise = DEFAULT_NOISE,
    noise_draws: int = 5,
    calibrate_norms: int = 0,
    seed: int = 0,
    listener: Listener | None = None,
) -> JudgementResult:
    """Measures a trained network on chip by the exact emulation, as `xpert-evo judge` does.

    Ideal devices are judged first, then the draws of noisy ones. A call that is interrupted keeps the draws that were
    judged in a file beside the weights; the same call goes on from there.

    Args:
        weights: A file of `train` or `pack`, or the folder of a training.
        config: Settings, or some of them by dotted name. The data set is taken from them, such as
            `{"dataset.name": "cifar10"}`, and what they say of `hardware.crossbar` in place of the training's.
        split: "validation" or "test".
        images: Judge on the first N images only; None for all.
        noise: The noisy devices: standard deviation of their conductances (`variation_ratio`, relative) and more.
        noise_draws: Noisy devices to draw.
        calibrate_norms: Training images that each drawn chip calibrates its batch norm on; 0 keeps the statistics of
            the training.
        seed: Of the drawn devices.
        listener: Is told how far the judgement is.

    Returns:
        The accuracies, fractions: `result.ideal.mean`, and `mean`, `worst` and `spread` of `result.noisy`, which is
        None where no noisy devices were drawn.

    Raises:
        UsageError: An argument makes no sense, or the images have other classes or planes than the training's.
        ConfigError: A setting or the noise is wrong.
        TrainingError: The file is missing or damaged.
        DataError: The data set is missing or damaged, or there are too few training images to calibrate on.
        InterruptedRunError: Ctrl-C.
    """
    if images is not None and images < 1:
        raise UsageError(f"images must be at least 1, got {images}.")
    check_split(split)
    devices = NoisyDevices.of(noise, n_draws=noise_draws, norm_images=calibrate_norms)
    return judge_weights(
        user_path(weights),
        settings_of(config),
        devices,
        split=split,
        max_images=images,
        seed=seed,
        listener=listener or Listener(),
    )


def check_split(split: str, spelled: Spelling = as_argument) -> None:
    """Raises UsageError where images are asked for that nothing is judged on."""
    if split not in SPLITS:
        raise UsageError(f"{spelled('split')}: '{split}' is no split to judge on; {nearest(split, SPLITS)}")


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
    """Judges the network in a file; arguments and failures as those of `judge`, checked already."""
    trained = _on_crossbars(path, settings)
    dataset = cached_dataset(settings.dataset)
    _check_images(trained, dataset, path)
    listener.loaded(trained, dataset)
    ideal, noisy = measure(
        trained, weights_file(path), dataset, devices, listener, split=split, seed=seed, max_images=max_images
    )
    return JudgementResult(
        weights=str(path),
        header=trained.header,
        dataset_name=dataset.name,
        dataset=dataset.digest,
        crossbar=trained.network.crossbar_layers[0].geometry.crossbar,
        devices_seed=seed,
        ideal=ideal,
        noisy=noisy,
        device_noise=devices.settings,
    )


def _on_crossbars(path: Path, settings: RunConfig) -> TrainedNetwork:
    """The network in a file on the crossbars of its training, changed as far as the settings say so."""
    trained = load_network(path)
    given = settings.hardware.crossbar.model_dump(exclude_unset=True)
    if not given:
        return trained
    own = trained.network.crossbar_layers[0].geometry.crossbar
    try:
        return load_network(path, replace(own, **given))
    except HardwareModelError as failure:
        raise ConfigError(f"the crossbars of {path} cannot be changed so: {failure}") from None


def _check_images(trained: TrainedNetwork, dataset: Dataset, path: Path) -> None:
    first, last = trained.network.crossbar_layers[0].geometry, trained.network.crossbar_layers[-1].geometry
    if (first.in_channels, last.out_channels) != (dataset.image_channels, dataset.n_classes):
        raise UsageError(
            f"{path} was trained on {last.out_channels} classes and {first.in_channels} image channels, but "
            f"{dataset.name} has {dataset.n_classes} and {dataset.image_channels}; name its own data with "
            "--dataset, or as the setting dataset.name."
        )
