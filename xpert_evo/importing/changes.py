"""Changes in place: a traced program whose tensors are changed through views of them cannot be converted.

Tracing gives a tensor that is changed in place a new name, by which it is read from then on. Other views of the same
memory keep their names, and would be converted with their old values.
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any

from torch.fx import Node

from xpert_evo.importing.building import ImportFailedError

_Place = tuple[tuple[Node | None, Any], ...]
"""Memory of a tensor: the node that owns it, then the splits and parts of them that lead to the tensor."""


_SAME = frozenset({"dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"})
"""Operators that return their input in evaluation mode."""


def check_changes(nodes: Iterable[Node], told: Callable[[Node], str]) -> None:
    """Checks that no tensor is read after its memory was changed through another one.

    Args:
        nodes: Nodes of the traced program, in order.
        told: Gives a node's operator and place in words.

    Raises:
        ImportFailedError: One is; the message names the operator that changes it.
    """
    places: dict[Node, _Place] = {}
    changes: dict[_Place, tuple[Node, set[Node]]] = {}
    for node in nodes:
        places[node] = place = _place(node, places)
        if "_assert" in str(node.target):
            continue
        for changed, (change, current) in changes.items():
            stale = [read for read in node.all_input_nodes if read not in current and _overlap(places[read], changed)]
            if stale:
                raise ImportFailedError(
                    f"{told(change)} changes a part or a view of a tensor in place, which cannot be followed; "
                    "compute a new tensor instead"
                )
        if _schema_says(node, "is_mutable"):
            changes[place] = (node, {node})
        for changed, (_, current) in changes.items():
            if node.all_input_nodes and node.all_input_nodes[0] in current and _overlap(place, changed):
                current.add(node)


def _place(node: Node, places: dict[Node, _Place]) -> _Place:
    source = node.args[0] if node.args and isinstance(node.args[0], Node) else None
    if source is not None and node.target is operator.getitem:
        return (*places[source], (source, node.args[1]))
    if source is not None and str(_schema_says(node, "name")).removeprefix("aten::") in _SAME:
        return places[source]
    if source is not None and any(result.alias_info is not None for result in _schema_says(node, "returns") or ()):
        return places[source]
    return ((None, node),)


def _schema_says(node: Node, name: str) -> Any:
    return getattr(getattr(node.target, "_schema", None), name, None)


def _overlap(one: _Place, other: _Place) -> bool:
    """Whether two tensors may share memory: not if they have different owners or are different parts of one split."""
    first = next(((a, b) for a, b in zip(one, other, strict=False) if a != b), None)
    return first is None or first[0][0] is not first[1][0]
