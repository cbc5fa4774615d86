"""Choices of the space that a run's protocols train as the same proxy network."""

from collections import defaultdict

from xpert_evo.accuracy.crossbars.network import proxy_depth
from xpert_evo.accuracy.training.protocols import TrainingProtocol, load_protocol
from xpert_evo.config import RunConfig
from xpert_evo.genes import GeneKind
from xpert_evo.space import SearchSpace
from xpert_evo.words import listed


def proxy_warnings(space: SearchSpace, config: RunConfig) -> list[str]:
    """A sentence for each protocol of a run and each set of choices that it trains as one network."""
    names = dict.fromkeys((config.training.protocol, config.training.finalist_protocol))
    return [line for name in names for line in _warnings(space, load_protocol(name))]


def merged_depths(space: SearchSpace, protocol: TrainingProtocol) -> dict[tuple[tuple[int, ...], int], list[str]]:
    """Layers by the channel depths that a protocol trains as one, and the channels that those have in its proxies.

    Layers whose depth is tied to another one's are told through that one.
    """
    merged: dict[tuple[tuple[int, ...], int], list[str]] = defaultdict(list)
    for gene in space.genes:
        if gene.kind is not GeneKind.CHANNEL_DEPTH:
            continue
        proxies: dict[int, list[int]] = defaultdict(list)
        for choice in gene.choices:
            proxies[proxy_depth(int(choice), protocol.width_divisor)].append(int(choice))
        for channels, depths in proxies.items():
            if len(depths) > 1:
                merged[tuple(depths), channels].append(space.backbone.layers[gene.layer].name)
    return dict(merged)


def _warnings(space: SearchSpace, protocol: TrainingProtocol) -> list[str]:
    n_depths = sum(gene.kind is GeneKind.CHANNEL_DEPTH for gene in space.genes)
    return [
        f"protocol {protocol.name} trains channel depths {listed(depths)} of "
        f"{'every layer' if len(layers) == n_depths else listed(layers)} as one proxy, of {channels} channels: their "
        "accuracies cannot differ, only their costs. Offer depths that lie further apart, or train designs themselves, "
        "such as with native-short."
        for (depths, channels), layers in merged_depths(space, protocol).items()
    ]
