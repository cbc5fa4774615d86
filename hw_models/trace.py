"""A number with the formula, constants and other numbers from which it follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from hw_models.arrays import FloatArray
from hw_models.constants import Constant


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceNode:
    """A number and its derivation.

    Attributes:
        name: Name of the quantity.
        value: Value in `unit`.
        unit: Unit of the value.
        formula: Derivation from the parts or constants.
        constants: Constants in the formula.
        parts: Numbers in the formula.
    """

    name: str
    value: float
    unit: str
    formula: str
    constants: tuple[Constant, ...] = ()
    parts: tuple[TraceNode, ...] = field(default=())

    def lines(self, depth: int = 0) -> Iterator[str]:
        """Yields the tree as lines of indented text."""
        indent = "  " * depth
        yield f"{indent}{self.name}: {self.value:.6g} {self.unit} = {self.formula}"
        for constant in self.constants:
            yield f"{indent}    {constant.name} = {constant.value_text} {constant.unit}  [{constant.source}]"
        for part in self.parts:
            yield from part.lines(depth + 1)


def node(
    name: str,
    unit: str,
    formula: str,
    value: FloatArray | float,
    parts: Sequence[TraceNode] = (),
    *,
    constants: Sequence[Constant] = (),
) -> TraceNode:
    """Makes a node of one number, which may be an array with one entry."""
    return TraceNode(
        name=name,
        value=float(np.asarray(value).item()),
        unit=unit,
        formula=formula,
        parts=tuple(parts),
        constants=tuple(constants),
    )
