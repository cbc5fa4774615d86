"""`xpert-evo judge`: a trained network measured by the exact emulation, on ideal devices and on draws of noisy ones."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hw_models import CrossbarSpec, HardwareModelError
from xpert_evo.accuracy.crossbars.emulation import EMULATION
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.crossbars.snr import EMULATION_VERSION
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.checkpoints import weights_file
from xpert_evo.accuracy.training.judge import SPLITS, Judgement, Trained, judge
from xpert_evo.accuracy.training.weights import TrainedNetwork, load_network
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.settings import resolve
from xpert_evo.cli.ticker import Ticker
from xpert_evo.cli.training_progress import JudgingProgress
from xpert_evo.cli.unfinished import IDEAL, NOISY, unfinished_judgement
from xpert_evo.config import parse_assignments
from xpert_evo.design import parse_design
from xpert_evo.errors import ConfigError, TrainingError, UsageError
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.validation import nearest, parse
from xpert_evo.versions import versions


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisyDevices:
    """What a second judgement is on.

    Attributes:
        settings: Of the devices.
        n_draws: Devices drawn; none is judged for 0.
        norm_images: Training images that each draw's batch norm is calibrated on; 0 for the training's statistics.
    """

    settings: NonIdealities
    n_draws: int
    norm_images: int

    @classmethod
    def read(cls, noise: Sequence[str], n_draws: int, norm_images: int) -> "NoisyDevices":
        """From the values of `--noise` and its companions; raises ConfigError and UsageError."""
        values = parse_assignments(noise, option="--noise", example="variation_ratio=0.05")
        settings = parse(NonIdealities, values, where="--noise", error=ConfigError)
        if settings.idle:
            name, companion = next(iter(settings.idle.items()))
            raise ConfigError(
                f"--noise {name}={getattr(settings, name)} has no effect without {companion}; add it or leave it out."
            )
        if norm_images and (not n_draws or settings == NonIdealities()):
            raise UsageError(
                "--calibrate-norms calibrates drawn chips, and none is drawn; give --noise and --noise-draws of at "
                "least 1, or leave it out."
            )
        return cls(settings=settings, n_draws=n_draws, norm_images=norm_images)

    @property
    def told(self) -> str:
        """The settings that differ from ideal devices, and the calibration."""
        calibrated = f", batch norm calibrated on {self.norm_images:,} training images" if self.norm_images else ""
        return active(self.settings) + calibrated


def active(devices: NonIdealities) -> str:
    """The settings that differ from ideal devices, in words."""
    off = NonIdealities().model_dump(mode="json")
    # A law of several constants is named alone.
    found = [
        key if isinstance(value, dict) else f"{key} {value}"
        for key, value in devices.model_dump(mode="json").items()
        if value != off[key]
    ]
    return ", ".join(found) or "ideal devices"


def measure(
    trained: Trained,
    weights: Path,
    dataset: Dataset,
    devices: NoisyDevices,
    say: Callable[[str], None],
    *,
    split: str = "test",
    seed: int,
    max_images: int | None = None,
    ticker: Ticker,
) -> tuple[Judgement, Judgement | None]:
    """Accuracy on ideal devices, and on noisy ones where there are any; says each when it is known: they take time.

    Args:
        trained: The network.
        weights: The file that holds it; what is judged is kept beside it until all is.
        dataset: The one that it was trained on.
        devices: Noisy ones.
        say: Told of each accuracy.
        split: "validation" or "test".
        seed: Of the draws.
        max_images: Only the first so many; None for all.
        ticker: Shows how far it is.

    Raises:
        InterruptedRunError: Ctrl-C.
    """
    conditions = {
        "data set": dataset.digest,
        "split": split,
        "images": max_images,
        "crossbar": asdict(trained.network.crossbar_layers[0].geometry.crossbar),
        "devices": devices.settings.model_dump(mode="json"),
        "norm_images": devices.norm_images,
        "seed": seed,
        "emulation": EMULATION_VERSION,
        "versions": versions(),
    }
    n_noisy = devices.n_draws if devices.settings != NonIdealities() else 0
    n_images = len(dataset.validation if split == "validation" else dataset.test)
    with unfinished_judgement(weights, conditions) as so_far, ticker:
        known = so_far.of(IDEAL)
        if known:
            say("going on with a judgement that was stopped")
        n_left = 1 + n_noisy - len(known) - len(so_far.of(NOISY)[:n_noisy])
        what = f"{min(max_images or n_images, n_images):,} {split} images by the {EMULATION}"
        progress = JudgingProgress(what, n_left, ticker)

        def ended(part: str, accuracy: float) -> None:
            progress.ended()
            so_far.add(part, accuracy)

        ideal = judge(
            trained,
            dataset,
            split,
            max_images=max_images,
            known=known,
            on_draw=lambda accuracy: ended(IDEAL, accuracy),
            on_progress=progress.draw,
        )
        say(f"{split}: {100 * ideal.mean:.2f} % of {ideal.n_images:,} images ({ideal.emulation})")
        if not n_noisy:
            return ideal, None

        def tell(number: int, accuracy: float) -> None:
            if devices.n_draws > 1:
                say(f"draw {number} of {devices.n_draws}: {100 * accuracy:.2f} %")

        def judged(accuracy: float) -> None:
            ended(NOISY, accuracy)
            tell(len(so_far.of(NOISY)), accuracy)

        known = so_far.of(NOISY)[: devices.n_draws]
        for number, accuracy in enumerate(known, 1):
            tell(number, accuracy)
        noisy = judge(
            trained,
            dataset,
            split,
            nonidealities=devices.settings,
            n_draws=devices.n_draws,
            norm_images=devices.norm_images,
            seed=seed,
            max_images=max_images,
            known=known,
            on_draw=judged,
            on_progress=progress.draw,
        )
    say(f"{split} with device noise: {_figures(noisy)} ({devices.told})")
    return ideal, noisy


def plain_draws(noisy: Judgement | None) -> dict[str, Any] | None:
    """A judgement of devices at random as plain values; one draw of them has no spread."""
    return None if noisy is None else {**asdict(noisy), "spread": noisy.spread if noisy.n_draws > 1 else None}


def judge_weights(
    path: Path,
    config: Path | None,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    *,
    split: str,
    max_images: int | None,
    noise: Sequence[str],
    noise_draws: int,
    norm_images: int,
    seed: int,
    as_json: bool,
) -> None:
    """Judges the network in a file by `train`; prints sentences, or JSON like that of `result.json`."""
    if split not in SPLITS:
        raise UsageError(f"--split: '{split}' is no split to judge on; {nearest(split, SPLITS)}")
    devices = NoisyDevices.read(noise, noise_draws, norm_images)
    settings = resolve(config, assignments, options)
    trained = load_network(path)
    own = trained.network.crossbar_layers[0].geometry.crossbar
    given = settings.hardware.crossbar.model_dump(exclude_unset=True)
    if given:
        try:
            trained = load_network(path, replace(own, **given))
        except HardwareModelError as failure:
            raise ConfigError(f"the crossbars of {path} cannot be changed so: {failure}") from None
    dataset = cached_dataset(settings.dataset)
    design = parse_design(trained.metadata["design"], where=str(path))
    first, last = trained.network.crossbar_layers[0].geometry, trained.network.crossbar_layers[-1].geometry
    if (first.in_channels, last.out_channels) != (dataset.image_channels, dataset.n_classes):
        raise UsageError(
            f"{path} was trained on {last.out_channels} classes and {first.in_channels} image channels, but "
            f"{dataset.name} has {dataset.n_classes} and {dataset.image_channels}; name its own data with --dataset."
        )
    console = PlainConsole(stderr=as_json)

    def say(line: str) -> None:
        console.lines([line])

    history = {name: trained.metadata.get(name) for name in ("started_from", "noise_aware")}
    say(f"design {design.digest}, {dataset.name}, {_crossbar_words(first.crossbar)}")
    say(f"trained by {_training_words(trained)}")
    for note in dataset.notes:
        say(note)
    ideal, noisy = measure(
        trained,
        weights_file(path),
        dataset,
        devices,
        say,
        split=split,
        seed=seed,
        max_images=max_images,
        ticker=console.ticker(),
    )
    if as_json:
        result = {
            "weights": str(path),
            "design": design.to_plain(),
            "dataset": {"name": dataset.name, "digest": dataset.digest},
            "protocol": trained.protocol.model_dump(mode="json"),
            "crossbar": asdict(first.crossbar),
            "training_seed": trained.metadata.get("seed"),
            "training_validation": trained.metadata.get("validation_accuracy"),
            **history,
            "devices_seed": seed,
            split: asdict(ideal),
            f"{split}_with_device_noise": plain_draws(noisy),
            "device_noise": devices.settings.model_dump(mode="json"),
        }
        sys.stdout.write(json.dumps(result, indent=1) + "\n")


def _training_words(trained: TrainedNetwork) -> str:
    """How a network was trained."""
    words = [f"protocol {trained.protocol.name}, seed {trained.metadata.get('seed')}"]
    start, devices = trained.metadata.get("started_from"), trained.metadata.get("noise_aware")
    if isinstance(start, dict):
        words.append(f"from weights of design {str(start['design'])[:8]} by {start['protocol']}")
    if devices is not None:
        words.append(f"noise-aware ({active(parse(NonIdealities, devices, where='noise_aware', error=TrainingError))})")
    return ", ".join(words)


def _crossbar_words(crossbar: CrossbarSpec) -> str:
    return f"crossbars of {crossbar.rows} x {crossbar.columns}, weights coded {crossbar.coding.value}"


def _figures(noisy: Judgement) -> str:
    if noisy.n_draws == 1:
        return f"{100 * noisy.mean:.2f} %, 1 draw"
    return (
        f"mean {100 * noisy.mean:.2f} %, worst {100 * noisy.worst:.2f} %, standard deviation "
        f"{100 * noisy.spread:.2f} points over {noisy.n_draws} draws"
    )
