"""Words reach every terminal: encodings that lack a sign, narrow windows, odd names of folders."""

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.events import Message, RunBegan, Stage
from xpert_evo.progress import PlainLines, Unfailing
from xpert_evo.screen import LiveScreen
from xpert_evo.streams import forgive, in_shell, wrapped
from xpert_evo.terminal import sparkline

SAID = "● 3 mm² ± 1 µs …│└─ ▁█ é \udcff"


@pytest.mark.parametrize("encoding", ["latin-1", "gbk", "cp932", "ascii", "koi8-r", "utf-8"])
def test_no_encoding_ends_a_command(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    forgive()
    print(SAID)  # noqa: T201
    stream.flush()
    assert b"3 mm" in content.getvalue()
    assert content.getvalue().rstrip().endswith(b"\xff"), "a byte of a file's name that cannot be read stays as it is"


def test_signs_of_drawings_keep_their_width(monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    forgive()
    drawing = sparkline(range(8), 8) + "●·│└─…²µ"
    stream.write(drawing)
    stream.flush()
    assert len(content.getvalue()) == len(drawing)
    assert b"?" not in content.getvalue()


@pytest.mark.parametrize(("name", "encoding"), [("status", "ascii"), ("show", "gbk")])
def test_the_real_command_line_takes_any_encoding(finished: Path, name: str, encoding: str) -> None:
    done = _called(name, str(finished), PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"mm2" in done.stdout


@pytest.mark.parametrize("words", [["show"], ["show", "--json"], ["status"]])
def test_a_reader_that_leaves_is_no_failure(finished: Path, words: list[str]) -> None:
    command = shlex.join([sys.executable, "-m", "xpert_evo", *words, str(finished)])
    script = f"set -o pipefail; {command} | true"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_behind_standard_output_is_told_once(finished: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "xpert_evo", "show", str(finished)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"xpert-evo: No space left on device")
    assert done.stderr.count(b"\n") == 1


def _called(*words: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "xpert_evo", *words]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **environment})


def test_a_listener_that_lost_its_reader_ends_no_run() -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    listener = Unfailing(PlainLines(Closed()))
    listener.tell(Message(text="x"))
    listener.tell(Message(text="y"))
    listener.close()


@pytest.mark.parametrize("width", [40, 60, 70, 80])
def test_tables_lose_nothing_in_a_narrow_window(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    table = Table(title="a table", caption="what it means")
    heads = ["layer", *(f"column{i}" for i in range(10))]
    for head in heads:
        table.add_column(head, no_wrap=True)
    table.add_row("conv1", *(f"{i}.2345" for i in range(10)))
    PlainConsole().table(table)
    shown = capsys.readouterr().out
    assert "…" not in shown
    for words in (*heads, *(f"{i}.2345" for i in range(10)), "a table", "what it means"):
        assert words in shown
    assert max(map(len, shown.splitlines())) <= width
    assert shown.count("conv1") == shown.count("layer") <= {40: 5, 60: 3, 70: 2, 80: 2}[width]


def test_a_table_of_two_columns_that_fits_nowhere_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    table = Table("first", "second")
    table.add_row("a-long-word", "another-long-word")
    PlainConsole().table(table)
    shown = capsys.readouterr().out
    assert "another-long-word" in shown


def test_lines_break_at_spaces_and_never_inside_a_command() -> None:
    line = "stopped; nothing committed is lost. Go on with `xpert-evo resume runs/fashion-mnist-0`."
    lines = wrapped(line, 30)
    assert "`xpert-evo resume runs/fashion-mnist-0`." in lines
    assert " ".join(lines) == line
    assert wrapped("", 30) == [""]
    assert wrapped("an accuracy of 10.00 %, 1 chip", 20) == ["an accuracy of", "10.00 %, 1 chip"], "units stay"
    assert wrapped("EDAP 5 mm² µs µJ", 12) == ["EDAP", "5 mm² µs µJ"]


@pytest.mark.parametrize("name", ["runs/a", "my runs/it's", "-x", "a$b"])
def test_paths_in_commands_are_what_a_shell_understands(name: str) -> None:
    [word] = shlex.split(in_shell(Path(name)))
    assert Path(word) == Path(name)
    assert not word.startswith("-")


def test_the_screen_of_a_resumed_run_shows_what_was_measured_before() -> None:
    screen = LiveScreen(Console(file=io.StringIO(), force_terminal=True, width=110, height=40))
    shown = Console(file=io.StringIO(), width=110, height=40)
    with shown.capture() as before:
        shown.print(screen._content())
    screen.tell(
        RunBegan(done=7, total=16, n_workers=2, measured=((1e4, 0.5), (1e6, 0.9)), hypervolumes=(1.0, 2.0), left_s=75.0)
    )
    screen.tell(Stage(text="fitting the surrogate to 7 labels"))
    with shown.capture() as after:
        shown.print(screen._content())
    screen.close()
    assert "?" not in before.get()
    text = after.get()
    assert text.count("●") == 3  # the legend's and two designs
    for words in ("7/16", "about 75 s left", "fitting the surrogate", "▁█ 2.0000"):
        assert words in text
