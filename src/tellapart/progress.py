"""How long work reports itself: the protocol, and who listens: nobody, a bar, a line of a notebook, or plain lines."""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, TextIO, cast

from tellapart.errors import one_line
from tellapart.text import counted, wrapped

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars

SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_CHANGES = 0.5  # of the line in a notebook: each is a message to the browser


class Progress(Protocol):
    """One listener for one command. A stage starts, advances and ends; notes may come at any time."""

    def start(self, stage: str, *, total: int, unit: str) -> None:
        """A stage of total steps begins; unit names what is counted, in the plural ("pictures")."""

    def advance(self, steps: int = 1) -> None:
        """Steps more of the current stage are done."""

    def finish(self) -> None:
        """The current stage is over."""

    def note(self, message: str) -> None:
        """Something worth a line of its own."""


class Stopwatch:
    """Seconds of each named part of a job."""

    def __init__(self) -> None:
        """Start now."""
        self.started = time.perf_counter()
        self.parts: dict[str, float] = {}

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.parts[name] = round(time.perf_counter() - started, 3)

    def elapsed(self) -> float:
        """Seconds since it was started."""
        return time.perf_counter() - self.started


class Silent:
    """A listener that hears nothing."""

    def start(self, stage: str, *, total: int, unit: str) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def finish(self) -> None: ...

    def note(self, message: str) -> None: ...


class Once:
    """A listener that passes everything on, but each note only once."""

    def __init__(self, whole: Progress) -> None:
        """Listen for another listener."""
        self._whole = whole
        self._said = set[str]()
        self._lock = threading.Lock()

    def start(self, stage: str, *, total: int, unit: str) -> None:
        self._whole.start(stage, total=total, unit=unit)

    def advance(self, steps: int = 1) -> None:
        self._whole.advance(steps)

    def finish(self) -> None:
        self._whole.finish()

    def note(self, message: str) -> None:
        with self._lock:
            if message in self._said:
                return
            self._said.add(message)
        self._whole.note(message)


class PartOfStage(Once):
    """A listener for parts of a stage, whose steps count for the whole; the parts' own stages are not told of."""

    def __init__(self, whole: Progress, *, steps: int) -> None:
        """Pass on at most so many steps, as a part may be gone through more than once."""
        super().__init__(whole)
        self._left = steps

    def start(self, stage: str, *, total: int, unit: str) -> None: ...

    def finish(self) -> None: ...

    def advance(self, steps: int = 1) -> None:
        with self._lock:
            counted_steps = min(steps, self._left)
            self._left -= counted_steps
        if counted_steps:
            self._whole.advance(counted_steps)


class Unminded(io.TextIOBase):
    """A stream for what only people read: what cannot be written to it is dropped, and the work goes on."""

    def __init__(self, stream: TextIO | None) -> None:
        """Pass on to stream; None, as where the shell has closed it, takes nothing."""
        self._stream = stream

    def write(self, text: str) -> int:
        if self._stream is not None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):
                to_nowhere(self._stream)
                self._stream = None
        return len(text)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream is not None and not self._stream.closed and self._stream.isatty()

    def fileno(self) -> int:
        return super().fileno() if self._stream is None else self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8" if self._stream is None else self._stream.encoding


def to_nowhere(stream: TextIO) -> None:
    """Let what a stream still holds, and all that comes, go nowhere: else Python complains of it when it ends."""
    with contextlib.suppress(OSError, ValueError):  # a stream without a descriptor has nothing to send away
        descriptor = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def say(message: str) -> None:
    """A line on standard error; where nobody reads it, it is dropped."""
    Unminded(sys.stderr).write(one_line(message) + "\n")


KERNEL: Final = "JPY_PARENT_PID"  # what a kernel of Jupyter has in its environment, and so has what it starts


def listener() -> Progress:
    """A bar where stderr is a terminal, in a notebook one line that changes, else lines.

    What a notebook's cell starts with `!` has a terminal that keeps every redraw: it gets lines.
    """
    if Unminded(sys.stderr).isatty() and KERNEL not in os.environ:
        return Bars()
    return Lines(ChangingLine().show, between=SECONDS_BETWEEN_CHANGES) if in_notebook() else Lines()


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this; IPython is asked only where something has loaded it already."""
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return ask is not None and getattr(ask(), "kernel", None) is not None


class Bars:
    """A bar with the rate and the time left, for eyes."""

    def __init__(self) -> None:
        """Draw nothing before the first stage."""
        self._bars: RichBars | None = None
        self._unit = ""

    def start(self, stage: str, *, total: int, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichBars

        rate = TextColumn("{task.fields[rate]}", style="progress.data.speed")
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn()
        self._bars = RichBars(*columns, console=Console(file=cast("IO[str]", Unminded(sys.stderr))))
        self._unit = unit
        self._bars.start()
        self._bars.add_task(stage, total=total, rate="")

    def advance(self, steps: int = 1) -> None:
        if self._bars is not None:
            speed = self._bars.tasks[0].speed
            self._bars.update(
                self._bars.task_ids[0], advance=steps, rate=f"{speed:,.0f} {self._unit}/s" if speed else ""
            )

    def finish(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def note(self, message: str) -> None:
        if self._bars is not None:
            console = self._bars.console
            console.print("\n".join(wrapped(one_line(message), max(console.width, 1))), markup=False, highlight=False)
        else:
            say(message)


def why_fewer() -> str:
    """Why a stage that ends here has done less than it was to do."""
    error = sys.exception()
    # A generator that nobody asks for more is ended so by Python: whoever listened had enough.
    return "ended early" if error is None or isinstance(error, GeneratorExit) else "broken off"


@contextlib.contextmanager
def in_stage(progress: Progress, stage: str, *, total: int, unit: str) -> Iterator[None]:
    """Tell a listener that a stage starts, and that it ends, whatever ends it."""
    progress.start(stage, total=total, unit=unit)
    try:
        yield
    finally:
        progress.finish()


class Lines:
    """A line now and then, for logs."""

    def __init__(self, show: Callable[[str], None] = say, *, between: float = SECONDS_BETWEEN_LINES) -> None:
        """Give lines to show, at most one in so many seconds; nothing before the first stage."""
        self._show, self._between = show, between
        self._lock = threading.Lock()
        self._stage, self._unit = "", ""
        self._total = self._done = 0
        self._started = self._said = 0.0

    def start(self, stage: str, *, total: int, unit: str) -> None:
        self._stage, self._total, self._unit, self._done = stage, total, unit, 0
        self._started = self._said = time.monotonic()
        self._show(f"{stage}: {counted(total, unit.removesuffix('s'))}")

    def advance(self, steps: int = 1) -> None:
        with self._lock:
            self._done += steps
            now = time.monotonic()
            if not self._stage or not self._done or now - self._said < self._between:
                return
            self._said = now
            rate = self._done / max(now - self._started, 1e-9)
            left = (self._total - self._done) / rate
        speed = f"{rate:,.0f} {self._unit}/s" if rate >= 10 else f"{rate:.1f} {self._unit}/s"
        self._show(f"{self._stage}: {self._done} of {self._total}, {speed}, about {math.ceil(left)} s left")

    def finish(self) -> None:
        seconds = time.monotonic() - self._started
        rate = f", {self._done / seconds:,.0f} {self._unit}/s" if seconds > 1 and self._done > 10 * seconds else ""
        fewer = f" ({why_fewer()})" if self._done < self._total else ""
        self._show(
            f"{self._stage}: {counted(self._done, self._unit.removesuffix('s'))}{fewer} in {seconds:.1f} s{rate}"
        )
        self._stage = ""

    def note(self, message: str) -> None:
        say(message)


class ChangingLine:
    """One line in the output of a notebook's cell."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._shown: Any = None

    def show(self, line: str) -> None:
        """Put a line in the place of the one before."""
        data = {"text/plain": one_line(line)}
        if self._shown is None:
            display = importlib.import_module("IPython.display").display
            self._shown = display(data, raw=True, display_id=True)
        else:
            self._shown.update(data, raw=True)
