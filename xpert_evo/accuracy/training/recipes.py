"""Recipes: complete trainings at native size as sequences of stages, from minutes to many hours.

The recipes of the program are in `recipes.toml`; an own one is a TOML file with `stages`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from hw_models.errors import closest
from xpert_evo.accuracy.training.protocols import TrainingProtocol, fitted, load_protocol
from xpert_evo.errors import ConfigError
from xpert_evo.validation import Frozen, nearest, parse
from xpert_evo.words import counted

DEFAULT_RECIPE = "hour"

LEAST_GAIN = 0.001
"""Rise of the validation accuracy below which a repeated stage has stopped paying (assumed: a tenth of a point, a
quarter of the standard error of 93 % of 5,000 images)."""

_SUFFIX = ".toml"
_NOT_FOR_STAGES = {"name", "needs_weights"}


class StageEntry(Frozen):
    """A stage as written in a recipe file.

    Attributes:
        protocol: Name of the training protocol.
        changes: Settings of the protocol with other values, by name.
        at_most: Number of passes; above 1, the stage is repeated only while the validation accuracy rises.
    """

    protocol: str
    changes: dict[str, Any] = Field(default_factory=dict)
    at_most: Annotated[int, Field(ge=1, le=20)] = 1


class RecipeEntry(Frozen):
    """A recipe as written in a file.

    Attributes:
        stages: Stages in order.
        summary: What the recipe is for.
        cost: Time that it took where it was measured.
        reached: Accuracy that it reached where it was measured.
    """

    stages: Annotated[tuple[StageEntry, ...], Field(min_length=1, max_length=20)]
    summary: str = ""
    cost: str = ""
    reached: str = ""


class Stage(Frozen):
    """A stage of a training.

    Attributes:
        protocol: Training protocol of the stage.
        at_most: Largest number of passes.
    """

    protocol: TrainingProtocol
    at_most: Annotated[int, Field(ge=1)] = 1


class Recipe(Frozen):
    """A sequence of stages.

    Attributes:
        name: Name of the recipe.
        stages: Stages in order, all for networks of the same size.
        hours: Budget that the epochs were scaled to [h]; None for the recipe as it is written.
    """

    name: str
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    hours: float | None = None

    @property
    def needs_weights(self) -> bool:
        """Whether the first stage continues from trained weights."""
        return self.stages[0].protocol.needs_weights

    @property
    def is_proxy(self) -> bool:
        """Whether the stages train a network that is narrower than the design."""
        return self.stages[0].protocol.width_divisor > 1

    def fitted(self, dataset: str, n_images: int) -> tuple[TrainingProtocol, ...]:
        """Returns the protocols of the stages as they are carried out on a data set; see `protocols.fitted`."""
        return tuple(fitted(stage.protocol, dataset, n_images) for stage in self.stages)

    def fitted_to(self, n_images: int) -> "Recipe":
        """Returns the recipe with the protocols of all stages fitted to a user's own training images."""
        stages = (s.model_copy(update={"protocol": s.protocol.fitted_to(n_images)}) for s in self.stages)
        return self.model_copy(update={"stages": tuple(stages)})

    def scaled(self, ratio: float, dataset: str, n_train: int, hours: float) -> "Recipe":
        """Returns the recipe with its epochs times a ratio; stages of less than one epoch take fewer images.

        Protocols that are fitted to few images of the user repeat their epochs, so one epoch of them remains.

        Args:
            ratio: Factor on the training of every stage.
            dataset: Name of the data set.
            n_train: Number of its training images.
            hours: The budget that the ratio comes from [h].
        """
        stages = []
        for stage, own in zip(self.stages, self.fitted(dataset, n_train), strict=True):
            protocol = _scaled(stage.protocol, ratio, n_train, repeats=own != stage.protocol)
            stages.append(stage.model_copy(update={"protocol": protocol}))
        return self.model_copy(update={"stages": tuple(stages), "hours": hours})


def entries() -> Mapping[str, RecipeEntry]:
    """Returns the recipes of the program as they are written, by name."""
    return _entries()


def load_recipe(name: str) -> Recipe:
    """Returns a recipe by its name or the path of its TOML file; raises ConfigError."""
    if name in entries():
        return _resolved(name, entries()[name], where=f"recipe {name}")
    if not name.endswith(_SUFFIX):
        raise ConfigError(
            f"no recipe is called '{name}'; {nearest(name, entries())} An own recipe is a file ending in {_SUFFIX}."
        )
    path = Path(name)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
        raise ConfigError(f"the recipe {path} cannot be read ({failure}).") from None
    return _resolved(path.stem, parse(RecipeEntry, content, where=name, error=ConfigError), where=name)


def changed(base: TrainingProtocol, changes: Mapping[str, Any], *, where: str) -> TrainingProtocol:
    """Returns a protocol with other values of some settings, and a name that tells them; raises ConfigError."""
    known = base.model_dump() | {"needs_weights": base.needs_weights}
    changes = {name: value for name, value in changes.items() if name not in known or value != known[name]}
    if not changes:
        return base
    _check_names(changes, where)
    settings = parse(TrainingProtocol, {**known, **changes}, where=where, error=ConfigError)
    words = [counted(changes[name], unit) for name, unit in _NAMED.items() if changes.get(name) is not None]
    if changes.keys() - _NAMED:
        words.append(settings.digest[:6])
    name = " ".join([base.name, *words]).replace(" ", "-").replace(",", "")
    return settings.model_copy(update={"name": name})


def _check_names(changes: Mapping[str, Any], where: str) -> None:
    """Raises ConfigError for a name that is no setting of a protocol, with the one that is likely meant."""
    known = [name for name in TrainingProtocol.model_fields if name not in _NOT_FOR_STAGES]
    for name in changes.keys() - set(known):
        meant = next((setting for part, setting in _MEANT.items() if part in name), closest(name, known, cutoff=0.6))
        hint = f"did you mean '{meant}'? Known" if meant else "known"
        raise ConfigError(f"{where}: unknown name '{name}' in changes; {hint}: {', '.join(known)}.")


@cache
def _entries() -> Mapping[str, RecipeEntry]:
    text = (resources.files("xpert_evo.accuracy.training") / "recipes.toml").read_text(encoding="utf-8")
    return {
        name: parse(RecipeEntry, entry, where=f"recipe {name}", error=ConfigError)
        for name, entry in tomllib.loads(text).items()
    }


def _resolved(name: str, entry: RecipeEntry, *, where: str) -> Recipe:
    stages = [_stage(stage, f"{where}, stage {number}") for number, stage in enumerate(entry.stages, start=1)]
    _check_sizes(stages, where)
    return Recipe(name=name, stages=tuple(stages))


def _stage(entry: StageEntry, where: str) -> Stage:
    fixed = sorted(_NOT_FOR_STAGES & entry.changes.keys())
    if fixed:
        raise ConfigError(f"{where}: {fixed[0]} belongs to the protocol and cannot be changed; leave it out.")
    return Stage(protocol=changed(load_protocol(entry.protocol), entry.changes, where=where), at_most=entry.at_most)


def _check_sizes(stages: Sequence[Stage], where: str) -> None:
    """Raises ConfigError if a stage could not take over the weights of the one before."""
    sizes = [(stage.protocol.width_divisor, stage.protocol.image_size) for stage in stages]
    for number, size in enumerate(sizes[1:], start=2):
        if size != sizes[0]:
            raise ConfigError(
                f"{where}: all stages must train the same network, but the first one has width_divisor {sizes[0][0]} "
                f"and image_size {sizes[0][1]}, stage {number} has {size[0]} and {size[1]}; change one of them."
            )


def _scaled(protocol: TrainingProtocol, ratio: float, n_train: int, *, repeats: bool) -> TrainingProtocol:
    epochs = protocol.epochs * ratio
    if epochs >= 1 or repeats:
        return changed(protocol, {"epochs": max(1, round(epochs))}, where=protocol.name)
    images = min(protocol.n_train or n_train, n_train)
    fewer = max(min(protocol.batch_size, images), round(images * epochs))
    return changed(protocol, {"epochs": 1, "n_train": fewer}, where=protocol.name)


_MEANT = {
    "valid": "n_validation",
    "batch": "batch_size",
    "image_s": "image_size",
    "images": "n_train",
    "train": "n_train",
}
"""Settings by parts of the names that they are given by mistake; the first that fits."""

_NAMED = {"epochs": "epoch", "n_train": "image"}
"""Settings whose changed values are part of a protocol's name, with their units there."""
