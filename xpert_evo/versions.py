"""Versions of the software that determines a run's numbers."""

import platform
from importlib import metadata

_PACKAGES = ("xpert-evo", "numpy", "pymoo", "scikit-learn", "scipy", "torch")


def versions() -> dict[str, str]:
    """Returns the versions of this program, of the numerical libraries, and of Python, by name."""
    return {**{name: metadata.version(name) for name in _PACKAGES}, "python": platform.python_version()}
