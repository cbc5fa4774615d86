"""xpert-evo evolves neural networks together with the in-memory-computing chips that run them.

As a library it offers `run` and `load_run` for searches, `train`, `judge` and `pack` for single designs, and
`load_network`; they are loaded when they are first used, because the libraries below them take seconds and the command
line's help must not wait.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xpert_evo.library import Run, judge, load_network, load_run, pack, run, train

__all__ = ["Run", "judge", "load_network", "load_run", "pack", "run", "train"]


def __getattr__(name: str) -> Any:
    """A public name, loaded now; raises AttributeError for others."""
    if name not in __all__:
        raise AttributeError(f"module 'xpert_evo' has no attribute '{name}'; it offers {', '.join(__all__)}.")
    return getattr(import_module("xpert_evo.library"), name)


def __dir__() -> list[str]:
    """The public names."""
    return list(__all__)
