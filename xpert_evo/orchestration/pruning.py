"""Channel pruning chosen by cost: the depths to which a trained network's layers are narrowed, one after another.

Each step narrows the layer that lowers EDAP most for the damage that it does: log(EDAP) saved per nat of divergence of
the class probabilities from those of the unpruned network, as NetAdapt (Yang et al., ECCV 2018, arXiv 1804.03230)
narrows layers by latency and accuracy. Unlike there, nothing is trained between the steps, and only what could be the
best step is measured again: the narrower the rest of a network, the more a step damages, so that a damage measured
earlier is taken as a lower bound. Batch norm is calibrated on training images before every measurement; inputs and
weights are quantised, ADCs are perfect.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from hw_models import HardwareReport
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork, build_network
from xpert_evo.accuracy.datasets.catalogue import Split
from xpert_evo.accuracy.sensitivity.prediction import FloatArray, divergence, log_probabilities
from xpert_evo.accuracy.training.images import prepared, training_subset
from xpert_evo.accuracy.training.measuring import evaluate, recalibrate
from xpert_evo.accuracy.training.pruning import pruned_weights
from xpert_evo.design import Design
from xpert_evo.errors import UsageError
from xpert_evo.genes import GeneKind
from xpert_evo.hardware import Hardware
from xpert_evo.orchestration.refining.preparing import Refinable
from xpert_evo.orchestration.refining.spaces import baseline_task
from xpert_evo.progress import Listener, Message
from xpert_evo.space import SearchSpace
from xpert_evo.words import counted, listed, lower

_MOST_TRIED = 2
"""How many smaller depths of a layer are tried at once."""

_LEAST_DAMAGE = 1e-4
"""Damage below which steps are compared by what they save alone [nats]."""

_BATCH = 200

_N_CALIBRATION = 512
"""Training images on which the batch norm of each network is calibrated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """A network after a step.

    Attributes:
        design: Design with the depths of the step.
        layer: Layer that the step narrowed, the first of its depth group; None for the unpruned network.
        others: Other layers of the group, which the step narrowed as well.
        before: Its channel depth before the step; 0 for the unpruned network.
        edap_ratio: EDAP of the baseline divided by that of the design; with worst-case costs, the least of all models.
        area_mm2: Area of the design [mm2].
        divergence: KL divergence of the class probabilities from those of the unpruned network [nats].
        accuracy: Fraction of other validation images that it classifies correctly, before any training.
    """

    design: Design
    layer: str | None = None
    others: tuple[str, ...] = ()
    before: int = 0
    edap_ratio: float
    area_mm2: float
    divergence: float
    accuracy: float

    @property
    def after(self) -> int:
        """Channel depth of the layer after the step; 0 for the unpruned network."""
        depths = {layer.name: layer.channel_depth for layer in self.design.layers}
        return 0 if self.layer is None else depths[self.layer] or 0


@dataclass(frozen=True, slots=True)
class _Step:
    """One layer narrowed: the position of the first layer of its depth group, and the new depth."""

    layer: int
    depth: int


def prune_channels(network: Refinable, listener: Listener, *, loss: float, least_gain: float = 0.0) -> list[Pruned]:
    """Narrows layers of a trained network as long as it loses little accuracy without training.

    Args:
        network: The network, its images and settings. Depths are chosen among those that the space offers; divergence
            is measured on the first `refining.n_images` validation images and accuracy on the `n_judged` after these.
        listener: Receives each step, and those that would lose too much.
        loss: Most loss of accuracy, a fraction.
        least_gain: Least fraction by which a step lowers EDAP; steps that gain less are not made.

    Returns:
        The unpruned network and every step, by falling EDAP.

    Raises:
        UsageError: The space offers no smaller depth for any layer, or the weights cannot be pruned.
    """
    bench = _Bench.of(network, least_gain)
    steps, damages, refused = [bench.unpruned()], dict[_Step, float](), set[_Step]()
    listener.tell(Message(text=step_words(steps[0])))
    n_possible = len(bench.gains(steps[0], refused))
    listener.tell(Message(text=f"{counted(n_possible, 'step')} to measure at first, then those that could be the best"))
    while (best := bench.best(steps[-1], damages, refused)) is not None:
        found = bench.judged(steps[-1].design, best)
        if found.accuracy < steps[0].accuracy - loss:
            refused.add(best)
            listener.tell(Message(text=f"{step_words(found)}: loses too much, not made"))
            continue
        steps.append(found)
        listener.tell(Message(text=step_words(found)))
        damages = {step: damage for step, damage in damages.items() if step.layer != best.layer}
    return steps


def step_words(step: Pruned) -> str:
    """A step in words: `conv13 512 -> 128: EDAP 180 x lower than the baseline's, 92.80 % without training`."""
    what = "unpruned" if step.layer is None else f"{layers_words(step)} {step.before} -> {step.after}"
    cost = f"EDAP {lower(step.edap_ratio)} than the baseline's"
    return f"{what}: {cost}, {100 * step.accuracy:.2f} % without training"


def layers_words(step: Pruned) -> str:
    """The layers that a step narrowed: `conv13`, `stem (and join)`; empty for the unpruned network."""
    return f"{step.layer or ''} (and {listed(step.others)})" if step.others else step.layer or ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bench:
    """What all measurements share.

    Attributes:
        network: The trained network.
        offered: Depths that the space offers, by the position of the first layer of each depth group.
        least_gain: Least fraction by which a step lowers EDAP.
        chips: The chip, and with worst-case costs the chip under each other model; EDAP of the baseline under the first
            over that under each, (chips,).
        baseline_edap: EDAP of the baseline of the space [mm2 us uJ].
        calibration: Training images on which batch norm is calibrated.
        seen: Validation images on which divergence is measured.
        unseen: Other validation images, on which accuracy is measured.
        reference: Logarithms of the unpruned network's class probabilities of `seen`.
    """

    network: Refinable
    offered: Mapping[int, tuple[int, ...]]
    least_gain: float
    chips: tuple[tuple[Hardware, float], ...]
    baseline_edap: float
    calibration: Split
    seen: Split
    unseen: Split
    reference: FloatArray

    @classmethod
    def of(cls, network: Refinable, least_gain: float = 0.0) -> "_Bench":
        """Prepares the images and what the space offers; raises UsageError if that is nothing."""
        task = baseline_task(network.config, network.dataset)
        genes = [gene for gene in task.space.genes if gene.kind is GeneKind.CHANNEL_DEPTH and gene.layer is not None]
        offered = {gene.layer: tuple(int(choice) for choice in gene.choices) for gene in genes}
        depths = [layer.channel_depth for layer in network.design.layers]
        if not any(choice < (depths[layer] or 0) for layer, own in offered.items() for choice in own):
            raise UsageError(
                "the space offers no channel depth below those of this network; name smaller ones, such as with "
                "--set space.channel_depth=[16,32,64,128,256,512]."
            )
        worst = task.worst_case
        others = () if worst is None else tuple(zip(worst.chips, map(float, worst.factors), strict=True))
        cpu, protocol, refining = torch.device("cpu"), network.trained.protocol, network.refining
        training = training_subset(network.dataset.train, _N_CALIBRATION)
        validation = prepared(network.dataset.validation, protocol, cpu, refining.n_images + refining.n_judged)
        bench = cls(
            network=network,
            offered=offered,
            least_gain=least_gain,
            chips=((task.hardware, 1.0), *others),
            baseline_edap=float(task.own_costs(task.baseline)["edap"][0]),
            calibration=prepared(training, protocol, cpu),
            seen=validation.part(slice(refining.n_images)),
            unseen=validation.part(slice(refining.n_images, None)),
            reference=np.empty(0),
        )
        return replace(bench, reference=log_probabilities(bench.scores(bench.pruned(network.design))))

    def unpruned(self) -> Pruned:
        """The network as it was trained."""
        return self._judged(self.network.design)

    def judged(self, design: Design, step: _Step) -> Pruned:
        """A design after a step."""
        owners = self.network.trained.network.backbone.depth_owners
        group = [layer for layer, owner in zip(design.layers, owners, strict=True) if owner == step.layer]
        first, *others = [layer.name for layer in group]
        before = group[0].channel_depth or 0
        return self._judged(self.after(design, step), layer=first, others=tuple(others), before=before)

    def _judged(
        self, design: Design, *, layer: str | None = None, others: tuple[str, ...] = (), before: int = 0
    ) -> Pruned:
        network = self.pruned(design)
        return Pruned(
            design=design,
            layer=layer,
            others=others,
            before=before,
            edap_ratio=self.baseline_edap / self.edap(design),
            area_mm2=float(self.reports(design)[0].area_mm2[0]),
            divergence=self.divergence(network),
            accuracy=evaluate(network, self.unseen, CrossbarLayer.product),
        )

    def best(self, anchor: Pruned, damages: dict[_Step, float], refused: Collection[_Step]) -> _Step | None:
        """The step that saves most for what it damages; None if no step saves enough.

        Args:
            anchor: The network before the step.
            damages: Divergences that steps added when they were last measured [nats]; brought up to date where that
                decides.
            refused: Steps that are not to be made.
        """
        gains = self.gains(anchor, refused)
        measured: set[_Step] = set()
        while gains:
            best = max(gains, key=lambda step: gains[step] / max(damages.get(step, 0.0), _LEAST_DAMAGE))
            if best in measured:
                return best
            damages[best] = self.divergence(self.pruned(self.after(anchor.design, best))) - anchor.divergence
            measured.add(best)
        return None

    def gains(self, anchor: Pruned, refused: Collection[_Step]) -> dict[_Step, float]:
        """By how much each possible step lowers log(EDAP); steps that are refused or gain too little are left out."""
        edap = self.baseline_edap / anchor.edap_ratio
        gains = {
            step: math.log(edap / self.edap(self.after(anchor.design, step)))
            for step in self.steps(anchor.design)
            if step not in refused
        }
        least = -math.log1p(-self.least_gain)
        return {step: gain for step, gain in gains.items() if gain > 0 and gain >= least}

    def steps(self, design: Design) -> list[_Step]:
        """The next smaller depths of each layer."""
        found = []
        for layer, offered in self.offered.items():
            smaller = sorted(depth for depth in offered if depth < (design.layers[layer].channel_depth or 0))
            found += [_Step(layer, depth) for depth in smaller[-_MOST_TRIED:]]
        return found

    def after(self, design: Design, step: _Step) -> Design:
        """A design with a layer, and those that share its depth, narrowed."""
        owners = self.network.trained.network.backbone.depth_owners
        layers = tuple(
            layer.model_copy(update={"channel_depth": step.depth}) if owner == step.layer else layer
            for layer, owner in zip(design.layers, owners, strict=True)
        )
        return design.model_copy(update={"layers": layers})

    def edap(self, design: Design) -> float:
        """EDAP of a design [mm2 us uJ]; with worst-case costs, the largest relative to the baseline's."""
        factors = [factor for _, factor in self.chips]
        return max(f * float(report.edap[0]) for f, report in zip(factors, self.reports(design), strict=True))

    def reports(self, design: Design) -> list[HardwareReport]:
        """Costs of a design on each of the chips."""
        space = SearchSpace.around(design, self.network.trained.network.backbone)
        return [chip.report_of(space, np.zeros((1, space.n_genes), dtype=np.int64)) for chip, _ in self.chips]

    def divergence(self, network: CrossbarNetwork) -> float:
        """Divergence of a network's class probabilities from those of the unpruned one [nats]."""
        return float(divergence(self.reference, self.scores(network)))

    def scores(self, network: CrossbarNetwork) -> FloatArray:
        """Class scores of a network, (images, classes)."""
        with torch.no_grad():
            found = [network(images, CrossbarLayer.product) for images in torch.split(self.seen.images, _BATCH)]
        return torch.cat(found).double().numpy()

    def pruned(self, design: Design) -> CrossbarNetwork:
        """The network of a design with the trained weights of the channels that it keeps; raises UsageError."""
        trained = self.network.trained
        network = build_network(
            design, trained.network.backbone, crossbar=trained.network.crossbar, image_size=trained.image_size
        )
        weights = pruned_weights(trained.network.state_dict(), network)
        if weights is None:
            raise UsageError(
                f"{self.network.file} cannot be pruned: operations outside the crossbars have weights for each channel."
            )
        network.load_state_dict(weights)
        protocol = trained.protocol.model_copy(update={"n_recalibration": _N_CALIBRATION})
        recalibrate(network, self.calibration, protocol, CrossbarLayer.product)
        return network
