"""Every failure that a user can meet: a class each, with an exit code and a sentence that says what to do.

The command line alone turns them into an exit; a traceback is for bugs.
"""

from typing import ClassVar

_LONGEST = 1200


class XpertEvoError(Exception):
    """Base of all expected failures. `exit_code` is what the command line returns.

    Args:
        sentence: What was expected, what came, what to do. It becomes one line of bearable length, whatever a library
            or a strange input has put into it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, sentence: str) -> None:
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in sentence).split())
        super().__init__(line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}")


class UsageError(XpertEvoError):
    """The command line asks for something that cannot be done as written."""

    exit_code = 2


class ConfigError(XpertEvoError):
    """A setting is unknown, of the wrong type, out of range or contradicts another one."""

    exit_code = 3


class DesignError(XpertEvoError):
    """A design or genome is not legal: a missing layer, a value outside its range, the wrong backbone."""

    exit_code = 4


class DataError(XpertEvoError):
    """A data set is missing, truncated, altered or unfit for the backbone."""

    exit_code = 5


class InfeasibleError(XpertEvoError):
    """No design can keep the limits on the chip, which is found before any work starts, or no trained one keeps all."""

    exit_code = 6


class StoreError(XpertEvoError):
    """The run folder cannot be used: missing, damaged, of a newer version or with other settings."""

    exit_code = 7


class StoreLockedError(StoreError):
    """Another process is writing to this run."""

    exit_code = 8


class TrainingError(XpertEvoError):
    """A training did not end with a usable network; in a search this becomes an event, never a label."""

    exit_code = 9


class CheckpointError(TrainingError):
    """A training's checkpoint is damaged or of another training; without it the training begins anew."""


class ExecutorError(XpertEvoError):
    """The workers that train designs cannot be reached or have vanished."""

    exit_code = 10


class InterruptedRunError(XpertEvoError):
    """The user or the system asked the run to stop; everything committed is kept."""

    exit_code = 130
