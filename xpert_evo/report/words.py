"""Baseline, limits and protocols of a run in words, for the terminal, titles and the page."""

from collections.abc import Mapping

from xpert_evo.accuracy.training.protocols import trains_proxies
from xpert_evo.config import RunConfig
from xpert_evo.genes import PERIPHERALS, Choice, GeneKind, choice_name
from xpert_evo.orchestration.task import Task

_PUBLISHED: dict[GeneKind, Choice] = {
    kind: kind.record.baseline for kind in PERIPHERALS if kind.record.baseline is not None and kind.record.paper_choices
}

_RANKING_NOTHING = frozenset({"smoke"})


def baseline_words(task: Task) -> str:
    """Describes the baseline of all ratios: `homogeneous vgg16, 6-bit SAR ADCs, 8 columns per ADC, 8-bit inputs`."""
    peripherals, has_own_depths = _found(task)
    name = task.backbone.name
    if is_published(task):
        return f"homogeneous {name}, {_words(_PUBLISHED)}"
    same = all(layer == peripherals[0] for layer in peripherals)
    found = f"homogeneous, {_words(peripherals[0])}" if same else "not homogeneous"
    depths = "" if has_own_depths else " and modified channel depths"
    return f"{name}, {found}{depths}: the design of this space closest to homogeneous {_words(_PUBLISHED)}"


def is_published(task: Task) -> bool:
    """Whether the space offers the published baseline: the backbone's original depths, SAR 6 bits, CS 8, IP 8."""
    peripherals, has_own_depths = _found(task)
    return has_own_depths and all(layer == _PUBLISHED for layer in peripherals)


def chip_limit_words(config: RunConfig) -> str:
    """Describes the chip limits: `tiles of at most 50 mm², latency of at most 900 µs`; empty if there are none."""
    hardware = config.hardware
    limits = (
        ("tiles", hardware.area_limit_mm2, "mm²"),
        ("latency", hardware.latency_limit_us, "µs"),
        ("energy", hardware.energy_limit_uj, "µJ"),
    )
    return ", ".join(f"{name} of at most {limit:g} {unit}" for name, limit, unit in limits if limit is not None)


def limit_words(config: RunConfig) -> str:
    """Describes all limits, including those on predicted and measured accuracy."""
    search = config.search
    least = (("accuracy", search.least_accuracy), ("accuracy under device noise", search.least_robustness))
    parts = [f"{name} of at least {100 * limit:g} %" for name, limit in least if limit is not None]
    return ", ".join(part for part in (chip_limit_words(config), *parts) if part)


def worth_of(protocol: str) -> str:
    """States what may be concluded from accuracies measured with a protocol, given its name."""
    if protocol in _RANKING_NOTHING:
        return f"Accuracies of '{protocol}' do not rank designs; they only show that a run works. Rank with 'laptop'."
    if trains_proxies(protocol):
        words = "its accuracy ranks designs but is not the accuracy at native size."
        return f"'{protocol}' trains a smaller proxy of each network: {words}"
    return f"'{protocol}' trains the networks themselves, at native width."


def _found(task: Task) -> tuple[list[dict[GeneKind, Choice]], bool]:
    """Returns the peripherals of each layer of the baseline, and whether its depths are the original ones."""
    layers = task.space.decode(task.baseline)[0].layers
    peripherals = [{kind: getattr(layer, kind) for kind in _PUBLISHED} for layer in layers]
    depths = [layer.reference_depth for layer in task.backbone.layers]
    return peripherals, [layer.channel_depth for layer in layers] == depths


def _words(of: Mapping[GeneKind, Choice]) -> str:
    adcs = f"{of[GeneKind.ADC_PRECISION]}-bit {choice_name(of[GeneKind.ADC_TYPE])} ADCs"
    return f"{adcs}, {of[GeneKind.COLUMN_SHARING]} columns per ADC, {of[GeneKind.INPUT_PRECISION]}-bit inputs"
