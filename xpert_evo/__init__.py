"""xpert-evo evolves neural networks together with the in-memory-computing chips that run them.

The library provides `run` and `load_run` for searches, `train`, `judge`, `prune`, `refine` and `pack` for single
designs, `backbone_from` for networks of PyTorch, and `load_network`. They are imported on first use, because their
dependencies take seconds to import and `--help` should be instant.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xpert_evo.library import (
        ImportedBackbone,
        Refining,
        Run,
        backbone_from,
        judge,
        load_network,
        load_run,
        pack,
        prune,
        refine,
        run,
        train,
    )

__all__ = [
    "ImportedBackbone",
    "Refining",
    "Run",
    "backbone_from",
    "judge",
    "load_network",
    "load_run",
    "pack",
    "prune",
    "refine",
    "run",
    "train",
]

# With several threads, torch's wait for the next step by spinning for milliseconds, on cores that the fused kernel's
# threads or other processes need. 4,000 turns outlast the gaps between the steps of a training; a choice in the
# environment stays.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "4000")


def __getattr__(name: str) -> Any:
    """Imports a public name on first use; raises AttributeError for other names."""
    if name not in __all__:
        raise AttributeError(f"module 'xpert_evo' has no attribute '{name}'; it offers {', '.join(__all__)}.")
    return getattr(import_module("xpert_evo.library"), name)


def __dir__() -> list[str]:
    """The public names."""
    return list(__all__)
