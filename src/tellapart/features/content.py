"""What each picture of an index is made of, read in an order in which boxes of one file share their work."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tellapart.data.boxes import Boxed, Content, box_key
from tellapart.errors import PictureError
from tellapart.files import read_bounded
from tellapart.stores import Origin
from tellapart.types import Index, Picture

LARGEST_FILE = 512_000_000  # bytes


def handfuls(index: Index, *, size: int) -> Iterator[list[int]]:
    """All rows, so many at a time, in the order of the index; with boxes, those of one file one after the other."""
    rows = list(range(len(index.pictures)))
    if any(picture.box is not None for picture in index.pictures):
        first: dict[Origin, int] = {}
        rows.sort(key=lambda row: first.setdefault(index.pictures[row].file, row))
    yield from (rows[start : start + size] for start in range(0, len(rows), size))


@dataclass(slots=True)
class LastFile:
    """The file of the box that was looked at last, for another box of it that comes next."""

    file: Origin | None = None
    boxed: Boxed | None = None

    def content_of(self, index: Index, picture: Picture) -> Content:
        """As `picture_content`, with the bytes and pixels of the box before where it is of the same file."""
        if picture.box is None or picture.left_out:
            return picture_content(index, picture)
        if self.boxed is not None and self.file == picture.file:
            self.boxed = replace(self.boxed, box=picture.box)
            return self.boxed
        content = picture_content(index, picture)
        self.file, self.boxed = picture.file, content if isinstance(content, Boxed) else None
        return content


def picture_content(index: Index, picture: Picture) -> Content:
    """The bytes of a picture's file, with its box where it has one, or its pixels uint8 [H, W] from an IDX file.

    Raises:
        PictureError: the file cannot be read or is too large, or is not to be looked at.
    """
    if picture.left_out:
        raise PictureError(picture.left_out, where=picture.path)
    if picture.row is not None:
        held: Content = index.arrays[picture.file][picture.row]  # of a request, the bytes of a file
        return held
    try:
        content = read_bounded(picture.file, limit=LARGEST_FILE)
    except ValueError as error:
        raise PictureError(str(error), where=picture.path) from error
    except OSError as error:
        raise PictureError((error.strerror or "cannot be read").lower(), where=picture.path) from error
    return content if picture.box is None else Boxed(content=content, box=picture.box)


def content_digest(content: Content) -> bytes:
    """sha256 of a file's bytes; of them and its place for a box; of shape and pixels for a row of an IDX file."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).digest()
    if isinstance(content, Boxed):
        return hashlib.sha256(box_key(content.box).encode() + hashlib.sha256(content.content).digest()).digest()
    return hashlib.sha256(f"idx {content.shape}".encode() + content.tobytes()).digest()
