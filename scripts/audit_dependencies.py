"""Asks pip-audit whether a pinned dependency has a known hole; exits with 1 where one has, never for want of a network.

    python scripts/audit_dependencies.py

The packages and versions are those of constraints.txt, the vulnerabilities those of the Python Packaging Advisory
Database as PyPI gives them. Where that cannot be asked, as behind a mirror, the check says so and is skipped.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
_PATIENCE_S = 120
_SOCKET_PATIENCE_S = 5


def asked() -> str | None:
    """pip-audit's answer in JSON; None where it has none in time."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", str(_SOCKET_PATIENCE_S)]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False).stdout
    except subprocess.TimeoutExpired:
        return None


def verdict(answer: str | None) -> tuple[int, str]:
    """Exit code and sentences for an answer of pip-audit."""
    try:
        packages: list[dict[str, Any]] = json.loads(answer or "")["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 0, "dependencies not audited: the vulnerability data cannot be reached from here."
    known = [package for package in packages if "skip_reason" not in package]
    holes = [
        f"{package['name']} {package['version']} has {hole['id']}, mended in {', '.join(hole['fix_versions']) or '?'}"
        for package in known
        for hole in package["vulns"]
    ]
    if holes:
        return 1, "\n".join([*holes, "Raise the versions in constraints.txt and pyproject.toml."])
    if not known:
        return 0, f"dependencies not audited: the index here knows none of the {len(packages)} packages."
    return 0, f"{len(known)} of {len(packages)} dependencies audited: no known hole."


if __name__ == "__main__":
    code, sentences = verdict(asked())
    print(sentences)
    sys.exit(code)
