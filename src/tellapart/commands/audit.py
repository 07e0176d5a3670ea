"""Looking at the data before anything is claimed about it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellapart import files
from tellapart.audit.audit import audit_pictures
from tellapart.audit.finding import Finding
from tellapart.audit.training import say_vanished
from tellapart.backbones.catalogue import check_base, find_base
from tellapart.data.ledger import write_ledger
from tellapart.data.reading import AS_IT_IS, Reading
from tellapart.data.scan import scan
from tellapart.duplicates.kept import kept_duplicates
from tellapart.errors import DataError, OutputError
from tellapart.features.look import look_at, with_white
from tellapart.progress import Progress, Silent
from tellapart.report.audit_page import shown_paths, write_audit_page
from tellapart.report.thumbnails import thumbnails
from tellapart.runs.environment import installed_version
from tellapart.runs.folder import LEDGER, check_outside
from tellapart.targets import check_folder_name
from tellapart.text import inert
from tellapart.types import LedgerEntry
from tellapart.workers.pool import HERE, Workers

AUDIT_SCHEMA = 1
STATUSES = ("used", "converted", "skipped")
OUTCOMES = ("found", "passed", "not applicable")
FINDINGS, PAGE, SUSPECTS = "findings.json", "audit.html", "suspects.csv"
AUDIT_FILES = (FINDINGS, PAGE, SUSPECTS, LEDGER)


def audit(
    data: Path,
    *,
    out: Path | None = None,
    backbone: str = "lite0",
    seed: int = 0,
    reading: Reading = AS_IT_IS,
    command: str = "",
    workers: Workers = HERE,
    progress: Progress | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Look for everything that would make figures mislead, and write it down; the folder, and the document.

    Args:
        data: as for train.
        out: the folder to write to; None for audits/<name of the data>.
        backbone: the base whose features are used, by name.
        seed: of folds and permutations.
        reading: what is said of data that can be read in more than one way.
        command: how it was asked for, for the page.
        workers: who looks at the pictures, and compares them.
        progress: told of every stage.

    Raises:
        UsageError, OutputError, DataError, MissingExtraError: as their messages say; see tellapart.errors.
    """
    started = time.perf_counter()
    progress = progress or Silent()
    check_base(backbone, progress=progress)
    index = scan(data, reading=reading, progress=progress)
    folder = out or Path("audits") / index.name
    check_outside(folder, data)
    check_folder(folder)
    base = find_base(backbone)
    base = with_white(base, index.pictures, progress)
    embedded = look_at(index, base, progress, workers=workers)
    check_any_readable(embedded.ledger)
    say_vanished(embedded, progress=progress)
    groups = kept_duplicates(embedded, last=base.last, progress=progress, workers=workers)
    findings = audit_pictures(embedded, skipped=index.skipped, groups=groups, base=base, seed=seed, progress=progress)
    ledger = [*index.skipped, *embedded.ledger]
    fates: Counter[str] = Counter(entry.status for entry in ledger)
    document = {
        "schema": AUDIT_SCHEMA,
        "tellapart": installed_version("tellapart"),
        "command": command,
        "seed": seed,
        "backbone": base.name,
        "data": {"name": index.name, "layout": index.layout},
        "classes": list(index.classes),
        "pictures": {status: fates[status] for status in STATUSES},
        "outcomes": {outcome: sum(one.outcome == outcome for one in findings) for outcome in OUTCOMES},
        "findings": [finding.to_json() for finding in findings],
        "seconds": round(time.perf_counter() - started, 3),
    }
    write_ledger(folder / LEDGER, ledger)
    write_suspects(folder / SUSPECTS, findings)
    write_audit_page(folder / PAGE, document, thumbnails=thumbnails(index, shown_paths(document), progress=progress))
    files.write_json(folder / FINDINGS, document)
    return folder, document


def check_any_readable(ledger: Sequence[LedgerEntry]) -> None:
    """Stop where there is nothing to audit.

    Raises:
        DataError: not one of the pictures can be read.
    """
    if all(entry.status == "skipped" for entry in ledger):
        first = ledger[0]
        raise DataError(f"none of the pictures can be read ({first.reason})", where=first.path, hint="Mend them.")


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier audit.

    Raises:
        UsageError: it would be called like a file.
        OutputError: it does, or it is a file.
    """
    check_folder_name(folder)
    try:
        strangers = sorted({entry.name for entry in folder.iterdir()} - set(AUDIT_FILES)) if folder.exists() else []
    except OSError as error:
        raise files.output_error(error, folder) from error
    if strangers:
        what = f"the folder is in use for something else (it holds {strangers[0]})"
        raise OutputError(what, where=folder, hint="Choose another folder with -o; nothing was changed.")


def write_suspects(path: Path, findings: Sequence[Finding]) -> None:
    """Write suspects.csv, to be worked through in a spreadsheet: path, given, suggested, certainty, split."""
    columns = ("given", "suggested", "certainty", "split")
    suspects = [item for finding in findings if finding.code == "suspects" for item in finding.items]
    rows = ([item.paths[0], *(item.details[column] for column in columns)] for item in suspects)
    rows = ([inert(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    files.write_csv(path, ("path", *columns), rows)
