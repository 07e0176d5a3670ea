"""What an error becomes on the command line: one line on standard error, and an exit code."""

from __future__ import annotations

import difflib
import errno
import sys
from typing import Any

from tellapart.cli.output import FULL, complain
from tellapart.errors import OutputError, TellapartError, UsageError


def system_fault(error: OSError) -> int:
    """What the system refused: a full disk or an overlong name is the user's, all else a fault of ours."""
    reason = (error.strerror or str(error)).lower()
    fault: TellapartError
    if error.errno == errno.ENAMETOOLONG:
        fault = UsageError(f"no path can be so long ({reason})", where=error.filename, hint="Look at what was given.")
        complain(f"tellapart: {fault}")
        return fault.exit_code
    if error.errno not in FULL:
        return own_fault(error)
    fault = OutputError(f"cannot write ({reason})", where=error.filename, hint="Free some space, then run it again.")
    complain(f"tellapart: {fault}")
    return fault.exit_code


def usage_fault(error: Exception) -> int:
    """Say in one line what the parser cannot parse; 0 if the error is none of the parser's."""
    code = getattr(error, "exit_code", 0)
    explain = getattr(error, "format_message", None)
    if explain is None or not code:
        return 0
    context = getattr(error, "ctx", None)
    # Of an option that lacks its value the parser does not say whose it is; the command stands first.
    first = [word for word in sys.argv[1:2] if not word.startswith("-")]
    command = context.command_path if context else " ".join(["tellapart", *first])
    option = getattr(error, "option_name", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(explain(), file=sys.stderr)
    else:
        what = no_such_option(option, context) if option and hasattr(error, "possibilities") else explain()
        end = "?" if what.endswith("?") else "."
        complain(f"tellapart: {what.rstrip('.?')}{end} See `{command} --help`.")
    return int(code)


def no_such_option(option: str, context: Any) -> str:  # noqa: ANN401  the parser's own type
    """Name an option that a command does not have, and the one of its own that looks most like it."""
    what = f"No such option: {option}"
    names = [name for parameter in context.command.get_params(context) for name in parameter.opts] if context else []
    written = option.lower().replace("_", "-")
    begun = [name for name in names if len(written) > 2 and name.startswith(written)]
    close = begun or difflib.get_close_matches(written, [name for name in names if name.startswith("--")])
    return f"{what}. Did you mean {close[0]}?" if close else what


def own_fault(error: BaseException) -> int:
    """A fault of ours: one line on the screen, the traceback in a file."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="tellapart-", suffix=".log", delete=False, encoding="utf-8") as log:
        traceback.print_exception(error, file=log)
    what = f"tellapart: a fault of ours: {type(error).__name__}: {error}. Please report it with {log.name}."
    complain(what)
    return TellapartError.exit_code
