"""What became of each file, written down, and the point at which too many are lost to go on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tellapart.data.formats import HEIF_INSTALL, HEIF_MISSING
from tellapart.errors import DataError, MissingExtraError
from tellapart.files import write_csv
from tellapart.text import counted
from tellapart.types import Index, LedgerEntry

ALL_LISTED = "Mend or remove them, or go on without them with --force; `tellapart audit DATA` lists them all."


def write_ledger(path: Path, entries: Iterable[LedgerEntry]) -> None:
    """Write ledger.csv: path, status (used, converted, skipped), reason.

    Raises:
        OutputError: it cannot be written.
    """
    write_csv(path, ("path", "status", "reason"), ((entry.path, entry.status, entry.reason) for entry in entries))


def check_skips(index: Index, entries: Sequence[LedgerEntry], *, force: bool) -> None:
    """Stop where a class lost so many pictures that a result would not be about the data any more.

    Args:
        index: what was scanned.
        entries: one for each picture of the index, in its order.
        force: go on although more than a tenth of a class is unreadable; a class must keep one picture all the same.

    Raises:
        DataError: a class lost too many.
        MissingExtraError: it did so only because HEIC cannot be read.
    """
    total: dict[str, int] = {}
    lost: dict[str, list[LedgerEntry]] = {}
    for picture, entry in zip(index.pictures, entries, strict=True):
        if picture.label is not None:
            total[picture.label] = total.get(picture.label, 0) + 1
            if entry.status == "skipped":
                lost.setdefault(picture.label, []).append(entry)
    for label in sorted(lost):
        _check_class(label, total[label], lost[label], force=force)


def _check_class(label: str, count: int, lost: Sequence[LedgerEntry], *, force: bool) -> None:
    if 10 * len(lost) <= count or (force and len(lost) < count):
        return
    if all(entry.reason == HEIF_MISSING for entry in lost):
        what = f"{len(lost):,} of the {counted(count, 'picture')} of the class {label!r} are HEIC, for example"
        raise MissingExtraError(what, where=lost[0].path, hint=f"Install what reads them: {HEIF_INSTALL}")
    example = f"{lost[0].path} ({lost[0].reason})"
    if len(lost) == count:
        what = f"none of the {counted(count, 'picture')} of the class {label!r} can be read, for example"
        raise DataError(
            what, where=example, hint="Mend them, or remove the class; `tellapart audit DATA` lists them all."
        )
    what = f"{len(lost):,} of the {counted(count, 'picture')} of the class {label!r} cannot be read, for example"
    raise DataError(what, where=example, hint=ALL_LISTED)
