"""ONNX operators in torch: convolutions, products, norms and pooling."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.importing.building import ImportFailedError
from xpert_evo.importing.onnx_values import Attributes, Tensor, padded, tensor


def _pads(a: Attributes, x: Tensor, kernel: Sequence[int]) -> list[int]:
    """Padding at the begins and ends of the axes of a map, as in ONNX."""
    n = len(kernel)
    mode = a.get("auto_pad", "NOTSET")
    if mode in {"NOTSET", "VALID"}:
        return list(a.get("pads", [0] * 2 * n)) if mode == "NOTSET" else [0] * 2 * n
    strides, dilations = a.get("strides", [1] * n), a.get("dilations", [1] * n)
    begins, ends = [], []
    for size, k, s, d in zip(x.shape[2:], kernel, strides, dilations, strict=True):
        total = max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size)
        less = total // 2
        begins.append(less if mode == "SAME_UPPER" else total - less)
        ends.append(total - less if mode == "SAME_UPPER" else less)
    return begins + ends


def convolution(a: Attributes, x: Tensor, weight: Any, bias: Any = None) -> Tensor:
    """A convolution in one or two dimensions."""
    w = tensor(weight)
    n = w.ndim - 2
    if n not in {1, 2}:
        raise ImportFailedError(f"is a convolution in {n} dimensions; one or two are supported")
    pads = _pads(a, x, w.shape[2:])
    padding: Any = pads[:n]
    if pads[:n] != pads[n:]:
        x, padding = padded(x, pads), 0
    convolve = F.conv2d if n == 2 else F.conv1d
    b = None if bias is None else tensor(bias)
    return convolve(x, w, b, a.get("strides", 1), padding, a.get("dilations", 1), a.get("group", 1))


def product(a: Attributes, x: Any, weight: Any, bias: Any = None) -> Tensor:
    """A product of matrices with a bias (`Gemm`)."""
    first, second = tensor(x), tensor(weight)
    first = first.T if a.get("transA", 0) else first
    second = second if a.get("transB", 0) else second.T
    alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
    result = F.linear(first, second if alpha == 1 else alpha * second)
    return result if bias is None else result + (tensor(bias) if beta == 1 else beta * tensor(bias))


def batch_norm(a: Attributes, x: Tensor, *given: Any) -> Tensor:
    """Batch norm with fixed statistics."""
    gain, bias, mean, variance = map(tensor, given)
    return F.batch_norm(x, mean, variance, gain, bias, False, 0.0, a.get("epsilon", 1e-5))


def instance_norm(a: Attributes, x: Tensor, gain: Any, bias: Any) -> Tensor:
    """Instance norm."""
    return F.instance_norm(x, weight=tensor(gain), bias=tensor(bias), eps=a.get("epsilon", 1e-5))


def layer_norm(a: Attributes, x: Tensor, gain: Any, bias: Any = None) -> Tensor:
    """Layer norm."""
    axis = a.get("axis", -1)
    shape = tuple(x.shape[axis:])
    own = None if bias is None else tensor(bias).expand(shape)
    return F.layer_norm(x, shape, tensor(gain).expand(shape), own, a.get("epsilon", 1e-5))


def local_response_norm(a: Attributes, x: Tensor) -> Tensor:
    """Local response norm."""
    return F.local_response_norm(x, a.get("size"), a.get("alpha", 1e-4), a.get("beta", 0.75), a.get("bias", 1.0))


def max_pool(a: Attributes, x: Tensor) -> Tensor:
    """A maximum over windows."""
    kernel = list(a.get("kernel_shape"))
    n, pads = len(kernel), _pads(a, x, kernel)
    padding: Any = pads[:n]
    if pads[:n] != pads[n:] or any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        x, padding = padded(x, pads, -3e38), 0
    pool = F.max_pool2d if n == 2 else F.max_pool1d
    return pool(x, kernel, a.get("strides", [1] * n), padding, a.get("dilations", [1] * n), bool(a.get("ceil_mode", 0)))


def average_pool(a: Attributes, x: Tensor) -> Tensor:
    """An average over windows."""
    kernel = list(a.get("kernel_shape"))
    if set(a.get("dilations", [1])) != {1}:
        raise ImportFailedError("averages over pixels that are not neighbours, which is not supported")
    n, pads, counts = len(kernel), _pads(a, x, kernel), bool(a.get("count_include_pad", 0))
    padding: Any = pads[:n]
    if pads[:n] != pads[n:]:
        if not counts:
            return _uneven_average(a, x, kernel, pads)
        x, padding = padded(x, pads), 0
    pool = F.avg_pool2d if n == 2 else F.avg_pool1d
    return pool(x, kernel, a.get("strides", [1] * n), padding, bool(a.get("ceil_mode", 0)), counts)


def _uneven_average(a: Attributes, x: Tensor, kernel: Sequence[int], pads: Sequence[int]) -> Tensor:
    """Average without the padding, which differs between both ends: a sum divided by the number of pixels."""
    pool = F.avg_pool2d if len(kernel) == 2 else F.avg_pool1d
    strides = a.get("strides", [1] * len(kernel))
    ones = torch.ones(1, 1, *x.shape[2:])
    share = pool(padded(ones, pads), list(kernel), strides)
    return pool(padded(x, pads), list(kernel), strides) * (1 / share)


def global_pool(reduce: str) -> Callable[..., Tensor]:
    """A mean or maximum over all positions."""

    def rule(_: Attributes, x: Tensor) -> Tensor:
        axes = list(range(2, x.ndim))
        return x.mean(axes, keepdim=True) if reduce == "mean" else torch.amax(x, axes, keepdim=True)

    return rule
