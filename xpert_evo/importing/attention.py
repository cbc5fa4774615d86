"""Torch's multi-head attention in operators that keep the batch axis apart."""

from typing import TypeGuard

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from xpert_evo.importing.building import ImportFailedError

_OPTIONS = ("key_padding_mask", "need_weights", "attn_mask", "average_attn_weights", "is_causal")
"""Arguments of torch's attention after query, key and value, in order."""


class _PlainAttention(nn.Module):
    """The computation of `nn.MultiheadAttention` without a mask, with the batch first.

    Torch's own code merges the batch with the heads, after which an operator can no longer be told to treat each image
    by itself.
    """

    def __init__(self, original: nn.MultiheadAttention, name: str) -> None:
        super().__init__()
        self.name = name
        if original.bias_k is not None or original.add_zero_attn:
            raise ImportFailedError(f"the attention {name} has an additional key, which is not supported")
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
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *given: object, **named: object
    ) -> tuple[torch.Tensor, None]:
        """Returns the output and no weights; raises ImportFailedError if it is given a mask."""
        options = dict(zip(_OPTIONS, given, strict=False)) | named
        masks = (options.get("key_padding_mask"), options.get("attn_mask"))
        if any(mask is not None for mask in masks) or options.get("is_causal"):
            raise ImportFailedError(
                f"the attention {self.name} is given a mask; only attention without a mask is supported"
            )
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


def _is_attention(module: nn.Module | None) -> TypeGuard[nn.MultiheadAttention]:
    return isinstance(module, nn.MultiheadAttention)


def with_plain_attention(module: nn.Module) -> nn.Module:
    """Replaces every `nn.MultiheadAttention` of a module, and switches off torch's fused transformer layers."""
    plain = {part: _PlainAttention(part, name) for name, part in module.named_modules() if _is_attention(part)}
    for part in list(module.modules()):
        for name, child in part._modules.items():
            if child in plain:
                setattr(part, name, plain[child])
    torch.backends.mha.set_fastpath_enabled(False)
    return module
