"""Expected failures: one class per kind, with an exit code and a message that says what to do.

Only the command line turns them into an exit code; a traceback indicates a bug.
"""

from typing import ClassVar

_LONGEST = 1200


class XpertEvoError(Exception):
    """Base of all expected failures; `exit_code` is the exit code of the command line.

    Args:
        sentence: Message that states what was expected, what was found and what to do. It is reduced to one line of
            limited length, because libraries and inputs can add arbitrary text.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, sentence: str) -> None:
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in sentence).split())
        super().__init__(line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}")


class UsageError(XpertEvoError):
    """The command line asks for something that cannot be done as written."""

    exit_code = 2


class ConfigError(XpertEvoError):
    """A setting is unknown, has the wrong type, is out of range or contradicts another one."""

    exit_code = 3


class DesignError(XpertEvoError):
    """A design or genome is invalid: a missing layer, a value out of range, or the wrong backbone."""

    exit_code = 4


class DataError(XpertEvoError):
    """A data set is missing, truncated, modified or incompatible with the backbone."""

    exit_code = 5


class InfeasibleError(XpertEvoError):
    """No design can meet the limits on the chip (checked before any work starts), or no trained one meets them all."""

    exit_code = 6


class StoreError(XpertEvoError):
    """The run folder cannot be used: it is missing, damaged, of a newer version or has other settings."""

    exit_code = 7


class StoreLockedError(StoreError):
    """Another process is writing to the run."""

    exit_code = 8


class TrainingError(XpertEvoError):
    """A training produced no usable network; in a search, this is recorded as an event, never as a label."""

    exit_code = 9


class CheckpointError(TrainingError):
    """A checkpoint is damaged or belongs to another training; without it, the training starts again."""


class ExecutorError(XpertEvoError):
    """The workers that train designs cannot be reached or have disappeared."""

    exit_code = 10


class InterruptedRunError(XpertEvoError):
    """The user or the system stopped the run; all committed work is kept."""

    exit_code = 130
