"""The table of exit codes in the documentation has every code that the program can end with, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import ended
from xpert_evo.errors import InterruptedRunError, StoreError, UsageError

ROOT = Path(__file__).parents[2]
_CALLS = {"exit", "_exit", "Exit"}
"""Names of functions that end a process with a code."""


def documented() -> dict[int, str]:
    """Meanings of the exit codes by code, as the documentation tells them."""
    section = (
        (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").partition("## Exit codes")[2].partition("\n## ")[0]
    )
    return {int(code): meaning for code, meaning in re.findall(r"^\| (\d+) \| (.+) \|$", section, re.MULTILINE)}


def written(source: str) -> Iterator[int]:
    """Exit codes that a source file has as numbers: assigned, or given to a call that ends the process."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(
                targets=[ast.Name(id="exit_code" | "code" | "_HARDWARE_MODEL")], value=ast.Constant(int() as code)
            ):
                yield code
            case ast.AnnAssign(target=ast.Name(id="exit_code"), value=ast.Constant(int() as code)):
                yield code
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=[ast.Constant(int() as code), *_]):
                if name in _CALLS:
                    yield code


def test_the_table_has_every_code_of_the_program_and_no_other() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "xpert_evo").rglob("*.py")]
    codes = {code for source in sources for code in written(source)}
    assert codes >= {0, 1, UsageError.exit_code, InterruptedRunError.exit_code}, "the search for codes finds them"
    assert set(documented()) == codes


@pytest.mark.parametrize(
    "line", ["exit_code = 12", "exit_code: ClassVar[int] = 12", "sys.exit(12)", "raise typer.Exit(12)"]
)
def test_a_new_code_is_found(line: str) -> None:
    assert list(written(line)) == [12]


@pytest.mark.parametrize(
    ("words", "code", "meaning"),
    [
        (["sources"], 0, "success"),
        (["status"], UsageError.exit_code, "command line"),
        (["run", "--dry-run", "--set", "search.generations=no"], 3, "setting"),
        (["status", "nowhere"], StoreError.exit_code, "run folder"),
        (["evaluate", "design.json", "--set", "hardware.device=nonsense"], 11, "device"),
    ],
)
def test_commands_end_with_the_code_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, meaning: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "design.json").write_text("{}")
    assert ended(*words).returncode == code
    assert meaning in documented()[code]
