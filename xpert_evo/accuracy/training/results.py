"""What a training and a judgement found, as values and as the JSON of `result.json` and `xpert-evo judge --json`.

Files of earlier versions are read, too: they call the validation accuracy of a training `validation` (`result.json`) or
`training_validation` (`judge --json`), and lack entries that came later, which are None then.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.training.judge import SPLITS, Judgement
from xpert_evo.accuracy.training.weights_header import (
    VALIDATION_ACCURACY,
    WeightsHeader,
    read_crossbar,
    read_devices,
)
from xpert_evo.errors import TrainingError

_EARLIER_NAMES = ("validation", "training_validation")
"""Of the validation accuracy, in files of earlier versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """What a training found: the content of `result.json`.

    Attributes:
        header: What was trained and how, with the validation accuracy, as in the file of the weights.
        dataset_name: Name of the data set.
        trained_on: Device and type of the steps, such as `cuda:0` or `cpu, 2 threads, bfloat16`; None in older files.
        seconds: Time that training and measuring took [s]; None where the file does not say.
        validation_emulation: How the crossbars were computed for the validation accuracy; None in older files.
        test: Judgement of ideal devices on the test set; None where the training was not judged.
        test_with_device_noise: Judgement of noisy devices; None where none were drawn.
        device_noise: The noisy devices; None where the training was not judged.
    """

    header: WeightsHeader
    dataset_name: str
    trained_on: str | None
    seconds: float | None
    validation_emulation: str | None
    test: Judgement | None
    test_with_device_noise: Judgement | None
    device_noise: NonIdealities | None

    @property
    def validation_accuracy(self) -> float | None:
        """Fraction of the validation images classified correctly on ideal devices; None where the file lacks it."""
        return self.header.validation_accuracy

    def to_plain(self) -> dict[str, Any]:
        """Dictionaries, lists, strings and numbers, as in `result.json`."""
        header = self.header.to_plain()
        return {
            "design": header["design"],
            "dataset": {"name": self.dataset_name, "digest": self.header.dataset},
            "protocol": header["protocol"],
            "crossbar": header.get("crossbar"),
            **({"backbone": header["backbone"]} if "backbone" in header else {}),
            "trained_on": self.trained_on,
            "seed": self.header.seed,
            "started_from": header.get("started_from"),
            "noise_aware": header.get("noise_aware"),
            "seconds": self.seconds,
            VALIDATION_ACCURACY: self.header.validation_accuracy,
            "validation_emulation": self.validation_emulation,
            "test": None if self.test is None else asdict(self.test),
            "test_with_device_noise": _plain_draws(self.test_with_device_noise),
            "device_noise": _plain_devices(self.device_noise),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], *, where: str) -> "TrainingResult":
        """The result in the content of a `result.json`, of this version or an earlier one.

        Args:
            plain: The content.
            where: The file, for messages.

        Raises:
            TrainingError: It is something else, or damaged.
        """
        with_name = _with_validation_accuracy(plain)
        dataset = _dataset(plain, where)
        return cls(
            header=WeightsHeader.from_plain({**with_name, "dataset": dataset["digest"]}, where=where),
            dataset_name=dataset["name"],
            trained_on=plain.get("trained_on"),
            seconds=plain.get("seconds"),
            validation_emulation=plain.get("validation_emulation"),
            test=_judgement(plain.get("test"), where),
            test_with_device_noise=_judgement(plain.get("test_with_device_noise"), where),
            device_noise=read_devices(plain.get("device_noise"), where=where),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementResult:
    """What a judgement of trained weights found: the content of `xpert-evo judge --json`.

    Attributes:
        weights: The file, or the folder of the training.
        header: What the file says of its weights; data set and crossbar are those of the training.
        dataset_name: Name of the data set that the judgement is of.
        dataset: Its digest.
        crossbar: The arrays that were judged.
        devices_seed: Seed of the drawn devices.
        ideal: Judgement of ideal devices.
        noisy: Judgement of noisy devices; None where none were drawn.
        device_noise: The noisy devices.
    """

    weights: str
    header: WeightsHeader
    dataset_name: str
    dataset: str
    crossbar: CrossbarSpec
    devices_seed: int
    ideal: Judgement
    noisy: Judgement | None
    device_noise: NonIdealities

    def to_plain(self) -> dict[str, Any]:
        """Dictionaries, lists, strings and numbers, as `xpert-evo judge --json` prints them."""
        header, split = self.header.to_plain(), self.ideal.split
        return {
            "weights": self.weights,
            "design": header["design"],
            "dataset": {"name": self.dataset_name, "digest": self.dataset},
            "protocol": header["protocol"],
            "crossbar": asdict(self.crossbar),
            **({"backbone": header["backbone"]} if "backbone" in header else {}),
            "training_seed": self.header.seed,
            "training_dataset": self.header.dataset,
            "training_crossbar": header.get("crossbar"),
            VALIDATION_ACCURACY: self.header.validation_accuracy,
            "started_from": header.get("started_from"),
            "noise_aware": header.get("noise_aware"),
            "devices_seed": self.devices_seed,
            split: asdict(self.ideal),
            f"{split}_with_device_noise": _plain_draws(self.noisy),
            "device_noise": _plain_devices(self.device_noise),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], *, where: str) -> "JudgementResult":
        """The result in what `xpert-evo judge --json` of this version or an earlier one printed.

        Args:
            plain: The content.
            where: The file, for messages.

        Raises:
            TrainingError: It is something else, or damaged.
        """
        split = next((name for name in SPLITS if isinstance(plain.get(name), dict)), "")
        ideal, crossbar = _judgement(plain.get(split), where), read_crossbar(plain.get("crossbar"), where=where)
        devices = read_devices(plain.get("device_noise"), where=where)
        if ideal is None or crossbar is None or devices is None:
            raise TrainingError(f"{where} must hold what `xpert-evo judge --json` prints, and does not; judge again.")
        dataset = _dataset(plain, where)
        training = {
            "seed": plain.get("training_seed"),
            "dataset": plain.get("training_dataset"),
            "crossbar": plain.get("training_crossbar"),
        }
        return cls(
            weights=str(plain.get("weights")),
            header=WeightsHeader.from_plain({**_with_validation_accuracy(plain), **training}, where=where),
            dataset_name=dataset["name"],
            dataset=dataset["digest"],
            crossbar=crossbar,
            devices_seed=int(plain.get("devices_seed", 0)),
            ideal=ideal,
            noisy=_judgement(plain.get(f"{split}_with_device_noise"), where),
            device_noise=devices,
        )


def _with_validation_accuracy(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The entries with the validation accuracy under its name of today."""
    names = (VALIDATION_ACCURACY, *_EARLIER_NAMES)  # `validation` may be a judgement on that split
    found = [plain[name] for name in names if name in plain and not isinstance(plain[name], dict)]
    return {**plain, VALIDATION_ACCURACY: found[0] if found else None}


def _dataset(plain: Mapping[str, Any], where: str) -> dict[str, str]:
    """Name and digest of the data set."""
    found = plain.get("dataset")
    if not isinstance(found, dict) or not {"name", "digest"} <= set(found):
        raise TrainingError(f"{where}: dataset must be a table of name and digest, got {found!r}.")
    return found


def _plain_draws(noisy: Judgement | None) -> dict[str, Any] | None:
    """A judgement of random devices as plain values; one draw of them has no spread."""
    return None if noisy is None else {**asdict(noisy), "spread": noisy.spread if noisy.n_draws > 1 else None}


def _plain_devices(devices: NonIdealities | None) -> dict[str, Any] | None:
    return None if devices is None else devices.model_dump(mode="json")


def _judgement(plain: Mapping[str, Any] | None, where: str) -> Judgement | None:
    """A judgement of plain values."""
    if plain is None:
        return None
    try:
        found = Judgement(**{"norm_images": 0, **plain})
        return replace(found, spread=found.spread or 0.0, accuracies=tuple(found.accuracies))
    except TypeError as failure:
        raise TrainingError(f"{where}: a judgement cannot be read ({failure}).") from None
