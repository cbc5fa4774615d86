"""Robust standard output and error: plain substitutes for characters an encoding lacks, lines wrapped at spaces."""

import codecs
import io
import os
import re
import shlex
import sys
import textwrap
import unicodedata
from pathlib import Path

_HANDLER = "xpert-evo-plain"

_PLAIN = {
    **dict(zip("▁▂▃▄▅▆▇█", "_.-=+*%#", strict=True)),
    **dict(zip("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", strict=True)),
    **dict.fromkeys("●•◆■★", "*"),
    **dict.fromkeys("│┃", "|"),
    **dict.fromkeys("─━╸╺\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}", "-"),
    **dict.fromkeys("└┌┐┘├┤┴┬┼", "+"),
    **dict.fromkeys("\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}", "'"),
    **dict.fromkeys("“”„", '"'),
    **{
        "·": ".",
        "…": ".",
        "µ": "u",
        "μ": "u",
        "\N{MULTIPLICATION SIGN}": "x",
        "±": "+/-",
        "→": "->",
        "≤": "<=",
        "≥": ">=",
        "Ω": "Ohm",
    },
    **{"ß": "ss", "τ": "tau", "\N{NO-BREAK SPACE}": " "},
}
"""Substitutes for characters; signs of tables and drawings keep their width."""


def forgive() -> None:
    """Makes standard output and error replace characters that their encodings lack, whatever the locale."""
    codecs.register_error(_HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _plain(failure: UnicodeError) -> tuple[str | bytes, int]:
    """Error handler for Python's codecs: returns a substitute for the first character that cannot be encoded."""
    if not isinstance(failure, UnicodeEncodeError):
        raise failure
    character, after = failure.object[failure.start], failure.start + 1
    if "\udc80" <= character <= "\udcff":  # an undecodable byte of a file name: written unchanged
        return bytes([ord(character) - 0xDC00]), after
    return _PLAIN.get(character) or _without_accent(character), after


def _without_accent(character: str) -> str:
    letters = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return letters if len(letters) == 1 else "?"


def leave_output() -> None:
    """Redirects standard output to nowhere if its reader has left or its disk is full, so that the exit can flush."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(sentence: str) -> None:
    """Writes one of the program's sentences to standard error."""
    if sys.stderr is None:  # closed by the caller
        return
    lines = [f"xpert-evo: {sentence}"]
    if sys.stderr.isatty():
        lines = wrapped(lines[0], os.get_terminal_size(sys.stderr.fileno()).columns)
    sys.stderr.write("\n".join(lines) + "\n")


_BEFORE_UNIT = re.compile(
    r"(?<=\d) (?=(?:%|x|points|images|s|min|h|mm²|µs|ns|µJ|pJ)(?!\w))|(?<=mm²) (?=µs)|(?<=µs) (?=µJ)"
)
"""A space between a number and its unit, or within the unit of the EDAP."""


def wrapped(line: str, width: int) -> list[str]:
    """Breaks a line at spaces, for terminals.

    Words, numbers with their units, and commands in backticks stay whole however long they are.
    """
    if width < 1:
        return [line]
    whole = re.sub("`[^`]*`", lambda command: command.group().replace(" ", "\0"), line)
    whole = _BEFORE_UNIT.sub("\0", whole)
    lines = textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False)
    return [part.replace("\0", " ") for part in lines] or [""]


def in_shell(path: Path) -> str:
    """Quotes a path for a shell where necessary, for displayed commands; it is never taken for an option."""
    name = str(path)
    return shlex.quote(f"./{name}" if name.startswith("-") else name)
