"""A manifest: a CSV or Parquet file, a row a picture, with the columns path, label, and perhaps split and group."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tellapart.data.once import keep_once
from tellapart.data.order import picture_order
from tellapart.data.split_words import split_of
from tellapart.data.tables import PARQUET_ENDINGS, TEXT_ENDINGS, Row, read_delimited, read_parquet
from tellapart.data.walk import Identity
from tellapart.errors import DataError
from tellapart.text import counted
from tellapart.types import Index, Picture, SplitName

_ALLOWED: Final = "train, valid (or val, dev), test"


def is_manifest(data: Path) -> bool:
    """Whether it is a file whose name ends like a table's."""
    return data.suffix.lower() in (*TEXT_ENDINGS, *PARQUET_ENDINGS) and data.is_file()


def read_manifest(path: Path) -> Index:
    """Index what a manifest lists; its paths are relative to its folder. Labels and splits lose the spaces around them.

    Raises:
        DataError: it cannot be read, lacks a column, or has a row that cannot be meant (with the number of the row).
    """
    rows = read_parquet(path) if path.suffix.lower() in PARQUET_ENDINGS else read_delimited(path)
    if not rows:
        raise DataError("the manifest has no rows", where=path, hint="Add a row with path and label for each picture.")
    pictures = [_picture(row, path) for row in rows]
    pairs = sorted(zip(pictures, _identities(rows, path), strict=True), key=lambda pair: picture_order(pair[0]))
    kept, twice = keep_once([picture for picture, _ in pairs], [identity for _, identity in pairs])
    classes = tuple(sorted({row.label for row in rows}))
    if len(classes) == 1:
        raise DataError(f"only one class, {classes[0]!r}", where=path, hint="There must be at least two to tell apart.")
    return Index(name=path.stem, root=path.parent, layout="manifest", classes=classes, pictures=kept, skipped=twice)


def _picture(row: Row, manifest: Path) -> Picture:
    if not row.path:
        raise _bad_row("no path", row, manifest, "Write where the picture is, or take the row out.")
    if not row.label:
        raise _bad_row("no label", row, manifest, "Write the class, or take the row out.")
    file = manifest.parent / row.path
    return Picture(path=row.path, file=file, label=row.label, split=_split(row, manifest), group=row.group or None)


def _split(row: Row, manifest: Path) -> SplitName | None:
    if not row.split:
        return None
    split = split_of(row.split)
    if split is None:
        raise _bad_row(f"unknown split {row.split!r}", row, manifest, f"Write one of {_ALLOWED}.")
    return split


def _bad_row(what: str, row: Row, manifest: Path, hint: str) -> DataError:
    return DataError(f"{what} in row {row.number:,}", where=manifest, hint=hint)


def _identities(rows: Sequence[Row], manifest: Path) -> Iterable[Identity]:
    """Which file each row means.

    Raises:
        DataError: some are missing; all are counted before the first is named.
    """
    identities = [_identity(manifest.parent, row.path) for row in rows]
    missing = [row for row, identity in zip(rows, identities, strict=True) if identity is None]
    if missing:
        gone = f"{len(missing):,} of {counted(len(rows), 'file')} {'is' if len(missing) == 1 else 'are'}"
        what = f"{gone} missing, the first in row {missing[0].number:,}"
        hint = f"It is listed in {manifest}; paths are relative to the folder of the manifest."
        raise DataError(what, where=missing[0].path, hint=hint)
    return [identity for identity in identities if identity is not None]


def _identity(folder: Path, path: str) -> Identity | None:
    try:
        status = os.stat(os.path.join(folder, path))  # noqa: PTH116, PTH118  (one for each of 100,000 rows)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
