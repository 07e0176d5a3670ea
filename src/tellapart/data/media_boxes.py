"""The boxes of the ISO base media format, in which AVIF, HEIC and JPEG 2000 keep their pictures.

Source: ISO 14496-12, 4.2 (boxes), 8.11 (items); ISO 23008-12, 6 (derived pictures).
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tellapart.errors import PictureError

MOST_BOXES: Final = 20_000
MOST_ITEMS: Final = 1_024  # a picture of 16,384 x 16,384 pixels in tiles of 512 x 512; each has a decoder of its own
MOST_METADATA: Final = 64_000_000  # bytes of all pictures together, which may share them

_CODED: Final = frozenset({b"hvc1", b"hev1", b"av01"})
# Tiles that make one picture, a picture turned or cropped, and one with a gain map.
_DERIVED: Final = frozenset({b"grid", b"iden", b"tmap"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """What a file says of the items in it, by their numbers."""

    kinds: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # start and end of each part
    inside: set[int] = field(default_factory=set)  # items whose places are counted from the start of the box idat
    idat: list[int] = field(default_factory=list)  # where that box starts
    parts: list[tuple[int, int]] = field(default_factory=list)  # a derived item, and one that it is made of
    added: list[tuple[int, int]] = field(default_factory=list)  # transparency or depth, and the item that they are of
    primary: list[int] = field(default_factory=list)  # the item that is the picture
    described: list[tuple[int, int]] = field(default_factory=list)  # an item with metadata, and a picture they are of


def boxes(content: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first byte and end of the content of each box, one after another; none of what is inside of them.

    Raises:
        PictureError: there are more than MOST_BOXES.
    """
    end = len(content) if end is None else min(end, len(content))
    for _ in range(MOST_BOXES):
        if start + 8 > end:
            return
        length, kind = struct.unpack_from(">I4s", content, start)
        head = 8
        if length == 1:
            (length,), head = struct.unpack_from(">Q", content, start + 8), 16
        elif length == 0:
            length = end - start
        if length < head:
            return
        yield kind, start + head, min(start + length, end)
        start += length
    raise PictureError(f"more than {MOST_BOXES:,} boxes in a picture; save it as PNG")


def read_items(content: bytes) -> Items:
    """The items of a file, and how they are put together.

    Raises:
        PictureError: there are too many of them, or they are put together in a way that is not read here.
        struct.error: a box ends before what it says.
    """
    items = Items()
    for kind, start, end in boxes(content):
        if kind != b"meta":
            continue
        for inner, first, last in boxes(content, start + 4, end):
            if inner == b"iinf":
                _read_kinds(content, first, last, items)
            elif inner == b"iloc":
                _read_places(content[first:last], items)
            elif inner == b"pitm":
                items.primary.append(int.from_bytes(content[first + 4 : first + (8 if content[first] else 6)], "big"))
            elif inner == b"idat":
                items.idat.append(first)
            elif inner == b"iref":
                _read_references(content, first, last, items)
    _check_items(items, len(content))
    return items


def item_content(content: bytes, items: Items, number: int) -> bytes:
    """The bytes of an item, its parts put together."""
    shift = items.idat[0] if number in items.inside and items.idat else 0
    return b"".join(content[shift + start : shift + end] for start, end in items.places.get(number, ()))


def _check_items(items: Items, length: int) -> None:
    for number in _decoded(items):
        kind = items.kinds.get(number, b"none")
        if kind not in _CODED | _DERIVED:
            name = kind.decode("latin-1")
            raise PictureError(f"a picture with a part of the kind {name!r}, which is not read here; save it as PNG")
    taken = sum(min(end, length) - start for places in items.places.values() for start, end in places if end > start)
    if taken > 2 * length:
        raise PictureError("a picture whose parts are larger than its file")
    sizes = {number: sum(min(end, length) - start for start, end in places) for number, places in items.places.items()}
    if sum(max(0, sizes.get(number, 0)) for number, _ in items.described) > MOST_METADATA:
        raise PictureError(f"a picture with more than {MOST_METADATA // 10**6} MB beside its pixels; save it as PNG")
    # So that a picture made of pictures made of pictures stays as large as its items are many.
    asked = Counter(part for _, part in items.parts if items.kinds.get(part) not in _CODED)
    if len(items.parts) > MOST_ITEMS or any(times > 2 for times in asked.values()):
        raise PictureError("a picture that is made of the same parts again and again; save it as PNG")


def _decoded(items: Items) -> set[int]:
    """The items that are decoded for the picture: itself, what it is made of, and what is added to any of that."""
    found, new = set[int](), set(items.primary)
    while new:
        found |= new
        made_of = {part for owner, part in items.parts if owner in new}
        added = {more for more, owner in items.added if owner in new}
        new = (made_of | added) - found
    return found


def _read_kinds(content: bytes, start: int, end: int, items: Items) -> None:
    skipped = 6 if content[start] == 0 else 8
    for kind, first, last in boxes(content, start + skipped, end):
        if kind == b"infe" and content[first] in (2, 3):
            form = ">H2x4s" if content[first] == 2 else ">I2x4s"
            number, what = struct.unpack_from(form, content[first + 4 : last])
            if items.kinds.get(number) not in _CODED:
                items.kinds[number] = what
    if len(items.kinds) > MOST_ITEMS:
        raise PictureError(f"a picture of more than {MOST_ITEMS:,} parts; save it as PNG")


def _read_places(body: bytes, items: Items) -> None:
    version, sizes, more = body[0], body[4], body[5]
    offset_size, length_size, base_size = sizes >> 4, sizes & 15, more >> 4
    index_size = more & 15 if version else 0
    wide = version == 2
    place = 10 if wide else 8
    for _ in range(int.from_bytes(body[6:place], "big")):
        number = int.from_bytes(body[place : place + (4 if wide else 2)], "big")
        place += 4 if wide else 2
        if version:
            if body[place + 1] & 15 == 1:
                items.inside.add(number)
            place += 2
        place += 2
        base = int.from_bytes(body[place : place + base_size], "big")
        place += base_size
        (extents,) = struct.unpack_from(">H", body, place)
        place += 2
        found = items.places.setdefault(number, [])
        for _ in range(extents):
            place += index_size
            offset = int.from_bytes(body[place : place + offset_size], "big")
            place += offset_size
            length = int.from_bytes(body[place : place + length_size], "big")
            place += length_size
            found.append((base + offset, base + offset + length if length else 2**63))
        if len(items.places) > MOST_ITEMS or len(found) > MOST_ITEMS:
            raise PictureError(f"a picture of more than {MOST_ITEMS:,} parts; save it as PNG")


def _read_references(content: bytes, start: int, end: int, items: Items) -> None:
    size = 2 if content[start] == 0 else 4
    for kind, first, last in boxes(content, start + 4, end):
        found = {b"dimg": items.parts, b"cdsc": items.described, b"auxl": items.added}.get(kind)
        if found is None:
            continue
        owner = int.from_bytes(content[first : first + size], "big")
        places = range(first + size + 2, last, size)
        found.extend((owner, int.from_bytes(content[place : place + size], "big")) for place in places)
