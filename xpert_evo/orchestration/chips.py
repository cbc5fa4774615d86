"""The devices of a chip, on which accuracies are measured: those that its costs are computed for."""

from dataclasses import dataclass
from pathlib import Path

from hw_models import (
    AdcType,
    Device,
    Technology,
    load_adc,
    load_device,
    load_model,
    load_technology,
    offset_steps_by_bits,
)
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, nonidealities_of
from xpert_evo.config import DeviceRule, RunConfig
from xpert_evo.config.problem import ConverterRule, HardwareConfig
from xpert_evo.words import age_text

IDEAL_DEVICES = "ideal devices"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipFiles:
    """The files of a chip that its devices are read from.

    Attributes:
        device: Cells.
        technology: Technology of the wires.
        adc_offsets: Standard deviations of the converters' offsets [steps] by type and bits; None for ideal converters.
        library: Name of the cost model or ADC table that the offsets are from.
    """

    device: Device
    technology: Technology
    adc_offsets: dict[AdcType, tuple[float, ...]] | None
    library: str

    @classmethod
    def of(cls, hardware: HardwareConfig) -> "ChipFiles":
        """The files that settings name; raises HardwareModelError."""
        technology, offsets = load_technology(hardware.technology), None
        if hardware.converters is ConverterRule.LIBRARY:
            table = None if hardware.adc is None else load_adc(hardware.adc)
            assumed = load_model(hardware.model).assumed
            offsets = offset_steps_by_bits(assumed, technology.node.feature_nm, table)
        return cls(
            device=load_device(hardware.device),
            technology=technology,
            adc_offsets=offsets,
            library=Path(hardware.adc or hardware.model).stem,
        )

    def at(self, time_s: float) -> NonIdealities:
        """The devices at a time after programming [s]."""
        changes = {} if self.adc_offsets is None else {"adc_offsets": self.adc_offsets}
        return nonidealities_of(self.device, self.technology, time_s=time_s, **changes)

    @property
    def words(self) -> str:
        """The devices in words: `device rram-100k, wires of cmos-32nm-lstp`."""
        wires = f"wires of {self.technology.name}" if self.technology.wires is not None else "ideal wires"
        offsets = f", offsets of {self.library}'s ADCs" if self.adc_offsets is not None else ""
        return f"device {self.device.name}, {wires}{offsets}"

    @property
    def ages(self) -> bool:
        """Whether the deviation of its programmed cells changes with time."""
        programming = self.device.programming
        return programming is not None and len(programming.times_s) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Chips:
    """Chips that a training is measured on.

    Attributes:
        devices: Their cells and wires.
        label_chips: Number of chips for the validation accuracy; 0 for ideal devices.
        judge_chips: Number of chips for the test accuracy, besides ideal devices; 0 for none.
        norm_images: Number of training images on which each chip calibrates its batch norm.
    """

    devices: NonIdealities
    label_chips: int
    judge_chips: int
    norm_images: int

    @classmethod
    def of(cls, config: RunConfig) -> "Chips":
        """The chips of the settings; one is enough if all are alike; raises HardwareModelError."""
        training = config.training
        devices = ChipFiles.of(config.hardware).at(training.chip_time_s)
        most = max(training.label_chips, training.judge_chips) if devices.is_random else 1
        return cls(
            devices=devices,
            label_chips=min(most, training.label_chips) if training.devices is DeviceRule.HARDWARE else 0,
            judge_chips=min(most, training.judge_chips),
            norm_images=training.norm_images,
        )

    def context(self, *, judged: bool) -> dict[str, object]:
        """What a label depends on, by name; empty for ideal devices.

        Args:
            judged: Whether the label includes a judgement on test data.
        """
        numbers = {"labels": self.label_chips, **({"judged": self.judge_chips} if judged else {})}
        if not any(numbers.values()):
            return {}
        devices = self.devices.model_dump(mode="json", exclude_defaults=True)
        return {"chips": {**numbers, "devices": devices, "norm_images": self.norm_images}}


def chip_words(config: RunConfig) -> str:
    """The devices of a run's chips in words: `device rram-100k, wires of cmos-32nm-lstp`."""
    time_s, files = config.training.chip_time_s, ChipFiles.of(config.hardware)
    ages = time_s > 1 or files.ages or files.at(time_s).ages
    age = f", {age_text(time_s)} after programming" if ages else ""
    return f"{files.words}{age}"


def alike_words(config: RunConfig) -> dict[str, str]:
    """Words for the settings of several chips of which one is measured, because all are alike; by dotted name."""
    chips, training = Chips.of(config), config.training
    if chips.devices.is_random:
        return {}
    found = {"label_chips": training.label_chips, "judge_chips": training.judge_chips}
    why = f" (1: chips of {ChipFiles.of(config.hardware).device.name} are alike)"
    return {f"training.{name}": why for name, n in found.items() if n > 1}


def device_words(config: RunConfig) -> str:
    """The devices under which a run's accuracies hold."""
    return IDEAL_DEVICES if config.training.devices is DeviceRule.IDEAL else chip_words(config)
