import csv
import os
from dataclasses import replace

import pytest

from pictures import write_classes
from tellapart.data.formats import HEIF_MISSING
from tellapart.data.ledger import check_skips, write_ledger
from tellapart.data.scan import scan
from tellapart.errors import DataError, MissingExtraError
from tellapart.types import LedgerEntry


def entries_of(index, bad):
    return [
        LedgerEntry(path=picture.path, status="skipped", reason="truncated")
        if picture.path in bad
        else LedgerEntry(path=picture.path, status="used")
        for picture in index.pictures
    ]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return scan(write_classes(tmp_path_factory.mktemp("data"), {"a": 10, "b": 20}, width=8, height=8))


def test_check_skips__a_tenth_is_let_pass(index):
    check_skips(index, entries_of(index, {"a/003.png", "b/001.png", "b/002.png"}), force=False)


def test_check_skips__more_than_a_tenth_stops_unless_forced(index):
    entries = entries_of(index, {"b/001.png", "b/002.png", "b/003.png"})
    message = r"3 of the 20 pictures of the class 'b' cannot be read, for example: b/001.png \(truncated\). .*--force"
    with pytest.raises(DataError, match=message):
        check_skips(index, entries, force=False)
    check_skips(index, entries, force=True)


@pytest.mark.parametrize("force", [False, True])
def test_check_skips__a_class_without_a_picture_always_stops(index, force):
    entries = entries_of(index, {f"a/{number:03d}.png" for number in range(10)})
    with pytest.raises(DataError, match="none of the 10 pictures of the class 'a'"):
        check_skips(index, entries, force=force)


@pytest.mark.parametrize("lost", [3, 10])
def test_check_skips__heic_names_the_extra(index, lost):
    bad = {f"a/{number:03d}.png" for number in range(lost)}
    entries = [replace(entry, reason=HEIF_MISSING if entry.path in bad else "") for entry in entries_of(index, bad)]
    with pytest.raises(
        MissingExtraError, match=rf"{lost} of the 10 pictures .* HEIC.* pip install 'tellapart\[heif\]'"
    ):
        check_skips(index, entries, force=False)


def test_check_skips__entries_that_do_not_fit_are_a_bug(index):
    with pytest.raises(ValueError, match="zip"):
        check_skips(index, entries_of(index, set())[1:], force=False)


def test_write_ledger__reads_back(tmp_path):
    paths = [
        "plain.png",
        "carriage\rreturn.png",
        'quote".png',
        "new\nline.png",
        "comma, .png",
        os.fsdecode(b"\xff.png"),
        "日本.png",
    ]
    write_ledger(
        tmp_path / "ledger.csv", [LedgerEntry(path=path, status="skipped", reason="why, not") for path in paths]
    )
    with (tmp_path / "ledger.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["path", "status", "reason"], *([path, "skipped", "why, not"] for path in paths)]
