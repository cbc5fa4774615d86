"""Help texts: every command has an example that can be typed, and nothing of a text is taken for markup."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from rich.emoji import Emoji
from typer.testing import CliRunner

from xpert_evo.accuracy.training.recipes import DEFAULT_RECIPE, entries
from xpert_evo.cli import application

ROOT = Path(__file__).parents[2]
COMMAND = typer.main.get_command(application())


def commands() -> dict[str, typer.core.TyperCommand]:
    """Full name -> command, groups walked through."""
    found = {}
    for name, command in COMMAND.commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {below}": c for below, c in inner.items()} if inner else {name: command}
    return found


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_help_has_examples_of_its_own_command_that_parse(name: str) -> None:
    command = commands()[name]
    examples = re.findall(r"^\s*xpert-evo (.*)$", command.help or "", re.MULTILINE)
    assert examples, f"{name} shows no example"
    for example in examples:
        words = shlex.split(example.partition(" > ")[0])
        assert " ".join(words[: len(name.split())]) == name
        command.make_context(name, words[len(name.split()) :], resilient_parsing=False)


@pytest.mark.parametrize("name", sorted(commands()))
def test_no_help_text_loses_words_to_markup(name: str) -> None:
    command = commands()[name]
    for parameter in command.params:
        assert "[" not in (getattr(parameter, "help", None) or ""), parameter.name
    for text in (command.help, *(getattr(parameter, "help", None) for parameter in command.params)):
        assert Emoji.replace(text or "") == (text or "")


@pytest.mark.parametrize("name", sorted(commands()))
def test_help_wraps_cleanly_at_80_columns(name: str) -> None:
    assert [line for line in (commands()[name].help or "").splitlines() if len(line) > 78] == []
    outcome = CliRunner().invoke(application(), [*name.split(), "--help"], env={"COLUMNS": "80"})
    assert outcome.exit_code == 0
    assert "…" not in outcome.output


def test_the_help_of_train_names_every_recipe_and_hides_protocols() -> None:
    options = {parameter.name: parameter for parameter in commands()["train"].params}
    told = re.findall(r"\b[a-z]+\b", getattr(options["recipe"], "help", ""))
    assert set(entries()) < set(told)
    assert DEFAULT_RECIPE in entries()
    assert getattr(options["protocol"], "hidden", False)
    outcome = CliRunner().invoke(application(), ["train", "--help"])
    assert "--recipe" in outcome.output
    assert "--protocol" not in outcome.output


@pytest.mark.parametrize("document", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_commands_that_documents_mention_exist(document: str) -> None:
    text = " ".join((ROOT / document).read_text(encoding="utf-8").split())
    mentioned = re.findall(r"`xpert-evo ([^`]+)`", text)
    known = commands()
    for line in mentioned:
        words = shlex.split(line.partition(" > ")[0].replace("[", "").replace("]", ""))
        name = next((n for n in (" ".join(words[:2]), words[0]) if n in known), None)
        if name is None:
            assert words[0] in COMMAND.commands or words[0].startswith("-"), line
            continue
        options = {o for parameter in known[name].params for o in (*parameter.opts, *parameter.secondary_opts)}
        for word in words:
            if word.startswith("-"):
                assert word.partition("=")[0] in {*options, "--help"}, line


def test_commands_are_grouped_and_the_groups_shown() -> None:
    outcome = CliRunner().invoke(application(), ["--help"])
    assert outcome.exit_code == 0
    for group in ("Search", "Results", "Designs", "Settings and data", "--install-completion"):
        assert group in outcome.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_the_program(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = CliRunner().invoke(
        application(), [], env={"_XPERT_EVO_COMPLETE": f"source_{shell}"}, prog_name="xpert-evo"
    )
    assert "xpert-evo" in outcome.output
    assert "_XPERT_EVO_COMPLETE" in outcome.output
