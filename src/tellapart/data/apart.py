"""Work that may stop a process or never end, done in another one: see `data/helper.py` for what it can do.

A damaged Parquet file stops the process that reads it, by way of memory that its reader sets aside; a regular
expression may go through a text in more ways than there is time for. Neither can be told beforehand without doing it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final, cast

from tellapart.files import parse_json

HELPER: Final = Path(__file__).with_name("helper.py")
LONGEST_ANSWER: Final = 64_000_000  # bytes of one line
PATIENCE: Final = (
    20  # seconds on the clock for each of CPU time, where nothing else ends it, on a machine that may be busy
)


class StoppedError(ValueError):
    """The other process was ended, or says that it cannot do it."""


class Helper:
    """The other process, once it has its request."""

    def __init__(self, process: subprocess.Popen[bytes], *, patience: float) -> None:
        """Speak through its pipes, and wait no longer than so many seconds for an answer."""
        self._process, self._patience = process, patience
        self._stdin, self._stdout = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)

    def tell(self, document: object) -> None:
        """Send something.

        Raises:
            StoppedError: nobody is there any more.
        """
        try:
            self._stdin.write(json.dumps(document).encode() + b"\n")
            self._stdin.flush()
        except OSError as error:
            raise StoppedError("it takes more memory or time than such a thing may") from error

    def hear(self) -> Any:  # noqa: ANN401  what JSON holds
        """The next answer, an object.

        Raises:
            StoppedError: there is none, or it says what went wrong.
        """
        watch = threading.Timer(self._patience, self._process.kill)
        watch.daemon = True
        watch.start()
        try:
            line = self._stdout.readline(LONGEST_ANSWER)
        finally:
            watch.cancel()
        if not line.endswith(b"\n"):
            raise StoppedError("it takes more memory or time than such a thing may")
        answer = parse_json(line)
        if "error" in answer:
            raise StoppedError(answer["error"])
        return answer


@contextlib.contextmanager
def helper(job: str, *, seconds: int, memory: int, request: Mapping[str, object]) -> Iterator[Helper]:
    """Start another process with a request, and end it when this ends, whatever happens.

    Args:
        job: one of `JOBS` in `data/helper.py`.
        seconds: of CPU time that it may take.
        memory: bytes that it may take, the interpreter's own included.
        request: what the job wants to know.

    Raises:
        StoppedError: it cannot be started, or has stopped already.
    """
    # Isolated and without site: the modules are found where this process finds them.
    command = [sys.executable or "python", "-I", "-S", str(HELPER)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        process = subprocess.Popen(command, **pipes)  # type: ignore[call-overload]  # noqa: S603
    except OSError as error:
        raise StoppedError(f"no other process can be started for it ({error.strerror or error})") from error
    try:
        speaking = Helper(process, patience=PATIENCE * seconds)
        speaking.tell(
            {
                "job": job,
                "modules": [path for path in sys.path if path],
                "memory": memory,
                "seconds": seconds,
                **request,
            }
        )
        yield speaking
    finally:
        process.kill()
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.stdout.close()
        process.wait()
