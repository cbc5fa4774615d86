"""The audit of dependencies fails for a hole and for nothing else."""

import json
import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "audit_dependencies.py"))
SOUND = {"name": "numpy", "version": "2.0", "vulns": []}
UNKNOWN = {"name": "torch", "skip_reason": "Dependency not found on PyPI"}
HOLED = {"name": "pillow", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (None, 0, "cannot be reached"),
        ("", 0, "cannot be reached"),
        ("Traceback ...", 0, "cannot be reached"),
        (json.dumps({"dependencies": [UNKNOWN]}), 0, "knows none of the 1"),
        (json.dumps({"dependencies": [SOUND, UNKNOWN]}), 0, "1 of 2 dependencies audited: no known hole"),
        (json.dumps({"dependencies": [SOUND, HOLED]}), 1, "pillow 1.0 has PYSEC-1, mended in 1.1"),
    ],
)
def test_only_a_hole_fails_the_audit(answer: str | None, code: int, words: str) -> None:
    found, sentences = SCRIPT["verdict"](answer)
    assert found == code
    assert words in sentences
