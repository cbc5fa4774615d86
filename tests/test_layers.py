"""Imports go downward only, in the order that CONTRIBUTING.md gives; every module has a place there."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ENTRIES = {"__init__", "__main__"}
"""Modules of the package itself, which belong to no layer."""


def _lines() -> list[list[str]]:
    """The rows of the diagram; siblings that must not import one another as one entry `a | b`."""
    diagram = TEXT.partition("reads this list.\n\n")[2].partition("\n\n")[0]
    names = [line.strip().partition("  ")[0] for line in diagram.splitlines()]
    return [[part.strip() for part in line.split(",")] for line in names]


def _places(rows: list[list[str]]) -> dict[str, int]:
    """A place for each name: an import must go to a later one; siblings share one."""
    entries = [entry for row in rows for entry in row]
    return {name.strip(): place for place, entry in enumerate(entries) for name in entry.split("|")}


PLACES = _places(_lines())
INSIDE = _places([TEXT.partition("Inside `accuracy`: `")[2].partition("`")[0].split(",")])


def _imports(path: Path) -> Iterator[str]:
    """Dotted names of this project that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _part(dotted: str) -> str | None:
    """The name in the diagram; None for other people's packages and for the package itself."""
    parts = dotted.split(".")
    if parts[0] == "hw_models":
        return "hw_models"
    return parts[1] if parts[0] == "xpert_evo" and len(parts) > 1 else None


FILES = {
    path: ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in ("xpert_evo", "hw_models")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def test_the_diagram_names_every_module_and_no_other() -> None:
    modules = {
        path.stem for path in (ROOT / "xpert_evo").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert set(PLACES) == (modules - ENTRIES) | {"hw_models"}
    inside = {
        path.stem
        for path in (ROOT / "xpert_evo" / "accuracy").iterdir()
        if path.stem not in {"__init__", "__pycache__"}
    }
    assert set(INSIDE) == inside


def test_imports_go_downward() -> None:
    upward = []
    for path, name in FILES.items():
        own = _part(name)
        if own is None or own in ENTRIES:
            continue
        for imported in _imports(path):
            other = _part(imported)
            if other is not None and other != own and other in PLACES and PLACES[other] <= PLACES[own]:
                upward.append(f"{name} imports {imported}")
    assert upward == []


def test_imports_inside_accuracy_go_downward() -> None:
    upward = []
    for path, name in FILES.items():
        if not name.startswith("xpert_evo.accuracy.") or name.endswith("accuracy.__init__"):
            continue
        own = name.split(".")[2]
        for imported in _imports(path):
            parts = imported.split(".")
            if parts[:2] == ["xpert_evo", "accuracy"] and parts[2] != own and INSIDE[parts[2]] <= INSIDE[own]:
                upward.append(f"{name} imports {imported}")
    assert upward == []


@pytest.mark.parametrize(
    ("own", "other"), [("store", "report"), ("search", "accuracy"), ("genes", "space"), ("hw_models", "errors")]
)
def test_the_diagram_forbids_what_it_should(own: str, other: str) -> None:
    assert PLACES[other] <= PLACES[own]
