"""Commands in the process of the tests."""

from pathlib import Path

from xpert_evo.cli import application


def call(*words: str | Path) -> None:
    """Runs one command; its exceptions reach the test."""
    application()([str(word) for word in words], standalone_mode=False, prog_name="xpert-evo")
