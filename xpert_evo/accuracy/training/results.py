"""Results of trainings and judgements, as values and as the JSON of `result.json` and `xpert-evo judge --json`.

Files of earlier versions can also be read: they name the validation accuracy of a training `validation` (`result.json`)
or `training_validation` (`judge --json`) and lack newer entries, which are then None.
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
from xpert_evo.accuracy.training.yields import Yield, quantiles_of
from xpert_evo.errors import TrainingError

_EARLIER_NAMES = ("validation", "training_validation")
"""Names of the validation accuracy in files of earlier versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """Result of a training: the content of `result.json`.

    Attributes:
        header: Header of the weights file: design, settings of the training and validation accuracy.
        dataset_name: Name of the data set.
        trained_on: Device and type of the steps, such as `cuda:0` or `cpu, 2 threads, bfloat16`; None in older files.
        seconds: Time of training and measuring [s]; None if the file does not specify it.
        validation_emulation: How the crossbars were emulated for the validation accuracy; None in older files.
        test: Judgement with ideal devices on the test set; None if the training was not judged.
        test_with_device_noise: Judgement with noisy devices; None if none were drawn.
        device_noise: Settings of the noisy devices; None if the training was not judged.
        devices: Description of the noisy devices; None in older files.
        chip: Names or files of the chip's `device` and `technology`; None in older files.
        recipe: Name, budget and finished stages of a training by a recipe; None for a training by one protocol.
    """

    header: WeightsHeader
    dataset_name: str
    trained_on: str | None
    seconds: float | None
    validation_emulation: str | None
    test: Judgement | None
    test_with_device_noise: Judgement | None
    device_noise: NonIdealities | None
    devices: str | None = None
    chip: Mapping[str, str] | None = None
    recipe: Mapping[str, Any] | None = None

    @property
    def validation_accuracy(self) -> float | None:
        """Fraction of validation images classified correctly with ideal devices; None if the file lacks it."""
        return self.header.validation_accuracy

    def to_plain(self) -> dict[str, Any]:
        """Returns dictionaries, lists, strings and numbers, as in `result.json`."""
        header = self.header.to_plain()
        return {
            "design": header["design"],
            "dataset": {"name": self.dataset_name, "digest": self.header.dataset},
            "protocol": header["protocol"],
            **({} if self.recipe is None else {"recipe": dict(self.recipe)}),
            "crossbar": header.get("crossbar"),
            **({"backbone": header["backbone"]} if "backbone" in header else {}),
            "trained_on": self.trained_on,
            "seed": self.header.seed,
            "started_from": header.get("started_from"),
            **({"teachers": header["teachers"]} if "teachers" in header else {}),
            "noise_aware": header.get("noise_aware"),
            "seconds": self.seconds,
            VALIDATION_ACCURACY: self.header.validation_accuracy,
            "validation_emulation": self.validation_emulation,
            "test": None if self.test is None else asdict(self.test),
            "test_with_device_noise": _plain_draws(self.test_with_device_noise),
            "devices": self.devices,
            "device_noise": _plain_devices(self.device_noise),
            "chip": None if self.chip is None else dict(self.chip),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], *, where: str) -> "TrainingResult":
        """Reads the content of a `result.json` of this version or an earlier one.

        Args:
            plain: Content of the file.
            where: File name for error messages.

        Raises:
            TrainingError: The content is damaged or of another kind.
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
            devices=plain.get("devices"),
            chip=plain.get("chip"),
            recipe=plain.get("recipe"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgedJudgement:
    """Judgement of drawn chips at a time after programming.

    Attributes:
        time_s: Time since programming [s].
        devices: Settings of the devices at that time.
        judgement: Accuracies of the chips.
    """

    time_s: float
    devices: NonIdealities
    judgement: Judgement

    def to_plain(self) -> dict[str, Any]:
        """Returns dictionaries, lists and numbers."""
        return {
            "time_s": self.time_s,
            "devices": self.devices.model_dump(mode="json"),
            "judgement": _plain_draws(self.judgement),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], *, where: str) -> "AgedJudgement":
        """Reads the output of `to_plain`; raises TrainingError."""
        devices = read_devices(plain.get("devices"), where=where)
        judgement = _judgement(plain.get("judgement"), where)
        if devices is None or judgement is None:
            raise TrainingError(f"{where}: the judgement at {plain.get('time_s')} s cannot be read; run it again.")
        return cls(time_s=float(plain.get("time_s", 1.0)), devices=devices, judgement=judgement)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementResult:
    """Result of judging trained weights: the content of `xpert-evo judge --json`.

    Attributes:
        weights: Weights file, or folder of the training.
        header: Header of the weights file; its data set and crossbar are those of the training.
        dataset_name: Name of the data set judged on.
        dataset: Digest of that data set.
        crossbar: Crossbar used for the judgement.
        devices_seed: Random seed of the device draws.
        ideal: Judgement with ideal devices.
        noisy: Judgement with noisy devices; None if none were drawn.
        device_noise: Settings of the noisy devices, at the first time.
        devices: Description of the noisy devices, at the first time; None in older files.
        over_time: Judgements of the noisy devices at each requested time; empty if a single time was judged.
        yields: Share of the noisy chips that reach an accuracy; None if no accuracy was requested.
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
    devices: str | None = None
    over_time: tuple[AgedJudgement, ...] = ()
    yields: Yield | None = None

    def to_plain(self) -> dict[str, Any]:
        """Returns dictionaries, lists, strings and numbers, as printed by `xpert-evo judge --json`."""
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
            "devices": self.devices,
            "device_noise": _plain_devices(self.device_noise),
            **({} if self.noisy is None else {"quantiles": quantiles_of(self.noisy.accuracies)}),
            **({} if self.yields is None else {"yield": asdict(self.yields)}),
            **({"over_time": [aged.to_plain() for aged in self.over_time]} if self.over_time else {}),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], *, where: str) -> "JudgementResult":
        """Reads the output of `xpert-evo judge --json` of this version or an earlier one.

        Args:
            plain: Parsed output.
            where: File name for error messages.

        Raises:
            TrainingError: The content is damaged or of another kind.
        """
        split = next((name for name in SPLITS if isinstance(plain.get(name), dict)), "")
        ideal, crossbar = _judgement(plain.get(split), where), read_crossbar(plain.get("crossbar"), where=where)
        devices = read_devices(plain.get("device_noise"), where=where)
        if ideal is None or crossbar is None or devices is None:
            raise TrainingError(f"{where} must contain the output of `xpert-evo judge --json`; run it again.")
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
            devices=plain.get("devices"),
            over_time=tuple(AgedJudgement.from_plain(aged, where=where) for aged in plain.get("over_time", ())),
            yields=_yield(plain.get("yield"), where),
        )


def _with_validation_accuracy(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the entries with the validation accuracy under its current name."""
    names = (VALIDATION_ACCURACY, *_EARLIER_NAMES)  # `validation` may also be a judgement on that split
    found = [plain[name] for name in names if name in plain and not isinstance(plain[name], dict)]
    return {**plain, VALIDATION_ACCURACY: found[0] if found else None}


def _dataset(plain: Mapping[str, Any], where: str) -> dict[str, str]:
    """Reads the name and digest of the data set."""
    found = plain.get("dataset")
    if not isinstance(found, dict) or not {"name", "digest"} <= set(found):
        raise TrainingError(f"{where}: dataset must be a table of name and digest, got {found!r}.")
    return found


def _plain_draws(noisy: Judgement | None) -> dict[str, Any] | None:
    """Returns a judgement with random devices as plain values; a single draw has no spread."""
    return None if noisy is None else {**asdict(noisy), "spread": noisy.spread if noisy.n_draws > 1 else None}


def _plain_devices(devices: NonIdealities | None) -> dict[str, Any] | None:
    return None if devices is None else devices.model_dump(mode="json")


def _yield(plain: Mapping[str, Any] | None, where: str) -> Yield | None:
    """Reads a yield from plain values."""
    if plain is None:
        return None
    try:
        return Yield(**plain)
    except TypeError as failure:
        raise TrainingError(f"{where}: the yield cannot be read ({failure}).") from None


def _judgement(plain: Mapping[str, Any] | None, where: str) -> Judgement | None:
    """Reads a judgement from plain values."""
    if plain is None:
        return None
    try:
        found = Judgement(**{"norm_images": 0, **plain})
        return replace(found, spread=found.spread or 0.0, accuracies=tuple(found.accuracies))
    except TypeError as failure:
        raise TrainingError(f"{where}: a judgement cannot be read ({failure}).") from None
