"""Versions of what decides a run's numbers."""

import platform
from importlib import metadata

_PACKAGES = ("xpert-evo", "numpy", "pymoo", "scikit-learn", "scipy", "torch")


def versions() -> dict[str, str]:
    """Name -> version of this program, of the libraries that compute, and of Python."""
    return {**{name: metadata.version(name) for name in _PACKAGES}, "python": platform.python_version()}
