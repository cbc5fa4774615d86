"""What the rules of ONNX operators are given: attributes, traced tensors and constants as NumPy arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.importing.building import ImportFailedError

Tensor = torch.Tensor


@dataclass(frozen=True, slots=True)
class Attributes:
    """Attributes of a node.

    Attributes:
        values: Values by name.
        opset: Version of the operators.
        n_outputs: Outputs of the node.
    """

    values: Mapping[str, Any]
    opset: int
    n_outputs: int

    def get(self, name: str, default: Any = None) -> Any:
        """Returns an attribute, or the default."""
        return self.values.get(name, default)


def tensor(value: Any) -> Tensor:
    """Returns a constant as a tensor, and a tensor as it is."""
    return value if isinstance(value, Tensor) else torch.from_numpy(np.ascontiguousarray(value))


def numbers(value: Any, what: str) -> list[int]:
    """Returns a constant as whole numbers; raises ImportFailedError if it depends on the input."""
    if isinstance(value, Tensor):
        raise ImportFailedError(f"has {what} that depend on the input")
    return [int(n) for n in np.asarray(value).ravel()]


def padded(x: Tensor, pads: Sequence[int], value: float = 0.0) -> Tensor:
    """Returns a map with padding at the begins and ends of its last axes, in the order of ONNX."""
    n = len(pads) // 2
    amounts = [amount for i in reversed(range(n)) for amount in (pads[i], pads[i + n])]
    return F.pad(x, amounts, value=value) if any(amounts) else x
