"""The folder of a run: claimed before the work starts, complete only when metrics.json is there."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tellapart import files
from tellapart.errors import OutputError, TellapartError, one_line
from tellapart.progress import Progress, why_fewer
from tellapart.text import counted

MODEL, METRICS, PREDICTIONS, SPLIT = "model.tellapart", "metrics.json", "predictions.csv", "split.csv"
LEDGER, HISTORY, REPORT, LOG = "ledger.csv", "history.jsonl", "report.html", "run.log"
ANALYSIS = "analysis.json"  # only where a longer look was taken
RUN_FILES = (MODEL, METRICS, PREDICTIONS, SPLIT, LEDGER, HISTORY, REPORT, LOG, ANALYSIS)
DEMO_DATA = "digits"
WORK = "work"  # what a recipe keeps while it trains, so that a killed run goes on
LOCK = f"{files.STAGED_PREFIX}lock"
LOG_START = "tellapart run log\n"
LONGEST_LOG = 4_000_000  # bytes that are kept of what was before
BEGUN_AGAIN = "-- stopped there, and begun again --"


def model_name(model: Path) -> str:
    """What a model file is called: its run, or itself where it was renamed."""
    return files.real(model).parent.name if model.name == MODEL else model.stem


def class_columns(classes: Sequence[str]) -> list[str]:
    """What the columns of the classes are called in a table of answers: no class shares a name with another column."""
    return [f"p:{name}" for name in classes]


def check_claim(folder: Path, *, force: bool) -> None:
    """Refuse a folder that a run may not take; nothing is changed.

    Raises:
        OutputError: a finished run is there and force is not given, or something else is there.
    """
    try:
        names = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
        finished = (folder / METRICS).exists()
    except NotADirectoryError as error:
        raise OutputError("the run folder is a file", where=folder, hint="Choose another with -o.") from error
    except OSError as error:
        raise files.output_error(error, folder) from error
    # A run that was killed before run.log was there has left at most the file it was about to become.
    strangers = [name for name in names if not name.startswith(files.STAGED_PREFIX)]
    if strangers and not is_run(folder):
        hint = "Choose another folder with -o; nothing was changed."
        raise OutputError(f"the folder is in use for something else (it holds {strangers[0]})", where=folder, hint=hint)
    if finished and not force:
        hint = "Add --force to replace its files, or choose another folder with -o."
        raise OutputError("this run is already there", where=folder, hint=hint)


def claim_run(folder: Path, *, force: bool) -> None:
    """Make the folder, or take over an unfinished run's; with force a finished one's, which stays until it is replaced.

    A folder that no run of ours has begun is taken only if it is empty, and nothing but a run's own files is ever
    replaced or removed.

    Raises:
        OutputError: as check_claim, or it cannot be written.
    """
    check_claim(folder, force=force)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.output_error(error, folder) from error
    if not is_run(folder) or (folder / LOG).is_symlink():
        files.write_text(folder / LOG, LOG_START)
    try:
        for leftover in folder.glob(f"{files.STAGED_PREFIX}*"):
            if leftover.name != LOCK:
                leftover.unlink(missing_ok=True)
        drop_links(folder / WORK)
    except OSError as error:
        raise files.output_error(error, folder) from error


def drop_links(folder: Path) -> None:
    """Remove every link, pipe and device from a folder of our own, and the folder itself where it is a link.

    A run that came from elsewhere may hold them, and what is kept while training is written and read by name.

    Raises:
        OSError: one cannot be removed.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        folder.unlink()
    for place, inner, names in os.walk(folder):
        for path in (Path(place, name) for name in (*inner, *names)):
            if not (stat.S_ISDIR(mode := path.lstat().st_mode) or stat.S_ISREG(mode)):
                path.unlink()


def open_run(folder: Path) -> None:
    """Mark the run unfinished, once its new files are ready to be written: from here on metrics.json is missing.

    Raises:
        OutputError: it cannot be removed.
    """
    try:
        (folder / METRICS).unlink(missing_ok=True)
        (folder / ANALYSIS).unlink(missing_ok=True)  # of the model that is about to be replaced
    except OSError as error:
        raise files.output_error(error, folder) from error


def is_run(folder: Path) -> bool:
    """Whether a run was begun here: run.log is the first file of a run, and starts with a line of its own."""
    try:
        with files.open_regular(folder / LOG) as log:
            return log.read(len(LOG_START)) == LOG_START.encode()
    except OSError:
        return False


def check_outside(folder: Path, data: Path) -> None:
    """Refuse a folder to write to inside the data, where the next run would take what is in it for pictures.

    Raises:
        OutputError: it is inside.
    """
    if data.is_dir() and files.real(folder).is_relative_to(files.real(data)):
        raise OutputError("the folder to write to lies inside the data", where=folder, hint="Choose another with -o.")


def clear_work(folder: Path) -> None:
    """Remove what a finished recipe kept.

    Raises:
        OutputError: it cannot be removed.
    """
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
    except OSError as error:
        raise OutputError("the work folder cannot be removed", where=folder, hint="Remove it by hand.") from error


class Logged:
    """A listener that passes everything on and keeps stages and notes for run.log."""

    def __init__(self, listener: Progress) -> None:
        """Listen for another listener."""
        self._listener = listener
        self._started = time.perf_counter()
        self._lines, self._earlier = list[str](), ""
        self._lock, self._left = threading.Lock(), 0

    def start(self, stage: str, *, total: int, unit: str) -> None:
        self.record(f"{stage}: {counted(total, unit.removesuffix('s'))}")
        self._left = total
        self._listener.start(stage, total=total, unit=unit)

    def advance(self, steps: int = 1) -> None:
        with self._lock:
            self._left -= steps
        self._listener.advance(steps)

    def finish(self) -> None:
        self.record("done" if self._left <= 0 else f"{why_fewer()}: {self._left} left")
        self._listener.finish()

    def note(self, message: str) -> None:
        self.record(message)
        self._listener.note(message)

    def record(self, message: str) -> None:
        """Keep a line for the log without showing it."""
        self._lines.append(f"{time.perf_counter() - self._started:8.2f} s  {one_line(message)}")

    @contextlib.contextmanager
    def kept_in(self, path: Path) -> Iterator[None]:
        """Write everything that was recorded to a file when this ends, with the error where it ends by one of ours.

        What stands there of a run that was stopped before it was finished stays above it.
        """
        self._earlier = lines_of_stopped_run(path)
        try:
            yield
        except TellapartError as error:
            self.record(f"stopped: {error}")
            raise
        finally:
            files.write_text(path, self.text())

    def text(self) -> str:
        return LOG_START + self._earlier + "".join(f"{line}\n" for line in self._lines)


def lines_of_stopped_run(log: Path) -> str:
    """What a log says of a run that was stopped, and that it is begun again; "" where there was none, or it ended."""
    try:
        said = files.read_start(log, most=LONGEST_LOG).decode("utf-8", "replace")
    except OSError:
        return ""
    lines = said.removeprefix(LOG_START).splitlines()
    if (log.parent / METRICS).exists() or not lines:
        return ""
    return "".join(f"{one_line(line)}\n" for line in [*lines, BEGUN_AGAIN])
