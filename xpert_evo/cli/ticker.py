"""A progress line: rewritten in place in a terminal, printed at growing intervals elsewhere."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.status import Status
from rich.text import Text

_REWRITE_S = 0.25
_FIRST_S, _MOST_S = 2.0, 60.0


class Ticker:
    """Shows the newest of many lines, and leaves none behind in a terminal.

    Args:
        console: Console of the line; other output on it stays above.
        clock: Monotonic clock [s].
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._status: Status | None = None
        self._wait_s = _REWRITE_S if console.is_terminal else _FIRST_S
        self._last_s = clock() - (self._wait_s if console.is_terminal else 0.0)

    def tick(self, line: Callable[[], str]) -> None:
        """Shows a line if one is due; `line` is called only then.

        Outside a terminal, the first line appears after 2 seconds and the intervals double up to one minute.
        """
        if self._clock() - self._last_s < self._wait_s:
            return
        text = Text(line())
        if not self._console.is_terminal:
            self._console.print(text, soft_wrap=True)
            self._wait_s = min(_MOST_S, 2 * self._wait_s)
        elif self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        else:
            self._status.update(text)
        self._last_s = self._clock()

    def clear(self) -> None:
        """Removes the line from a terminal; the next one appears there at once."""
        if self._status is not None:
            self._status.stop()
            self._status = None
            self._last_s = self._clock() - self._wait_s

    def __enter__(self) -> "Ticker":
        """The ticker itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Restores the terminal."""
        self.clear()
