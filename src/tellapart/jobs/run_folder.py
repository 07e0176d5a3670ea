"""The folder of a run: claimed before the work starts, complete only when metrics.json is there."""

from __future__ import annotations

import time
from pathlib import Path

from tellapart import files
from tellapart.errors import OutputError
from tellapart.progress import Progress

MODEL, METRICS, PREDICTIONS, SPLIT = "model.tellapart", "metrics.json", "predictions.csv", "split.csv"
LEDGER, HISTORY, REPORT, LOG = "ledger.csv", "history.jsonl", "report.html", "run.log"
RUN_FILES = (MODEL, METRICS, PREDICTIONS, SPLIT, LEDGER, HISTORY, REPORT, LOG)
DEMO_DATA = "digits"


def claim_run(folder: Path, *, force: bool) -> None:
    """Make the folder, or take an unfinished run's over; with force a finished one too, whose metrics.json goes first.

    Nothing but a run's own files is ever replaced or removed.

    Raises:
        OutputError: a finished run is there and force is not given, something else is there, or it cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError("the run folder is a file", where=folder, hint="Choose another with -o.")
    strangers = [entry.name for entry in sorted(folder.glob("*")) if not _is_ours(entry.name)]
    if strangers and not (folder / METRICS).exists():
        hint = "Choose another folder with -o; nothing was changed."
        raise OutputError(f"the folder is in use for something else (it holds {strangers[0]})", where=folder, hint=hint)
    if (folder / METRICS).exists() and not force:
        hint = "Add --force to replace its files, or choose another folder with -o."
        raise OutputError("this run is already there", where=folder, hint=hint)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / METRICS).unlink(missing_ok=True)
    except OSError as error:
        raise files.output_error(error, folder) from error
    files.write_text(folder / LOG, "")
    for leftover in folder.glob(f"{files.STAGED_PREFIX}*"):
        leftover.unlink(missing_ok=True)


class Logged:
    """A listener that passes everything on and keeps stages and notes for run.log."""

    def __init__(self, listener: Progress) -> None:
        """Listen for another listener."""
        self._listener = listener
        self._started = time.perf_counter()
        self._lines: list[str] = []

    def start(self, stage: str, *, total: int, unit: str) -> None:
        self.record(f"{stage}: {total} {unit}")
        self._listener.start(stage, total=total, unit=unit)

    def advance(self, steps: int = 1) -> None:
        self._listener.advance(steps)

    def finish(self) -> None:
        self.record("done")
        self._listener.finish()

    def note(self, message: str) -> None:
        self.record(message)
        self._listener.note(message)

    def record(self, message: str) -> None:
        """Keep a line for the log without showing it."""
        self._lines.append(f"{time.perf_counter() - self._started:8.2f} s  {message}")

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)


def _is_ours(name: str) -> bool:
    return name in RUN_FILES or name == DEMO_DATA or name.startswith(files.STAGED_PREFIX)
