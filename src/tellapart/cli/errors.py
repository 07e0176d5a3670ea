"""What an error becomes on the command line: one line on standard error, and an exit code."""

from __future__ import annotations

import sys

from tellapart.cli.output import FULL
from tellapart.errors import OutputError, TellapartError, one_line


def system_fault(error: OSError) -> int:
    """What the operating system refused: a full disk is the user's, anything else a fault of ours that is named."""
    if error.errno not in FULL:
        return own_fault(error)
    reason = (error.strerror or str(error)).lower()
    fault = OutputError(f"cannot write ({reason})", where=error.filename, hint="Free some space, then run it again.")
    print(f"tellapart: {fault}", file=sys.stderr)
    return fault.exit_code


def usage_fault(error: Exception) -> int:
    """Say in one line what the parser cannot parse; 0 if the error is none of the parser's."""
    code = getattr(error, "exit_code", 0)
    explain = getattr(error, "format_message", None)
    if explain is None or not code:
        return 0
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "tellapart"
    if type(error).__name__ == "NoArgsIsHelpError":
        print(explain(), file=sys.stderr)
    else:
        print(one_line(f"tellapart: {explain().rstrip('.?')}. See `{command} --help`."), file=sys.stderr)
    return int(code)


def own_fault(error: BaseException) -> int:
    """A fault of ours: one line on the screen, the traceback in a file."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="tellapart-", suffix=".log", delete=False, encoding="utf-8") as log:
        traceback.print_exception(error, file=log)
    what = f"tellapart: a fault of ours: {type(error).__name__}: {error}. Please report it with {log.name}."
    print(one_line(what), file=sys.stderr)
    return TellapartError.exit_code
