"""The whole application. Nothing heavy is imported before a command runs, so that `--help` is instant."""

from xpert_evo.cli import design_commands, other_commands, result_commands, search_commands
from xpert_evo.cli.root import app

for part in (search_commands, result_commands, design_commands, other_commands):
    app.add_typer(part.commands)

__all__ = ["app"]
