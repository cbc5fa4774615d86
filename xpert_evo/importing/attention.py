"""Torch's multi-head attention in operators that keep the batch axis apart."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from xpert_evo.importing.building import ImportFailedError


class _PlainAttention(nn.Module):
    """The computation of `nn.MultiheadAttention` without a mask, with the batch first.

    Torch's own code merges the batch with the heads, after which an operator can no longer be told to treat each image
    by itself.
    """

    def __init__(self, original: nn.MultiheadAttention) -> None:
        super().__init__()
        if original.bias_k is not None or original.add_zero_attn:
            raise ImportFailedError("the attention has an additional key, which is not supported")
        size = original.embed_dim
        self.batch_first, self.n_heads = original.batch_first, original.num_heads
        if original.in_proj_weight is not None:
            weights = list(torch.split(original.in_proj_weight, size))
        else:
            weights = [original.q_proj_weight, original.k_proj_weight, original.v_proj_weight]
        bias = original.in_proj_bias
        biases = [None] * 3 if bias is None else list(torch.split(bias, size))
        self.query, self.key, self.value = (_linear(w, b) for w, b in zip(weights, biases, strict=True))
        self.out_proj = _linear(original.out_proj.weight, original.out_proj.bias)

    def forward(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, None]:
        """Returns the output and no weights; masks are not supported."""
        if not self.batch_first:
            query, key, value = (tensor.transpose(0, 1) for tensor in (query, key, value))
        heads = [
            layer(tensor).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for layer, tensor in ((self.query, query), (self.key, key), (self.value, value))
        ]
        joined = F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)
        output = self.out_proj(joined)
        return (output if self.batch_first else output.transpose(0, 1)), None


def _linear(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone())
    return layer


def with_plain_attention(module: nn.Module) -> nn.Module:
    """Replaces every `nn.MultiheadAttention` of a module, and switches off torch's fused transformer layers."""
    for name, child in module.named_children():
        if isinstance(child, nn.MultiheadAttention):
            setattr(module, name, _PlainAttention(child))
        else:
            with_plain_attention(child)
    torch.backends.mha.set_fastpath_enabled(False)
    return module
