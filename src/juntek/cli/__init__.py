"""The command line; rule: commands print and exit, and everything that goes wrong ends in `main`.

`app` has all commands. `juntek run` starts without it, as a gateway that runs for months does not need its libraries.
"""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

from juntek.cli.running import read_arguments, serve, status_of
from juntek.errors import ConfigurationError, JuntekError
from juntek.names import hide_secrets, plain

if TYPE_CHECKING:
    from juntek.cli.application import app

__all__ = ["app", "main"]


def __getattr__(name: str) -> object:
    if name != "app":
        raise AttributeError(name)
    from juntek.cli.application import app  # noqa: PLC0415 - see above

    return app


def main() -> None:
    """Run the program with the arguments of its process, and end it."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        flags = read_arguments(arguments[1:]) if arguments[:1] == ["run"] else None
        if flags is not None:
            serve(flags)
        else:
            from juntek.cli.application import run_command  # noqa: PLC0415 - see above

            sys.exit(run_command(arguments))
    except Exception as error:  # noqa: BLE001 - whatever it is, it becomes a sentence and a status
        if debug:
            traceback.print_exc()
        sys.exit(_report(_find_cause(error)))


def _find_cause(error: Exception) -> Exception:
    """Return the error that an owner can do something about, where several ended together."""
    while isinstance(error, ExceptionGroup):
        own = error.subgroup(JuntekError)
        error = (own or error).exceptions[0]
    if isinstance(error, PermissionError) and error.filename is not None:
        return ConfigurationError(
            f"{hide_secrets(str(error.filename))} is in a folder that this user may not look into; name another place, "
            "or put sudo before the command."
        )
    return error


def _report(error: Exception) -> int:
    """Say what went wrong and return the exit status."""
    if isinstance(error, JuntekError):
        sys.stderr.write(f"{plain(str(error))}\n")
        return status_of(error)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    sys.stderr.write(
        f"Something unexpected happened ({plain(text)}); run it again with --debug and report what it shows.\n"
    )
    return 1
