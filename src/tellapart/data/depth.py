"""What is white in pictures of 16 bit, grey or colour, where no header says so: one rule for a whole set.

Cameras of 10, 12 or 14 bit write their values as they are into files of 16 bit, where white is then 1023, 4095 or
16383. Scaled by 65535 such pictures are nearly black, and most of what they show is lost. A header seldom says it; the
set does: the smallest 2**k - 1 that its brightest pictures stay below.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tellapart.data.decode import brightest
from tellapart.data.deep_colour import DEEPEST
from tellapart.data.formats import OPEN_ENDED_STARTS, PNG_START
from tellapart.data.prefetch import READERS, look_ahead, threads_to_read
from tellapart.errors import PictureError
from tellapart.files import read_bounded, read_start
from tellapart.progress import Progress, in_stage
from tellapart.stores import StoredObject
from tellapart.text import counted
from tellapart.types import Picture

HEADER: Final = 25  # bytes, up to the depth of a PNG
LARGEST_FILE: Final = 512_000_000  # bytes
AHEAD: Final = 16  # pictures
HEADERS_AHEAD, HEADERS = 256, 16  # pictures of which headers are read at once, and of those by one thread
JPEG_ENDINGS: Final = (".jpg", ".jpeg")


def white_of(pictures: Iterable[Picture], *, threads: int, progress: Progress) -> int | None:
    """The value of white in the pictures of 16 bit among these; None where there are none that leave it open.

    Args:
        pictures: a file of them that cannot be read is left to whoever looks at it.
        threads: how many of them are read at once.
        progress: told what was found, where it is less than 65535.
    """
    own = (picture for picture in pictures if picture.row is None)  # as they pass: there may be millions
    looked = look_ahead(_if_deep, own, threads=READERS, most=HEADERS_AHEAD, handful=HEADERS)
    deep = [picture for picture in looked if picture is not None]
    if not deep:
        return None
    with in_stage(progress, "Looking for the range of 16-bit pictures", total=len(deep), unit="pictures"):
        highest, count = 0, 0
        for value in look_ahead(_brightest, deep, threads=threads_to_read(deep, threads), most=AHEAD):
            progress.advance()
            if value is not None:
                highest, count = max(highest, value), count + 1
    if not count:
        return None
    white = min(max((1 << highest.bit_length()) - 1, 255), DEEPEST)
    if white < DEEPEST:
        those = counted(count, "picture of 16 bit has", "pictures of 16 bit have")
        progress.note(f"{those} no value above {highest:,}: {white:,} is taken for white in all of them.")
    return white


def _if_deep(picture: Picture) -> Picture | None:
    return picture if _may_be_deep(picture) else None


def _may_be_deep(picture: Picture) -> bool:
    """Whether a file is a PNG of 16 bit, or a TIFF, PGM, PPM or JPEG 2000 of any depth, by its first bytes.

    An object of a store that is called like a JPEG is taken for one, since each look at a header is a request.
    """
    if isinstance(picture.file, StoredObject) and picture.file.name.lower().endswith(JPEG_ENDINGS):
        return False
    try:
        start = read_start(picture.file, most=HEADER)
    except OSError:
        return False
    if start.startswith(PNG_START):
        return len(start) == HEADER and start[24] == 16
    return start.startswith(OPEN_ENDED_STARTS)


def _brightest(picture: Picture) -> int | None:
    try:
        return brightest(read_bounded(picture.file, limit=LARGEST_FILE))
    except (OSError, ValueError, PictureError):
        return None
