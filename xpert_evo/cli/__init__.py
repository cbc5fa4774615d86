"""The command line. Only `main` turns a failure into an exit code and a message on standard error."""

import signal
import sys
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from xpert_evo.errors import InterruptedRunError, UsageError, XpertEvoError
from xpert_evo.streams import forgive, leave_output, say

if TYPE_CHECKING:
    from typer import Typer

_STOPPED = InterruptedRunError.exit_code
_HARDWARE_MODEL = 11
"""Exit code for errors of `hw_models`, which does not use this program's error classes."""

_KEPT = "stopped; no file is left half-written, so you can run the same command again."


@cache
def application() -> "Typer":
    """The typer application with all commands. Heavy imports wait until a command runs, so that `--help` is instant."""
    from xpert_evo.cli import (
        design_commands,
        network_commands,
        other_commands,
        refining_commands,
        result_commands,
        search_commands,
    )
    from xpert_evo.cli.root import app

    parts = (search_commands, result_commands, design_commands, network_commands, refining_commands, other_commands)
    for part in parts:
        app.add_typer(part.commands)
    return app


def main() -> NoReturn:
    """Runs the command named by the arguments and exits with its code, as listed in `docs/faults.md`."""
    forgive()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM is reported and cleaned up like Ctrl-C
    try:
        code = application()(standalone_mode=False, prog_name="xpert-evo")
        if code == _STOPPED:  # typer caught the KeyboardInterrupt
            say(_KEPT)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a full disk or a closed pipe can still be handled
    except XpertEvoError as failure:
        say(str(failure))
        code = failure.exit_code
    except KeyboardInterrupt:
        say(_KEPT)
        code = _STOPPED
    except BrokenPipeError:
        leave_output()
        code = 0
    except SystemExit as failure:  # typer and rich turn a closed pipe into exit code 1
        if not _has_lost_its_reader(failure):
            raise
        leave_output()
        code = 0
    except OSError as failure:  # an unwritable folder or a full disk is no bug of the program
        place = f"{failure.filename}: " if failure.filename else ""
        say(
            str(XpertEvoError(f"{place}{failure.strerror or failure}; mend that or choose another folder, then again."))
        )
        leave_output()
        code = XpertEvoError.exit_code
    except Exception as failure:
        code = _told(failure)
        if code is None:
            raise
    sys.exit(code if isinstance(code, int) else 0)


def _told(failure: Exception) -> int | None:
    """Reports a user error raised by `hw_models` or by the command-line parser; its exit code, or None for a bug."""
    if type(failure).__name__ == "HardwareModelError":
        say(str(XpertEvoError(str(failure))))
        return _HARDWARE_MODEL
    if not hasattr(failure, "format_message"):  # the parser's usage errors have this method
        return None
    message = " ".join(failure.format_message().split())
    if isinstance(failure.__cause__, ValueError) and hasattr(failure.__cause__, "errors"):  # a wrong type of number
        got = str(failure.__cause__.errors()[0]["input"])
        message = f"{message.replace('Input should', 'it should')}, got '{got[:40]}'."
    if message:
        context = getattr(failure, "ctx", None)  # context of the innermost command that was recognised
        say(str(UsageError(f"{message} See `{getattr(context, 'command_path', 'xpert-evo')} --help`.")))
    return UsageError.exit_code


def _has_lost_its_reader(failure: BaseException) -> bool:
    """Whether an exception was caused by writing to a closed pipe, as in `xpert-evo show DIR | head`."""
    cause: BaseException | None = failure
    while cause is not None and not isinstance(cause, BrokenPipeError):
        cause = cause.__context__
    return cause is not None
