"""The command line. `main` alone turns a failure into an exit code and one sentence on standard error."""

import os
import sys
from typing import NoReturn

from xpert_evo.errors import UsageError, XpertEvoError


def main() -> NoReturn:
    """Runs the command that the arguments name, then exits with its code (see `xpert_evo.errors`)."""
    from xpert_evo.cli.app import app

    try:
        code = app(standalone_mode=False, prog_name="xpert-evo")
    except XpertEvoError as failure:
        _say(str(failure))
        code = failure.exit_code
    except KeyboardInterrupt:
        _say("stopped; nothing that was committed is lost.")
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; the exit must not write to it
        code = 0
    except Exception as failure:
        if type(failure).__name__ == "HardwareModelError":  # hw_models knows nothing of this program's errors
            _say(str(XpertEvoError(str(failure))))
            code = 11
        elif hasattr(failure, "format_message"):  # how the parser of the command line says that a user erred
            message = " ".join(failure.format_message().split())
            if message:
                _say(str(UsageError(f"{message} See `xpert-evo {' '.join(sys.argv[1:2])} --help`.")))
            code = 2
        else:
            raise
    sys.exit(code if isinstance(code, int) else 0)


def _say(sentence: str) -> None:
    sys.stderr.write(f"xpert-evo: {sentence}\n")
