"""Comparison of package versions on a Dask cluster's client, scheduler and workers."""

from collections.abc import Mapping
from typing import Any, TypeAlias

PACKAGES = ("xpert-evo", "torch", "numpy")
"""Packages that determine labels, besides Dask's own."""

_TALKING = ("python", "dask", "distributed", "cloudpickle", "msgpack", "tornado")
_SCHEDULER = ("python", "dask", "distributed", "xpert-evo")  # it takes jobs apart, but neither imports torch nor trains

Report: TypeAlias = Mapping[str, Any]
"""Version report of one process by `distributed`: `{"packages": {name: version or None}}`."""


def differences(client: Report, scheduler: Report, workers: Mapping[str, Report]) -> str | None:
    """One sentence on how the versions of a cluster differ from the client's; None if they do not.

    Args:
        client: Report of this process.
        scheduler: Report of the scheduler; it does not train, so torch and NumPy do not matter there.
        workers: Reports of the workers, by address or name.
    """
    known = client["packages"]
    clauses = []
    for package in (*_TALKING, *PACKAGES):
        here = _short(known.get(package))
        elsewhere: dict[str, list[str]] = {}
        if package in _SCHEDULER:
            elsewhere.setdefault(_short(scheduler["packages"].get(package)), []).append("the scheduler")
        for worker, report in workers.items():
            elsewhere.setdefault(_short(report["packages"].get(package)), []).append(f"worker {worker}")
        clauses += [f"{package} is {here} here, {v} on {_some(who)}" for v, who in elsewhere.items() if v != here]
    if not clauses:
        return None
    return f"versions differ, so that labels may differ too: {'; '.join(clauses)}. Install the same ones everywhere."


def _short(version: str | None) -> str:
    """`3.11.7` for Python's `3.11.7.final.0`."""
    return "missing" if version is None else ".".join(version.split(".")[:3]) if ".final." in version else version


def _some(names: list[str]) -> str:
    """At most two names and the number of further ones."""
    shown = ", ".join(names[:2])
    return shown if len(names) <= 2 else f"{shown} and {len(names) - 2} more"
