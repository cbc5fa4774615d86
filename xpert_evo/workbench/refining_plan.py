"""What `refine` would measure and how long that would take, without measuring it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.orchestration.estimate import planned_workers
from xpert_evo.orchestration.refining import Refinable
from xpert_evo.orchestration.refining.chip_choices import Named, possible_chips, shared_choices
from xpert_evo.orchestration.refining.estimate import Planner, measured_pace
from xpert_evo.orchestration.refining.plan import Left, Pace
from xpert_evo.orchestration.refining.progress import steps_taken
from xpert_evo.progress import Listener


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinementPlan:
    """A refinement that has not begun, or not ended.

    Attributes:
        design: Id of the network's design.
        dataset: Name of the data set.
        hardware: Cost model and chip in words.
        devices: Devices that networks are judged on, in words.
        choices: Name of each gene that may change, and what the layers, or all of them together, may choose from.
        n_known: Number of measurements that the folder has.
        left: Weight coding and cell bits in words, empty if there is but one chip, and what is left to measure for it.
        pace: How fast this machine is.
        n_workers: Number of concurrent measurements.
    """

    design: str
    dataset: str
    hardware: str
    devices: str
    choices: tuple[tuple[str, tuple[object, ...]], ...]
    n_known: int
    left: tuple[tuple[str, Left], ...]
    pace: Pace
    n_workers: int

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is left to measure."""
        return all(left.is_nothing for _, left in self.left)

    @property
    def most_later(self) -> int:
        """Largest number of rounds after those that have begun."""
        return max(left.most_later for _, left in self.left)

    def seconds(self, n_later: int) -> float:
        """Expected duration with so many further rounds, or as many as there may be [s]."""
        return sum(left.seconds(n_later, self.pace, self.n_workers) for _, left in self.left)


@own_numerics()
def plan_refinement(
    network: Refinable, folder: Path, listener: Listener, tell: Callable[[str], None]
) -> RefinementPlan:
    """Counts the measurements of a refinement that its folder does not have, and times a few of them.

    Args:
        network: The network.
        folder: Folder of the refinement, which need not exist.
        listener: Is told the steps that have been taken.
        tell: Called with a description of each measurement.

    Raises:
        XpertEvoError: What `refine_network` would raise before it measures.
    """
    options, refining = network.options(), network.refining
    protocol = None if refining.tune is None else refining.tuning(options.task.protocol(refining.tune))
    n_known, left = 0, []
    for choice in possible_chips(network, listener):
        taken = steps_taken(network, folder, choice.design, Named(listener, choice.words))
        n_known += sum(one.n_known for one in taken)
        left.append((choice.words, Planner.of(network, choice.design, protocol).plan().after(taken)))
    pace = Pace(conversion_s=0.0)
    if not all(one.is_nothing for _, one in left):
        n_conversions = float(sum(geometry.n_conversions for geometry in options.geometries(network.design)))
        pace = measured_pace(
            network.trained,
            network.dataset,
            protocol,
            n_conversions=n_conversions,
            noise_aware=network.chips.devices,
            tell=tell,
        )
    return RefinementPlan(
        design=network.design.digest,
        dataset=network.dataset.name,
        hardware=options.task.hardware.words,
        devices=network.chips.words,
        choices=(*options.offered(), *shared_choices(network.config, network.dataset)),
        n_known=n_known,
        left=tuple(left),
        pace=pace,
        n_workers=planned_workers(network.config),
    )
