"""The console of commands that show results: tables are never cut, lines are never broken inside a word."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

_NARROW, _WIDE = 80, 1000


class PlainConsole:
    """Standard output for tables, lines and warnings; nothing in them is taken for markup."""

    def __init__(self) -> None:
        self._console = Console()

    def table(self, table: Table) -> None:
        """Prints a table as wide as its cells need: where the terminal is narrower, it wraps and nothing is lost."""
        options = self._console.options.update(max_width=_WIDE)
        needed = self._console.measure(table, options=options).maximum
        self._console.print(table, width=max(needed, min(self._console.width, _NARROW)), crop=False, highlight=False)

    def lines(self, lines: Iterable[str], style: str = "") -> None:
        """Prints lines; where words are broken anew the terminal does it, not this program."""
        for line in lines:
            self._console.print(Text(line, style=style), highlight=False, soft_wrap=True)

    def warnings(self, sentences: Iterable[str]) -> None:
        """Prints sentences that ask for attention."""
        self.lines((f"warning: {sentence}" for sentence in sentences), style="yellow")
