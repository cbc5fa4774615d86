"""Runs a network again after a change of some layers' peripherals, from the first changed layer on.

The inputs and products of all layers are kept, so that a change costs only the layers behind it. ADC ranges of changed
layers are calibrated on training images, and so are the batch-norm statistics behind them.

The errors of single layers are measured in isolation: all other layers have perfect ADCs and fine inputs. By the exact
emulation in all layers, the slightest change of one would draw the rounding errors of all layers behind it anew, and
each single measurement would count these errors, which a joint choice has but once.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import torch

from xpert_evo.accuracy.crossbars.blocks import Emulated
from xpert_evo.accuracy.crossbars.emulation import emulate_layer
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.accuracy.sensitivity.statistics import (
    Moments,
    kept_statistics,
    move_statistics,
    set_statistics,
    statistics_of,
)

_FINE_BITS = 8

Changes = Mapping[int, LayerGeometry]
"""Layers by position, and the geometry with their changed peripherals."""


class Probe:
    """A trained network by the exact emulation, on fixed images.

    Args:
        network: Trained network; it is only borrowed, and left as it was.
        calibration: Prepared training images (n, channels, side, side) for ADC ranges and batch norm.
        images: Prepared images whose class scores are measured, likewise.
        nonidealities: Non-idealities of devices and converters; None for ideal ones.
        seed: Random seed of the devices. A layer's draw depends only on the seed and the layer's position.
        isolated: Whether unchanged layers have perfect ADCs and fine inputs instead of the exact emulation. Batch norm
            then has the statistics of the calibration images throughout.

    Attributes:
        scores: Class scores of `images`, (n, classes).
    """

    @own_numerics()
    @torch.no_grad()
    def __init__(
        self,
        network: CrossbarNetwork,
        calibration: torch.Tensor,
        images: torch.Tensor,
        *,
        nonidealities: NonIdealities | None = None,
        seed: int = 0,
        isolated: bool = False,
    ) -> None:
        self._network = network.eval()
        self._layers = network.crossbar_layers
        self._places = {layer: place for place, layer in enumerate(self._layers)}
        self._shown = torch.cat([calibration, images])
        self._n_calibration = len(calibration)
        self._nonidealities, self._seed = nonidealities, seed
        self._statistics = statistics_of(network)
        self._inputs: list[torch.Tensor] = []
        self._outputs: list[torch.Tensor] = []
        self._products: list[Callable[[torch.Tensor], torch.Tensor]] = []
        self._moments: list[Moments] = []
        self._isolated = isolated
        with kept_statistics(network):
            self.scores: torch.Tensor = network(self._shown, self._first_product)[self._n_calibration :]
        if isolated:
            pairs = zip(self._moments, self._layers, strict=True)
            self._statistics = [moments if layer.normalised else None for moments, layer in pairs]

    @own_numerics()
    @torch.no_grad()
    def changed(self, changes: Changes) -> torch.Tensor:
        """Class scores of the images with changed peripherals, (n, classes)."""
        with self._lent(changes):
            return self._scores(changes)

    @own_numerics()
    @torch.no_grad()
    def statistics(self, changes: Changes) -> list[Moments | None]:
        """Batch-norm statistics of all layers for changed peripherals; None for a layer without batch norm."""
        with self._lent(changes):
            self._scores(changes)
            return statistics_of(self._network)

    def _first_product(self, layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        """Computes a layer and keeps all that later runs need."""
        self._inputs.append(inputs)
        self._products.append(partial(_fine_product, layer) if self._isolated else self._programmed(layer, inputs))
        outputs = self._products[-1](inputs)
        self._outputs.append(outputs)
        self._moments.append(Moments.of(outputs[: self._n_calibration]))
        if self._isolated and layer.normalised:
            layer.mean.copy_(self._moments[-1].mean)
            layer.variance.copy_(self._moments[-1].variance)
        return outputs

    def _programmed(self, layer: CrossbarLayer, inputs: torch.Tensor) -> Emulated:
        generator = None
        if self._nonidealities is not None:
            generator = torch.Generator().manual_seed(self._seed * 10_007 + self._places[layer])
        return emulate_layer(
            layer, inputs[: self._n_calibration], nonidealities=self._nonidealities, generator=generator
        )

    def _scores(self, changes: Changes) -> torch.Tensor:
        """Runs the layers from the first changed one on, which must have their changed geometry."""
        if not changes:
            return self.scores
        first = min(changes)
        whole = _needed_behind(self._network, first)
        set_statistics(self._network, self._statistics)

        def product(layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
            place = self._places[layer]
            if place < first:  # a single image keeps the maps' shapes where nobody reads the others
                return self._outputs[place] if place in whole else self._outputs[place][:1]
            if place == first:
                inputs = self._inputs[place]
            computed = self._programmed(layer, inputs) if place in changes else self._products[place]
            outputs = computed(inputs)
            own = self._statistics[place]
            if own is not None:
                move_statistics(layer, own, self._moments[place], Moments.of(outputs[: self._n_calibration]))
            return outputs

        scores: torch.Tensor = self._network(self._shown, product)
        return scores[self._n_calibration :]

    @contextmanager
    def _lent(self, changes: Changes) -> Iterator[None]:
        """Gives layers other peripherals for a while."""
        own = [layer.geometry for layer in self._layers]
        try:
            with kept_statistics(self._network):
                for place, geometry in changes.items():
                    self._layers[place].geometry = geometry
                yield
        finally:
            for layer, geometry in zip(self._layers, own, strict=True):
                layer.geometry = geometry


def _fine_product(layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
    """The product of a layer with perfect ADCs and inputs of 8 bits."""
    own = layer.geometry
    try:
        layer.geometry = replace(own, input_precision=_FINE_BITS)
        return layer.product(inputs)
    finally:
        layer.geometry = own


def _needed_behind(network: CrossbarNetwork, first: int) -> set[int]:
    """Layers before `first` whose outputs reach layers behind it, or sums with those, without another layer between."""
    graph = network.backbone.graph
    places = {node.name: place for place, node in enumerate(graph.layers)}
    behind: set[str] = set()
    wanted: set[str] = set()
    for node in graph.nodes:
        place = places.get(node.name)
        if (place is not None and place >= first) or (place is None and not behind.isdisjoint(node.inputs)):
            behind.add(node.name)
            if place != first:  # its inputs are known
                wanted.update(name for name in node.inputs if name not in behind)
    for node in reversed(graph.nodes):
        if node.name in wanted and node.name not in places:
            wanted.update(node.inputs)
    return {place for name, place in places.items() if name in wanted and place < first}
