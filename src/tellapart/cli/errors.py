"""What an error becomes on the command line: one line on standard error, and an exit code."""

from __future__ import annotations

import os
import sys

from tellapart.errors import OutputError, TellapartError, one_line


def output_fault(error: OSError) -> int:
    """Standard output cannot be written to: a reader that has seen enough is no fault, a full disk is the user's."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere
    if isinstance(error, BrokenPipeError):
        return 0
    reason = (error.strerror or str(error)).lower()
    print(f"tellapart: cannot write ({reason}): standard output. Free some space, then run it again.", file=sys.stderr)
    return OutputError.exit_code


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


def own_fault(error: Exception) -> int:
    """A fault of ours: one line on the screen, the traceback in a file."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="tellapart-", suffix=".log", delete=False, encoding="utf-8") as log:
        traceback.print_exception(error, file=log)
    what = f"tellapart: a fault of ours: {type(error).__name__}: {error}. Please report it with {log.name}."
    print(one_line(what), file=sys.stderr)
    return TellapartError.exit_code
