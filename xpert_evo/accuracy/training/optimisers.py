"""Optimisers and the learning-rate schedule: Muon for convolutions, Nesterov SGD for the rest."""

from typing import Any

import torch
from torch import nn

from xpert_evo.accuracy.crossbars.network import CrossbarNetwork
from xpert_evo.accuracy.training.mixed_precision import compute_type
from xpert_evo.accuracy.training.protocols import TrainingProtocol

_NEWTON_SCHULZ = ((3.4445, -4.7750, 2.0315),) * 3
"""Coefficients of the quintic iteration (K. Jordan, "Muon: an optimizer for hidden layers", 2024)."""


def orthogonalised(matrix: torch.Tensor, *, bfloat16: bool = False) -> torch.Tensor:
    """Returns approximately the nearest matrix with equal singular values, (rows, columns), by Newton-Schulz iteration.

    Each iteration multiplies X by a polynomial of its Gram matrix X X^T, and so does their sequence. The polynomials,
    which are small and square, are multiplied first and X only once: half the work of iterating on X for the wide
    matrices of convolutions. On a GPU, or with `bfloat16`, the two products with X run in bfloat16, which the
    iteration tolerates (Jordan 2024) and tensor cores accelerate.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    if x.is_cuda or bfloat16:
        x = x.bfloat16()
    gram = (x @ x.T).to(matrix.dtype)
    product = factor = _polynomial(gram, _NEWTON_SCHULZ[0])
    for coefficients in _NEWTON_SCHULZ[1:]:
        gram = factor @ gram @ factor
        factor = _polynomial(gram, coefficients)
        product = factor @ product
    update: torch.Tensor = product.to(x.dtype) @ x
    return (update.T if tall else update).to(matrix.dtype)


def _polynomial(gram: torch.Tensor, coefficients: tuple[float, float, float]) -> torch.Tensor:
    """Returns the square matrix that an iteration multiplies by: a I + b G + c G^2."""
    a, b, c = coefficients
    result = torch.addmm(gram, gram, gram, beta=b, alpha=c)
    result.diagonal().add_(a)
    return result


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalised updates, for weights of convolutions as (outputs, rows) matrices.

    The norm of each weight is kept at the square root of its number of outputs, so that steps have the same relative
    size throughout the network.
    """

    def __init__(self, parameters: list[nn.Parameter], *, lr: float, momentum: float, bfloat16: bool = False) -> None:
        self._bfloat16 = bfloat16
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Updates every weight that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                momentum = state["momentum_buffer"].mul_(group["momentum"]).add_(weight.grad)
                ahead = weight.grad.add(momentum, alpha=group["momentum"]).flatten(1)
                weight.mul_(len(weight) ** 0.5 / weight.norm())
                update = orthogonalised(ahead, bfloat16=self._bfloat16)
                weight.add_(update.view_as(weight), alpha=-group["lr"])


def build_optimisers(network: CrossbarNetwork, protocol: TrainingProtocol) -> list[torch.optim.Optimizer]:
    """Builds the optimisers of a network's weights, with peak learning rates."""
    # Muon changes the scale of weights, which only batch norm makes up for.
    normalised = [layer.weight for layer in network.crossbar_layers[:-1] if layer.normalised]
    filters = normalised if protocol.orthogonalise else []
    rest = [parameter for parameter in network.parameters() if not any(parameter is f for f in filters)]
    rate, momentum = protocol.classifier_learning_rate, protocol.momentum
    optimisers: list[torch.optim.Optimizer] = [torch.optim.SGD(rest, lr=rate, momentum=momentum, nesterov=True)]
    if filters:
        in_bfloat16 = compute_type(protocol, filters[0].device) is torch.bfloat16
        optimisers.append(Muon(filters, lr=protocol.learning_rate, momentum=momentum, bfloat16=in_bfloat16))
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["peak_lr"] = group["lr"]
    return optimisers


def learning_rate_factor(step: float, n_steps: int, warmup_ratio: float, constant_ratio: float = 0.0) -> float:
    """Returns the factor of the one-cycle schedule: linear warm-up to 1, then linear decay to 0 after the last step.

    It stays constant over the last `constant_ratio` of the steps.
    """
    step = min(step, (1 - constant_ratio) * n_steps)
    warmup = max(1.0, warmup_ratio * n_steps)
    return min((step + 1) / warmup, (n_steps - step) / max(1.0, n_steps - warmup), 1.0)
