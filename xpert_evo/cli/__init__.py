"""The command line. `main` alone turns a failure into an exit code and one sentence on standard error."""

import signal
import sys
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from xpert_evo.errors import InterruptedRunError, UsageError, XpertEvoError
from xpert_evo.streams import forgive, leave_output, say

if TYPE_CHECKING:
    from typer import Typer

_STOPPED = InterruptedRunError.exit_code
_KEPT = "stopped; the same command may be called again, and every file that it writes is whole or not there."


@cache
def application() -> "Typer":
    """All commands. Nothing heavy is imported before one of them runs, so that `--help` is instant."""
    from xpert_evo.cli import design_commands, other_commands, result_commands, search_commands
    from xpert_evo.cli.root import app

    for part in (search_commands, result_commands, design_commands, other_commands):
        app.add_typer(part.commands)
    return app


def main() -> NoReturn:
    """Runs the command that the arguments name, then exits with its code (see `xpert_evo.errors`)."""
    forgive()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a kill is told and cleaned up after like Ctrl-C
    try:
        code = application()(standalone_mode=False, prog_name="xpert-evo")
        if code == _STOPPED:  # typer has caught the KeyboardInterrupt
            say(_KEPT)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a full disk or a reader that left can still be told
    except XpertEvoError as failure:
        say(str(failure))
        code = failure.exit_code
    except KeyboardInterrupt:
        say(_KEPT)
        code = _STOPPED
    except BrokenPipeError:
        leave_output()
        code = 0
    except SystemExit as failure:  # typer and rich make an exit with code 1 of a reader that left
        if not _has_lost_its_reader(failure):
            raise
        leave_output()
        code = 0
    except OSError as failure:  # a folder that takes no files, a full disk: no bug of the program's
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
    """Tells a mistake that libraries below this program or above it have found; its code, or None for a bug."""
    if type(failure).__name__ == "HardwareModelError":  # hw_models knows nothing of this program's errors
        say(str(XpertEvoError(str(failure))))
        return 11
    if not hasattr(failure, "format_message"):  # how the parser of the command line says that a user erred
        return None
    message = " ".join(failure.format_message().split())
    if isinstance(failure.__cause__, ValueError) and hasattr(failure.__cause__, "errors"):  # of a number's type
        got = str(failure.__cause__.errors()[0]["input"])
        message = f"{message.replace('Input should', 'it should')}, got '{got[:40]}'."
    if message:
        context = getattr(failure, "ctx", None)  # of the innermost command that could be told
        say(str(UsageError(f"{message} See `{getattr(context, 'command_path', 'xpert-evo')} --help`.")))
    return 2


def _has_lost_its_reader(failure: BaseException) -> bool:
    """Whether an exception came of writing to a pipe that nobody reads any more, as of `xpert-evo show DIR | head`."""
    cause: BaseException | None = failure
    while cause is not None and not isinstance(cause, BrokenPipeError):
        cause = cause.__context__
    return cause is not None
