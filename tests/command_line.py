"""Commands in the process of the tests: a new process would take seconds to load its libraries."""

import io
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest

from xpert_evo.cli import application, main


def call(*words: str | Path) -> None:
    """Runs one command; its exceptions reach the test."""
    application()([str(word) for word in words], standalone_mode=False, prog_name="xpert-evo")


def ended(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the whole program; returns its exit code and what it printed, as if it were a process of its own."""
    arguments, handler = ["xpert-evo", *map(str, words)], signal.getsignal(signal.SIGTERM)
    out, err = io.StringIO(), io.StringIO()
    try:
        with (
            patch.object(sys, "argv", arguments),
            redirect_stdout(out),
            redirect_stderr(err),
            pytest.raises(SystemExit) as exit_,
        ):
            main()
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert isinstance(exit_.value.code, int)
    return subprocess.CompletedProcess(arguments, exit_.value.code, out.getvalue(), err.getvalue())
