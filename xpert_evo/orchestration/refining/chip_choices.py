"""Refines a network on chips that differ in what all layers share: weight coding and cell bits, each in turn.

A choice that all layers share moves all of them at once, so it is no sum over layers. There are few of them, and each
gets measurements, rounds and a front of its own; the fronts are merged. What has been measured is kept in one memory,
under keys that name the choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from hw_models import CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.config import RunConfig
from xpert_evo.design import Design, LayerDesign
from xpert_evo.errors import InfeasibleError
from xpert_evo.executors import Executor
from xpert_evo.genes import Choice, GeneKind
from xpert_evo.orchestration.refining.preparing import Refinable
from xpert_evo.orchestration.refining.refinement import refine_network
from xpert_evo.orchestration.refining.settings import Refinement, front_of
from xpert_evo.orchestration.refining.spaces import baseline_task, value_of
from xpert_evo.orchestration.task import Task
from xpert_evo.progress import Event, Listener, Message, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipChoice:
    """What all layers of a chip share.

    Attributes:
        words: The choice in words; empty if there is no other.
        design: The network's design with it.
    """

    words: str
    design: Design


def chip_choices(config: RunConfig, design: Design, dataset: Dataset) -> list[ChipChoice]:
    """The weight codings and cell bits that the space offers a chip, those of the network's own chip first.

    Without a choice, only the chip's own. Raises ConfigError.

    Args:
        config: Settings of the space and the chip.
        design: Design of the trained network.
        dataset: Data set of the network.
    """
    whole = baseline_task(config, dataset)
    crossbar, offered, found = whole.hardware.crossbar, _offered(whole), []
    for values in product(*offered.values()):
        shared = dict(zip(offered, values, strict=True))
        words = ", ".join(f"{value}-bit cells" if isinstance(value, int) else str(value) for value in values)
        found.append(ChipChoice(words=words, design=_with_shared(design, shared, crossbar)))
    return sorted(found, key=lambda one: one.design != design)


def possible_chips(network: Refinable, listener: Listener) -> list[ChipChoice]:
    """Those of `chip_choices` on which some design keeps the limits; tells which ones are left out.

    Raises:
        ConfigError: The settings do not suit the network.
        InfeasibleError: There is no such chip.
    """
    choices = chip_choices(network.config, network.design, network.dataset)
    found: list[ChipChoice] = []
    for choice in choices:
        try:
            network.options(choice.design)
        except InfeasibleError as failure:
            if len(choices) == 1 or (choice is choices[-1] and not found):
                raise
            listener.tell(Message(text=f"left out: {choice.words}; {failure}"))
            continue
        found.append(choice)
    return found


def shared_choices(config: RunConfig, dataset: Dataset) -> tuple[tuple[str, tuple[Choice, ...]], ...]:
    """Each gene that a chip has several choices of for all layers together, and these; raises ConfigError."""
    return tuple((kind.value, choices) for kind, choices in _offered(baseline_task(config, dataset)).items())


def _offered(whole: Task) -> dict[GeneKind, tuple[Choice, ...]]:
    return {kind: choices for kind in (GeneKind.CODING, GeneKind.CELL_BITS) if len(choices := _shared(whole, kind)) > 1}


def _shared(task: Task, kind: GeneKind) -> tuple[Choice, ...]:
    """What a chip may choose from for all layers together; nothing for genes that are chosen layer by layer."""
    column = task.space.column(0, kind)
    if column is None or not (task.space.is_tied(kind) or not kind.record.is_ordinal):
        return ()
    return tuple(task.space.genes[column].choices)


def _with_shared(design: Design, shared: dict[GeneKind, Choice], crossbar: CrossbarSpec) -> Design:
    """A design with these values in all layers, not named where they are the crossbar's."""
    unnamed = LayerDesign.model_construct(**dict.fromkeys(shared))
    changed = {
        kind.value: None if value_of(unnamed, kind, crossbar) == value else value
        for kind, value in shared.items()
        if any(value_of(layer, kind, crossbar) != value for layer in design.layers)
    }
    layers = tuple(layer.model_copy(update=changed) for layer in design.layers)
    return design.model_copy(update={"layers": layers})


def refine_on_chips(network: Refinable, folder: Path, *, executor: Executor, listener: Listener) -> Refinement:
    """Refines a network on every chip that the space offers, and merges the fronts; see `refine_network`."""
    results = []
    for choice in possible_chips(network, listener):
        own = Named(listener, choice.words)
        result = refine_network(network, folder, executor=executor, listener=own, home=choice.design)
        results.append((choice.words, result))
    return merged(results)


def merged(results: Sequence[tuple[str, Refinement]]) -> Refinement:
    """One result of refinements of a network on chips of these names; a single one as it is."""
    first = results[0][1]
    if len(results) == 1:
        return first
    named = [replace(one, chip=words) for words, result in results for one in (*result.front, *result.others)]
    front = front_of([one for one in named if one.validation is not None])
    kept = {one.weights for one in front}
    return Refinement(
        trained=first.trained,
        front=tuple(front),
        others=tuple(one for one in named if one.weights not in kept),
        predictions=tuple(found for _, result in results for found in result.predictions),
        rounds=tuple(f"{words}: {name}" for words, result in results for name in result.round_names),
        seconds=sum(result.seconds for _, result in results),
        devices=first.devices,
    )


class Named:
    """Tells events with the name of what they belong to in front.

    Args:
        listener: Receives the events.
        name: Name; empty for none.
    """

    def __init__(self, listener: Listener, name: str) -> None:
        self._listener, self._prefix = listener, f"{name}: " if name else ""

    def tell(self, event: Event) -> None:
        """Passes an event on."""
        if self._prefix and isinstance(event, Stage | Message):
            event = replace(event, text=self._prefix + event.text)
        self._listener.tell(event)

    def close(self) -> None:
        """Leaves the listener to who made it."""
