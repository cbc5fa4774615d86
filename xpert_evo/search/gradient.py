"""XPert's own search, as published and corrected: gradient descent on a softmax over the options of each layer.

A. Moitra, A. Bhattacharjee, Y. Kim, P. Panda, "XPert: Peripheral Circuit & Neural Architecture Co-search for Area and
Energy-efficient Xbar-based Computing", DAC 2023, arXiv 2303.17646. A layer's option is a channel depth together with a
setting of its peripherals. The loss is 0.01 latency + 1e-7 (area - target)^2.

As published, a layer takes its most likely option, and the gradient reaches the logits only through the sum of the
gate, which is 1 whatever the logits are: its derivative is zero, and only rounding moves the logits. In the corrected
version, every option's cost is weighted by its probability.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xpert_evo.objectives import FloatArray
from xpert_evo.space import IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientSettings:
    """Settings of the stochastic gradient descent; the defaults are those of the released code.

    Attributes:
        corrected: Whether costs are weighted by probabilities; otherwise the gradient is the published one.
        n_steps: Number of steps; each evaluates one design.
        learning_rate: Learning rate of the logits.
        momentum: Share of the previous step that is repeated.
        weight_decay: Strength of the pull of the logits towards 0.
        latency_weight: Weight of the latency in the loss.
        area_weight: Weight of the squared distance to the area target in the loss.
    """

    corrected: bool = False
    n_steps: int = 2000
    learning_rate: float = 12.0
    momentum: float = 0.99
    weight_decay: float = 1e-5
    latency_weight: float = 0.01
    area_weight: float = 1e-7


def gradient_designs(
    latency: FloatArray,
    area: FloatArray,
    *,
    area_target: float,
    settings: GradientSettings,
    rng: np.random.Generator,
) -> Iterator[tuple[IntArray, IntArray]]:
    """Returns the design of each step: positions of the channel depth and the peripherals' setting, (layers,) each.

    Args:
        latency: Latency of each layer, (layers, input depths, depths, settings); layers with a fixed input repeat it.
        area: Area of each layer, likewise, in the unit of the target.
        area_target: Target of the area.
        settings: Settings of the descent.
        rng: Random generator of the initial logits.
    """
    n_layers, _, n_depths, n_settings = latency.shape
    logits = 1e-3 * rng.standard_normal((n_layers, n_depths * n_settings)).astype(np.float32)
    velocity = np.zeros_like(logits)
    for _ in range(settings.n_steps):
        chosen = np.argmax(logits, axis=1)
        depth, setting = chosen // n_settings, chosen % n_settings
        yield depth, setting
        probabilities = _softmax(logits.astype(np.float64))
        if settings.corrected:
            gradient = _expected_gradient(probabilities, latency, area, area_target, settings)
        else:
            before = np.concatenate([[0], depth[:-1]])
            at = np.arange(n_layers), before, depth, setting
            loss_slope = _loss_slope(latency[at], area[at], area_target, settings)
            gradient = _softmax_gradient(probabilities, np.repeat(loss_slope[:, None], logits.shape[1], axis=1))
        velocity = settings.momentum * velocity + gradient + settings.weight_decay * logits
        logits = (logits - settings.learning_rate * velocity).astype(np.float32)


def _loss_slope(latency: FloatArray, area: FloatArray, area_target: float, settings: GradientSettings) -> FloatArray:
    """Slope of the loss by each layer's gate, (layers,)."""
    excess = 2 * settings.area_weight * (area.sum() - area_target)
    return np.asarray(settings.latency_weight * latency + excess * area)


def _expected_gradient(
    probabilities: FloatArray, latency: FloatArray, area: FloatArray, area_target: float, settings: GradientSettings
) -> FloatArray:
    """Gradient of the loss of expected latency and expected area by the logits, (layers, options)."""
    n_layers, n_inputs, n_depths, _ = latency.shape
    options = probabilities.reshape(n_layers, n_depths, -1)
    inputs = np.concatenate([np.eye(1, n_inputs), options.sum(axis=2)[:-1]])
    expected_area = np.einsum("li,ldo,lido->", inputs, options, area)
    excess = 2 * settings.area_weight * (expected_area - area_target)
    costs = settings.latency_weight * latency + excess * area
    own = np.einsum("li,lido->ldo", inputs, costs)
    later = np.einsum("ldo,lido->li", options, costs)
    own[:-1] += later[1:, :, None]
    return _softmax_gradient(probabilities, own.reshape(n_layers, -1))


def _softmax(logits: FloatArray) -> FloatArray:
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))


def _softmax_gradient(probabilities: FloatArray, upstream: FloatArray) -> FloatArray:
    """Gradient by the logits, given the gradient by the probabilities."""
    return np.asarray(probabilities * (upstream - (probabilities * upstream).sum(axis=1, keepdims=True)))
