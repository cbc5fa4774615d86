"""Files that documents and docstrings name exist, and the index of the benchmarks has all of them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(path for part in ("docs", "benchmarks", "studies/*") for path in ROOT.glob(f"{part}/*.md"))]
)
SOURCES = sorted(
    path for part in ("xpert_evo", "hw_models", "benchmarks", "scripts") for path in ROOT.rglob(f"{part}/**/*.py")
)
_FILE = re.compile(r"`((?:benchmarks|docs|hw_models|scripts|tests|xpert_evo)/[\w./-]+\.(?:py|md))\b")
_MODULE = re.compile(r"`((?:accuracy|cli|config|executors|orchestration|report|search|store)/[\w/]+\.py)\b")
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def missing(path: Path, text: str) -> list[str]:
    """What `text` names that is not there; links count from the folder of `path`, other names from the root."""
    named = [name for name in _FILE.findall(text) if not (ROOT / name).exists()]
    named += [name for name in _MODULE.findall(text) if not (ROOT / "xpert_evo" / name).exists()]
    if path.suffix == ".md":
        named += [link for link in _LINK.findall(text) if not (path.parent / link).exists()]
    return named


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_name_files_that_exist(path: Path) -> None:
    assert missing(path, path.read_text(encoding="utf-8")) == []


def test_docstrings_name_files_that_exist() -> None:
    found = {str(path.relative_to(ROOT)): missing(path, path.read_text(encoding="utf-8")) for path in SOURCES}
    assert {path: names for path, names in found.items() if names} == {}
    assert len(found) > 100


def test_names_of_missing_files_are_found() -> None:
    text = "`benchmarks/gone.py`, `benchmarks/gone.py --seeds 3`, `search/gone.py`, [here](gone.md#part), [web](https://x.y)"
    assert missing(ROOT / "README.md", text) == ["benchmarks/gone.py"] * 2 + ["search/gone.py", "gone.md"]


def test_the_index_of_the_benchmarks_has_all_of_them() -> None:
    index = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([\w/]+\.py)` \|", index, re.MULTILINE))
    scripts = {
        str(path.relative_to(ROOT / "benchmarks"))
        for path in (ROOT / "benchmarks").rglob("*.py")
        if '\nif __name__ == "__main__":' in path.read_text(encoding="utf-8")
    }
    assert listed == scripts


def test_the_makefile_runs_benchmarks_that_exist() -> None:
    lines = re.findall(r"^BENCHMARKS := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    commands = [command for line in lines for command in line.removeprefix("$(BENCHMARKS)").split("|") if command]
    assert len(commands) > 5
    assert [
        name for name in (command.split()[0] for command in commands) if not (ROOT / "benchmarks" / name).exists()
    ] == []
