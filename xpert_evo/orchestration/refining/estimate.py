"""What a refinement will measure, and how long that takes, from the space and from a few emulated images."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from xpert_evo.accuracy.crossbars.emulation import Emulator
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.host_state import threads
from xpert_evo.accuracy.training.images import prepared, training_subset
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.weights import TrainedNetwork
from xpert_evo.design import Design
from xpert_evo.orchestration.effort import images_trained
from xpert_evo.orchestration.refining.chips import DrawnChips
from xpert_evo.orchestration.refining.effort import judging_effort, probe_effort
from xpert_evo.orchestration.refining.measuring import FIRST_WINDOW, NEXT_WINDOW, Window, single_changes
from xpert_evo.orchestration.refining.options import Options
from xpert_evo.orchestration.refining.plan import Pace, Plan, Step
from xpert_evo.orchestration.refining.preparing import Refinable
from xpert_evo.orchestration.refining.settings import Refining
from xpert_evo.orchestration.refining.steps import (
    ADOPTED,
    CHOSEN,
    COMBINED,
    CONFIRMED,
    CONFIRMED_UNSEEN,
    JOINT,
    JUDGED_TUNED,
    MOVED,
    OWN,
    PAIRS,
    SINGLE,
    TRAINED,
    TUNED,
)
from xpert_evo.orchestration.step_times import measured_costs

_COMBINATIONS = 2
"""Combinations within a layer that are measured for each of its genes beyond the first one that changes accuracy (1.4
and 2.2 in refinements of a VGG16 with two and three such genes)."""

_CHOSEN = 15
"""Chosen designs whose divergence is measured in a round (11 to 17 in these)."""

_MEASURED_ANEW = 0.5
"""Share of a later round's single layers that earlier rounds have not measured (0.2 and 0.6 in these)."""

_N_TUNED = 2

_FEW, _MANY = 4, 64
"""Training images that are emulated to find out how many more fit the time, and the most that do."""

_EMULATION_S = 3.0
"""Approximate time for the emulation of images [s]."""

_BUDGET_S = 5.0
"""Approximate time for measuring the steps of tuning [s]."""


@dataclass(frozen=True, kw_only=True)
class Planner:
    """Counts the measurements of a refinement.

    Attributes:
        options: Options of the network.
        design: The network's own design.
        refining: Settings.
        chips: Chips that networks are judged on.
        n_validation: Number of validation images.
        protocol: Protocol of tuning; None for no training.
        n_train: Number of training images.
        moves: Whether the chip has other crossbars than the network was trained for.
    """

    options: Options
    design: Design
    refining: Refining
    chips: DrawnChips
    n_validation: int
    protocol: TrainingProtocol | None
    n_train: int
    moves: bool

    @classmethod
    def of(cls, network: Refinable, home: Design, protocol: TrainingProtocol | None) -> "Planner":
        """The planner of a trained network on the chip of a design; tuned by a protocol, or not."""
        options = network.options(home)
        return cls(
            options=options,
            design=home,
            refining=network.refining,
            chips=network.chips,
            n_validation=len(network.dataset.validation),
            protocol=protocol,
            n_train=len(network.dataset.train),
            moves=network.moves_to(home, options.task.hardware.crossbar),
        )

    def plan(self) -> Plan:
        """The steps of the refinement."""
        refining = self.refining
        before = [self._judged(TRAINED, 1, refining.n_judged)]
        if self.moves:
            before += [self._adopted(1), self._judged(MOVED, 1, refining.n_judged)]
        n_unseen = self.n_validation - refining.compared.stop
        n_front = refining.n_chosen + 2
        last = [self._judged(CONFIRMED, n_front, refining.compared.start)]
        last += [self._judged(CONFIRMED_UNSEEN, n_front, n_unseen)] if n_unseen else []
        return Plan(
            before=tuple(before),
            first=self._round(FIRST_WINDOW, share=1.0, tests=True),
            later=self._round(
                NEXT_WINDOW, share=1.0 if refining.tune else _MEASURED_ANEW, tests=refining.tune is not None
            ),
            last=tuple(last),
            most_rounds=refining.most_rounds,
        )

    def _round(self, window: Window, *, share: float, tests: bool) -> tuple[Step, ...]:
        refining, n_layers = self.refining, len(self.design.layers)
        each = [self._probe(place) for place in range(n_layers)]
        mean = sum(each) / n_layers
        changed = [choice[0] for wave in single_changes(self.options, self.design, window) for choice, _ in wave]
        n_combined = _COMBINATIONS * n_layers * max(0, len(self.options.kinds) - 1)
        n_joint = 1 + _CHOSEN + (refining.n_joint if tests else 0)
        return (
            self._probed(OWN, 1 + n_layers, sum(each)),
            replace(
                self._probed(SINGLE, round(share * len(changed)), share * sum(each[i] for i in changed)), is_bound=True
            ),
            self._probed(COMBINED, round(share * n_combined), share * n_combined * mean),
            self._probed(PAIRS, refining.n_pairs, 2 * refining.n_pairs * mean),
            self._probed(JOINT, n_joint, n_joint * self._probe(None)),
            self._adopted(refining.n_chosen),
            self._judged(CHOSEN, refining.n_chosen, refining.n_judged),
            *self._tuned(),
        )

    def _probed(self, name: str, n_jobs: int, effort: float) -> Step:
        return Step(name=name, n_jobs=n_jobs, n_images=self.refining.n_images, effort=effort)

    def _adopted(self, n_jobs: int) -> Step:
        n_images = self.refining.n_adopted
        return Step(name=ADOPTED, n_jobs=n_jobs, n_images=n_images, effort=n_jobs * n_images * self.conversions)

    def _judged(self, name: str, n_networks: int, n_images: int) -> Step:
        n_jobs = n_networks * max(1, len(self.chips.chips))
        effort = judging_effort(n_images, self.chips) * self.conversions
        return Step(name=name, n_jobs=n_jobs, n_images=n_images, effort=n_jobs * effort)

    def _tuned(self) -> tuple[Step, ...]:
        if self.protocol is None:
            return ()
        trained = images_trained(self.protocol, self.n_train)
        return (
            Step(
                name=TUNED,
                n_jobs=_N_TUNED,
                n_images=trained,
                effort=0.0,
                n_trained=_N_TUNED * trained,
                is_bound=True,
            ),
            replace(self._judged(JUDGED_TUNED, _N_TUNED, self.refining.n_judged), is_bound=True),
        )

    @property
    def conversions(self) -> float:
        """Conversions of an image."""
        return float(sum(self._each))

    @cached_property
    def _each(self) -> list[int]:
        return [geometry.n_conversions for geometry in self.options.geometries(self.design)]

    def _probe(self, place: int | None) -> float:
        n_images = self.refining.n_images + self.refining.n_calibration
        return n_images * probe_effort(self._each, None if place is None else (place,))


def measured_pace(
    trained: TrainedNetwork,
    dataset: Dataset,
    protocol: TrainingProtocol | None,
    *,
    n_conversions: float,
    noise_aware: NonIdealities | None,
    tell: Callable[[str], None],
) -> Pace:
    """Times a few images in the exact emulation, and a few steps of tuning.

    Args:
        trained: The trained network.
        dataset: Its data set.
        protocol: Protocol of tuning; None for no training.
        n_conversions: Conversions of an image of the network.
        noise_aware: Devices that tuning draws anew in every step; None for ideal ones.
        tell: Called with a description of each measurement.
    """
    tell("the exact emulation of a few images")
    image_s = _emulated_s(trained, dataset)
    step_image_s = 0.0
    if protocol is not None:
        network, header = trained.network, trained.header
        costs = measured_costs(
            header.design,
            network.backbone,
            network.crossbar,
            dataset,
            protocol,
            budget_s=_BUDGET_S,
            noise_aware=noise_aware,
            tell=tell,
        )
        step_image_s = costs.step_image_s(protocol)
    return Pace(conversion_s=image_s / n_conversions, step_image_s=step_image_s)


@torch.no_grad()
def _emulated_s(trained: TrainedNetwork, dataset: Dataset) -> float:
    """Processor time of an image in the exact emulation on ideal devices [s]; other work does not count."""
    few, emulator = training_subset(dataset.train, _MANY), Emulator()
    images = prepared(few, trained.protocol, torch.device("cpu")).images
    trained.network.eval()

    def seconds(n_images: int) -> float:
        begun = time.process_time()
        trained.network(images[:n_images], emulator).sum().item()
        return time.process_time() - begun

    with threads(1):
        seconds(_FEW)  # programs the arrays and sets the ranges
        few_s = seconds(_FEW)
        n_images = int(min(len(images), max(_FEW, _EMULATION_S / max(few_s / _FEW, 1e-6))))
        return seconds(n_images) / n_images
