"""What shows the same is sought once: the next who asks of the same pictures is told the same."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tellapart.data.thumbnail import SIDE
from tellapart.duplicates import kept
from tellapart.duplicates.find import Search
from tellapart.duplicates.groups import DuplicatePair, connect
from tellapart.duplicates.kept import Searched, kept_duplicates, pack_searched, unpack_searched
from tellapart.features.embed import Embedded
from tellapart.types import Depth, Index, LedgerEntry, Picture

LAST = Depth(name="last", start=8, stop=16)


class Told:
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def seen(*, pictures=20):
    random = np.random.default_rng(0)
    names = [f"{number}.png" for number in range(pictures)]
    return Embedded(
        features=random.normal(size=(pictures, 16)).astype(np.float32),
        index=Index(
            root=".",
            name="made up",
            layout="folders",
            classes=("a",),
            pictures=tuple(Picture(path=name, file=name, label="a") for name in names),
        ),
        ledger=tuple(LedgerEntry(path=name, status="used", reason="") for name in names),
        digests=tuple(bytes([number // 2]) * 32 for number in range(pictures)),
        miniatures=random.integers(0, 256, (pictures, SIDE, SIDE, 3), np.uint8),
        pixel_digests=tuple(bytes([number]) * 16 for number in range(pictures)),
        fresh=0,
        precision="f32",
        decode_s=0.0,
        embed_s=0.0,
    )


@pytest.mark.usefixtures("fresh_cache")
def test_kept_duplicates__a_second_search_is_read(monkeypatch):
    groups, asked = connect([DuplicatePair(first=1, second=4, kind="near", similarity=0.9, mirrored=True)]), []

    def found(embedded, *, last, left, progress, workers):
        asked.append(last)
        progress.note("there were many")
        return Search(groups=groups, unread=0)

    monkeypatch.setattr(kept, "search_duplicates", found)
    first, second, other = Told(), Told(), Told()
    for told in (first, second):
        assert kept_duplicates(seen(), last=LAST, progress=told) == groups
        assert told.notes == ["there were many"]
    assert len(asked) == 1
    changed = seen()
    for one in (
        replace(changed, features=changed.features + 1),
        replace(changed, miniatures=changed.miniatures[::-1]),
        replace(changed, digests=changed.digests[::-1]),
        replace(changed, pixel_digests=changed.pixel_digests[::-1]),
        replace(changed, index=replace(changed.index, pictures=changed.index.pictures[::-1])),
    ):
        kept_duplicates(one, last=LAST, progress=other)
    assert len(asked) == 6


@pytest.mark.usefixtures("fresh_cache")
def test_kept_duplicates__what_was_found_without_a_picture_is_not_kept(monkeypatch):
    asked = []

    def found(embedded, *, last, left, progress, workers):
        asked.append(last)
        return Search(groups=(), unread=2 - len(asked))

    monkeypatch.setattr(kept, "search_duplicates", found)
    for _ in range(4):
        assert kept_duplicates(seen(), last=LAST, progress=Told()) == ()
    assert len(asked) == 2  # the first missed a picture, the second did not


def test_searched__comes_back_as_it_was():
    groups = connect(
        [
            DuplicatePair(first=0, second=3, kind="bytes"),
            DuplicatePair(first=3, second=7, kind="near", similarity=0.8512, mirrored=True),
            DuplicatePair(first=1, second=2, kind="pixels"),
        ]
    )
    searched = Searched(groups=groups, notes=("one", "zwei ü \udce9"))
    assert unpack_searched(pack_searched(searched), count=8) == searched


@pytest.mark.parametrize(
    "pairs",
    [
        [[0, 8, 0, 1, False]],
        [[3, 3, 0, 1, False]],
        [[-1, 3, 0, 1, False]],
        [[0.5, 3, 0, 1, False]],
        [[0, 3, 9, 1, False]],
        [[0, 3, 0, 1.5, False]],
        [[0, 3, 0, "1", False]],
        [[0, 3]],
        [7],
        {"0": 1},
    ],
)
def test_unpack_searched__refuses_what_is_no_pair_of_rows(pairs):
    with pytest.raises((ValueError, IndexError, TypeError)):
        unpack_searched(json.dumps({"pairs": pairs, "notes": []}).encode(), count=8)
