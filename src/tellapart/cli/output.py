"""Standard output of a command: kept until the command has ended, then written as a whole, or it is an error.

Only what is made part by part, and may be without end, is sent as it comes.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO

from tellapart.errors import OutputError, one_line
from tellapart.progress import to_nowhere
from tellapart.text import to_utf8

FULL = (errno.ENOSPC, errno.EDQUOT)


class BufferedOutput(io.StringIO):
    """What a command prints. Nothing of it is on its way before the command has ended well, or asks for it.

    Attributes:
        for_programs: whether it is UTF-8 whatever the locale says; a table is in the letters that the terminal has.
    """

    for_programs = False

    def __init__(self, stream: TextIO | None) -> None:
        """On its way to stream; None, as where the shell has closed it, takes nothing."""
        super().__init__()
        self._stream = stream

    def deliver(self) -> None:
        """Write all that is there to the stream; letters that the encoding lacks become escapes.

        Raises:
            OutputError: not all of it could be written.
        """
        if not (text := self.getvalue()):
            return
        self.seek(0)
        self.truncate()
        stream = self._stream
        try:
            if stream is None:
                raise OSError(errno.EBADF, "it is closed")  # noqa: TRY301  the system's own word comes from below
            write_all(stream, text, encoding="utf-8" if self.for_programs else stream.encoding or "utf-8")
        except (OSError, ValueError) as error:
            if stream is not None:
                to_nowhere(stream)
            raise output_fault(error) from error


def write_all(stream: TextIO, text: str, *, encoding: str) -> None:
    """Write text to the last byte, also where the stream has no buffer and takes only a part at a time.

    Raises:
        OSError: the stream cannot be written to, or takes no more for now.
    """
    stream.flush()
    if not hasattr(stream, "buffer"):  # a notebook's, which takes text only
        stream.write(text)
        return
    content = to_utf8(text) if encoding == "utf-8" else text.encode(encoding, "backslashreplace")
    rest = memoryview(content)
    while rest:
        taken = stream.buffer.write(rest)
        if not taken:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        rest = rest[taken:]
    stream.flush()


def output_fault(error: Exception) -> OutputError:
    """What the operating system said of standard output, with a way out."""
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    full = isinstance(error, OSError) and error.errno in FULL
    hint = "Free some space, then run it again." if full else "Let all of it be read, or send it to a file with >."
    return OutputError(f"cannot write ({reason})", where="standard output", hint=hint)


def line(text: object = "") -> None:
    """Print one line for people: by this door go all names and paths, with what would act on a terminal escaped."""
    print(one_line(str(text)))


def complain(text: object) -> None:
    """The same on standard error."""
    print(one_line(str(text)), file=sys.stderr)


def print_for_programs(text: str) -> None:
    """Print JSON, JSON Lines or CSV: UTF-8 on every system, and nothing else beside it."""
    if isinstance(sys.stdout, BufferedOutput):
        sys.stdout.for_programs = True
    sys.stdout.write(text)


def send() -> None:
    """Let what was printed be on its way already.

    Raises:
        OutputError: not all of it could be written.
    """
    if isinstance(sys.stdout, BufferedOutput):
        sys.stdout.deliver()


def occupy_closed_descriptors() -> None:
    """Take the numbers 0, 1 and 2 that the shell has closed, so that no file of ours is opened under them."""
    handle = os.open(os.devnull, os.O_RDWR)
    while handle <= 2:
        handle = os.open(os.devnull, os.O_RDWR)
    os.close(handle)
