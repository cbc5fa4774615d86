"""What the choices of a search space must be like."""

from collections.abc import Collection

from xpert_evo.errors import ConfigError
from xpert_evo.genes import PERIPHERALS, Choice, GeneKind, choice_number


def checked_choices(kind: GeneKind, choices: tuple[Choice, ...], layer: str) -> tuple[Choice, ...]:
    """Returns the choices of a gene of a layer; raises ConfigError if they are empty, not ascending or below 1."""
    numbers = [choice_number(choice) for choice in choices]
    if not choices:
        raise ConfigError(f"space.{kind} of {layer} must have at least one choice.")
    if len(set(numbers)) < len(numbers) or (kind.record.is_ordinal and numbers != sorted(numbers)):
        shown = ", ".join(map(str, choices))
        raise ConfigError(f"space.{kind} of {layer} must be in ascending order without repeats, got {shown}.")
    if kind.record.is_ordinal and numbers[0] < 1:
        raise ConfigError(f"space.{kind} of {layer} must be at least 1, got {numbers[0]}.")
    return choices


def kinds_of(columns: Collection[tuple[int, GeneKind]], n_layers: int) -> tuple[GeneKind, ...]:
    """Returns the kinds of genes of a space; peripherals must be present in all layers or in none."""
    counts = {kind: sum(held is kind for _, held in columns) for kind in GeneKind}
    for kind in PERIPHERALS:
        if counts[kind] not in {0, n_layers}:
            raise ConfigError(
                f"space.{kind}: {counts[kind]} of {n_layers} layers have choices; give choices in [space] for all "
                "layers, then narrow them for single ones."
            )
    return tuple(kind for kind in GeneKind if counts[kind])


def not_its_own(layer: str, kind: GeneKind, owner: str | None, *, is_classifier: bool) -> ConfigError:
    """Returns the error for choices of a layer that follow from another layer, from the classes or from the network."""
    setting = f"space.layers.{layer}.{kind}"
    if kind is not GeneKind.CHANNEL_DEPTH:
        return ConfigError(f"{setting}: all layers share one {kind.record.label}; set space.{kind} instead.")
    if owner is None and is_classifier:
        return ConfigError(
            f"{setting}: the classifier has one output per class and no depth to choose; remove this setting."
        )
    if owner is None:
        return ConfigError(f"{setting}: the depth of {layer} is fixed by the network; remove this setting.")
    return ConfigError(f"{setting}: {layer} shares its channel depth with {owner}; set the choices of {owner} instead.")
