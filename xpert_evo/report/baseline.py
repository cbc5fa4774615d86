"""The homogeneous baseline in words, as it is in a run's space, which may not offer all of its choices."""

from hw_models import AdcType
from xpert_evo.orchestration.task import Task

_PUBLISHED = (6, AdcType.SAR, 8, 8)


def baseline_words(task: Task) -> str:
    """What all ratios compare with: `homogeneous vgg16, 6-bit SAR ADCs, 8 columns an ADC, 8-bit inputs`."""
    peripherals, has_own_depths = _found(task)
    name = task.backbone.name
    if is_published(task):
        return f"homogeneous {name}, {_words(*_PUBLISHED)}"
    found = f"homogeneous, {_words(*peripherals.pop())}" if len(peripherals) == 1 else "not homogeneous"
    depths = "" if has_own_depths else " and channel depths other than its own"
    return f"{name}, {found}{depths}: the nearest in this space to homogeneous {_words(*_PUBLISHED)}"


def is_published(task: Task) -> bool:
    """Whether the space offers the published kind of baseline: the backbone's own depths, SAR 6 bits, CS 8, IP 8."""
    return _found(task) == ({_PUBLISHED}, True)


def _found(task: Task) -> tuple[set[tuple[int, AdcType, int, int]], bool]:
    """The layers' different peripherals in the space's baseline, and whether its depths are the backbone's own."""
    layers = task.space.decode(task.baseline)[0].layers
    peripherals = {(one.adc_precision, one.adc_type, one.column_sharing, one.input_precision) for one in layers}
    depths = [one.reference_depth for one in task.backbone.layers]
    return peripherals, [one.channel_depth for one in layers] == depths


def _words(adc_precision: int, adc_type: AdcType, column_sharing: int, input_precision: int) -> str:
    kind = "SAR" if adc_type is AdcType.SAR else "Flash"
    return f"{adc_precision}-bit {kind} ADCs, {column_sharing} columns an ADC, {input_precision}-bit inputs"
