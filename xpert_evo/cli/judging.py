"""`xpert-evo judge`: a trained network measured by the exact emulation, on ideal devices and on draws of noisy ones."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from hw_models import CrossbarSpec
from xpert_evo.accuracy.datasets import Dataset
from xpert_evo.accuracy.judge import SPLITS, Judgement, Trained, judge
from xpert_evo.accuracy.nonidealities import NonIdealities
from xpert_evo.cli.settings import resolve
from xpert_evo.config import parse_assignments
from xpert_evo.design import parse_design
from xpert_evo.errors import ConfigError, UsageError
from xpert_evo.orchestration.task import build_hardware
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.report.trained import load_network
from xpert_evo.validation import nearest, parse


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
        """From the values of `--noise` and its companions; raises ConfigError."""
        settings = parse(NonIdealities, parse_assignments(noise), where="--noise", error=ConfigError)
        return cls(settings=settings, n_draws=n_draws, norm_images=norm_images)

    @property
    def told(self) -> str:
        """The settings that differ from ideal devices, and the calibration."""
        off = NonIdealities().model_dump(mode="json")
        words = [f"{key} {value}" for key, value in self.settings.model_dump(mode="json").items() if value != off[key]]
        calibrated = [f"batch norm calibrated on {self.norm_images} training images"] if self.norm_images else []
        return ", ".join(words + calibrated)


def measure(
    trained: Trained,
    dataset: Dataset,
    devices: NoisyDevices,
    say: Callable[[str], None],
    *,
    split: str = "test",
    seed: int,
    max_images: int | None = None,
) -> tuple[Judgement, Judgement | None]:
    """Accuracy on ideal devices, and on noisy ones where there are any; says each when it is known: they take time."""
    ideal = judge(trained, dataset, split, max_images=max_images)
    say(f"{split}: {100 * ideal.mean:.2f} % of {ideal.n_images} images ({ideal.emulation})")
    if not devices.n_draws or devices.settings == NonIdealities():
        return ideal, None
    noisy = judge(
        trained,
        dataset,
        split,
        nonidealities=devices.settings,
        n_draws=devices.n_draws,
        norm_images=devices.norm_images,
        seed=seed,
        max_images=max_images,
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
    chosen = build_hardware(settings).crossbar if config is not None or assignments else None
    trained = load_network(path, chosen)
    dataset = cached_dataset(settings.dataset)
    design = parse_design(trained.metadata["design"], where=str(path))
    first, last = trained.network.crossbar_layers[0].geometry, trained.network.crossbar_layers[-1].geometry
    if (first.in_channels, last.out_channels) != (dataset.image_channels, dataset.n_classes):
        raise UsageError(
            f"{path} was trained on {last.out_channels} classes and {first.in_channels} image channels, but "
            f"{dataset.name} has {dataset.n_classes} and {dataset.image_channels}; name its own data with --dataset."
        )
    console = Console(stderr=as_json)

    def say(line: str) -> None:
        console.print(line, highlight=False)

    say(f"design {design.digest}, protocol {trained.protocol.name}, {dataset.name}, {_crossbar_words(first.crossbar)}")
    ideal, noisy = measure(trained, dataset, devices, say, split=split, seed=seed, max_images=max_images)
    if as_json:
        result = {
            "weights": str(path),
            "design": design.to_plain(),
            "dataset": {"name": dataset.name, "digest": dataset.digest},
            "protocol": trained.protocol.model_dump(mode="json"),
            "crossbar": asdict(first.crossbar),
            "seed": seed,
            split: asdict(ideal),
            f"{split}_with_device_noise": plain_draws(noisy),
            "device_noise": devices.settings.model_dump(mode="json"),
        }
        sys.stdout.write(json.dumps(result, indent=1) + "\n")


def _crossbar_words(crossbar: CrossbarSpec) -> str:
    return f"crossbars of {crossbar.rows} x {crossbar.columns}, weights coded {crossbar.coding.value}"


def _figures(noisy: Judgement) -> str:
    if noisy.n_draws == 1:
        return f"{100 * noisy.mean:.2f} %, 1 draw"
    return (
        f"mean {100 * noisy.mean:.2f} %, worst {100 * noisy.worst:.2f} %, spread {100 * noisy.spread:.2f} points over "
        f"{noisy.n_draws} draws"
    )
