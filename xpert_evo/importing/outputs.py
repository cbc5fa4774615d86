"""The output of a network that is used, where it has several."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SCORES = ("out", "logits")
"""Names of the class scores among several outputs: torchvision's segmentation networks, and HuggingFace's models."""

_MOST_NAMES = 4


def chosen_output(names: Sequence[str]) -> int:
    """Returns the position of the class scores among outputs by name; the first where names do not tell."""
    return next((names.index(name) for name in SCORES if name in names), 0) if all(names) else 0


def note_on_outputs(names: Sequence[str], chosen: int) -> tuple[str, ...]:
    """Returns a sentence that names the output that is used; none for a single output.

    Args:
        names: Names of all outputs; empty strings for those without one.
        chosen: Position of the one that is used.
    """
    if len(names) == 1:
        return ()
    if not all(names):
        return (f"the network has {len(names)} outputs; only the first is used",)
    shown = list(names[:_MOST_NAMES]) if len(names) <= _MOST_NAMES else [*names[: _MOST_NAMES - 1], "..."]
    return (f"the network has {len(names)} outputs ({', '.join(shown)}); only {names[chosen]} is used",)


def names_in(structure: Any, name: str = "") -> Iterator[str]:
    """Yields a name for each leaf of nested outputs, in order: its keys, and positions below them (`aux.0`).

    Outputs of a plain tuple have empty names, since their positions tell nothing.
    """
    if isinstance(structure, Mapping):
        for key, part in structure.items():
            yield from names_in(part, f"{name}.{key}" if name else str(key))
    elif isinstance(structure, (list, tuple)):
        for i, part in enumerate(structure):
            yield from names_in(part, f"{name}.{i}" if name else "")
    else:
        yield name
