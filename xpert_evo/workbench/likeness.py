"""Arguments of `judge` and `train` that have no effect: chips that are all alike, times that change nothing."""

from dataclasses import dataclass

from xpert_evo.errors import UsageError
from xpert_evo.workbench.arguments import Spelling


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What arguments ask of drawn chips.

    Attributes:
        chips: Number of chips; None if none is given.
        times: Whether times after programming are given.
        least_accuracy: Whether a yield is requested.
    """

    chips: int | None
    times: bool
    least_accuracy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How the chips of a device differ.

    Attributes:
        name: The device at the beginning of a sentence.
        is_ideal: Whether the devices are ideal.
        is_random: Whether two chips differ from each other.
        ages: Whether a chip changes with the time after programming.
    """

    name: str
    is_ideal: bool
    is_random: bool
    ages: bool


def check_drawn(asked: Asked, kind: Likeness, spelled: Spelling) -> None:
    """Raises UsageError for times or a yield if only ideal devices are judged."""
    if kind.is_ideal and asked.times:
        raise UsageError(
            f"{spelled('at')} has no effect on ideal devices, which do not drift; leave out {spelled('ideal')} or give "
            f"{spelled('noise')} drift_exponent=0.05."
        )
    if (kind.is_ideal or asked.chips == 0) and (asked.times or asked.least_accuracy):
        raise UsageError(
            f"{spelled('at' if asked.times else 'least_accuracy')} needs drawn chips, but only ideal devices are "
            "judged; leave it out, or draw chips."
        )


def remark_on(asked: Asked, kind: Likeness, spelled: Spelling) -> str:
    """Says which arguments have no effect on such devices, and what to use instead; empty if all have one."""
    if kind.is_ideal:
        return f"{spelled('noise_draws')} has no effect on ideal devices: all chips are alike." if asked.chips else ""
    idle_times = asked.times and not kind.ages
    if kind.is_random:
        return _TIMES.format(name=kind.name, device=_device(spelled), noise=spelled("noise")) if idle_times else ""
    if not idle_times and not asked.least_accuracy and (asked.chips or 0) < 2:
        return ""
    return _CHIPS.format(
        name=kind.name,
        lacks="variation or noise" if kind.ages else "variation, noise or drift",
        same="" if kind.ages else " and all times",
        at=" at each time" if kind.ages and asked.times else "",
        no_yield=" and no yield is computed" if asked.least_accuracy else "",
        device=_device(spelled),
        noise=spelled("noise"),
    )


_TIMES = (
    "{name} does not change with time: all times give the same result, so the chips are judged at the first one. Use "
    "a device that does ({device}) or {noise} drift_exponent=0.05."
)
_CHIPS = (
    "{name} has no {lacks}: all chips{same} give the same result, so one chip is judged{at}{no_yield}. Use a device "
    "with variation ({device}) or {noise} variation_ratio=0.05."
)


def _device(spelled: Spelling) -> str:
    return f"{spelled('set hardware.device')}=rram-wan2022 or pcm-joshi2020"
