"""The console of commands that show results: it never cuts tables, breaks words or interprets markup."""

import os
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from xpert_evo.cli.ticker import Ticker
from xpert_evo.streams import wrapped

_NARROW, _WIDE = 80, 1000


class PlainConsole:
    """Standard output, or standard error, for tables, lines and warnings.

    Args:
        stderr: Whether to write to standard error, because standard output carries JSON.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        self._console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
        is_asked = self._console.is_terminal or "COLUMNS" in os.environ
        self._room = self._console.width if is_asked else None

    def table(self, table: Table) -> None:
        """Prints a table; one too wide for the terminal is split into parts that repeat the first column."""
        self.lines([str(table.title)] if table.title else [])
        table.title = None
        if self._room is None or self._least(table) <= self._room:
            self._print(table)
            return
        for part in self._parts(table, self._room):
            self._print(part)
        self.lines([str(table.caption)] if table.caption else [])

    def lines(self, lines: Iterable[str], style: str = "") -> None:
        """Prints lines, wrapped at spaces in a terminal and unwrapped in files and pipes."""
        for line in lines:
            for part in [line] if self._room is None else wrapped(line, self._room):
                self._console.print(Text(part, style=style), soft_wrap=True)

    def warnings(self, sentences: Iterable[str]) -> None:
        """Prints sentences as warnings."""
        self.lines((f"warning: {sentence}" for sentence in sentences), style="yellow")

    def ticker(self) -> Ticker:
        """A progress line below the other output."""
        return Ticker(self._console)

    def _print(self, table: Table) -> None:
        wide = Console(file=self._console.file, width=self._width(table), markup=False, emoji=False)
        wide.print(table, crop=False, highlight=False)

    def _width(self, table: Table) -> int:
        """80 characters, or as many as the cells need; at most the terminal's width if the table fits at all."""
        least, most = self._least(table), self._needed(table)
        return max(least, _NARROW) if self._room is None else max(least, min(self._room, max(most, _NARROW)))

    def _needed(self, table: Table) -> int:
        return self._console.measure(table, options=self._console.options.update(max_width=_WIDE)).maximum

    def _least(self, table: Table) -> int:
        """The least width at which no word of a table is cut, with one word per line in columns that may wrap."""
        words = [
            [cell if column.no_wrap else "\n".join(str(cell).split()) for cell in (column.header, *column.cells)]
            for column in table.columns
        ]
        columns = [_like(column, header) for column, (header, *_) in zip(table.columns, words, strict=True)]
        return self._needed(_built(table, columns, [cells for _, *cells in words]))

    def _parts(self, table: Table, room: int) -> list[Table]:
        """The columns distributed evenly over as few tables as fit; each table repeats the first column."""
        parts = self._shared_out(table, room)
        while True:
            widest = max(map(self._least, parts))
            narrower = self._shared_out(table, widest - 1)
            if len(narrower) > len(parts) or max(map(self._least, narrower)) >= widest:
                return parts
            parts = narrower

    def _shared_out(self, table: Table, room: int) -> list[Table]:
        shares: list[list[int]] = []
        for i in range(1, len(table.columns)):
            if shares and self._least(_share(table, [*shares[-1], i])) <= room:
                shares[-1].append(i)
            else:
                shares.append([0, i])
        return [_share(table, share) for share in shares]


def _share(table: Table, places: Sequence[int]) -> Table:
    columns = [table.columns[i] for i in places]
    return _built(table, [_like(column, column.header) for column in columns], [list(c.cells) for c in columns])


def _like(column: Column, header: object) -> Column:
    return Column(header=str(header), justify=column.justify, no_wrap=column.no_wrap, vertical=column.vertical)


def _built(table: Table, columns: Sequence[Column], cells: Sequence[Sequence[object]]) -> Table:
    """A table with the same style, without title and caption; `cells` has the shape (columns, rows)."""
    built = Table(
        *columns,
        box=table.box,
        pad_edge=table.pad_edge,
        padding=table.padding,
        title_justify=table.title_justify,
        caption_justify=table.caption_justify,
    )
    for row in zip(*cells, strict=True):
        built.add_row(*map(str, row))
    return built
