from __future__ import annotations

from pictures import write_classes
from tellapart.audit.reading import find_converted, find_unreadable
from tellapart.data.reading import Reading
from tellapart.data.scan import scan
from tellapart.types import LedgerEntry


def entries(*statuses):
    return [
        LedgerEntry(path=f"{place}.jpg", status=status, reason="" if status == "used" else f"{status} it")
        for place, status in enumerate(statuses)
    ]


def test_find_unreadable__names_them_with_their_reasons():
    finding = find_unreadable([], looked_at=entries("used", "skipped", "converted", "skipped"))
    assert (finding.outcome, finding.severity, finding.count) == ("found", "warning", 2)
    assert [item.paths for item in finding.items] == [("1.jpg",), ("3.jpg",)]
    assert "2 of 4 pictures" in finding.message
    assert "skipped it (2)" in finding.message


def test_find_unreadable__passes_where_all_can_be_read_and_counts_what_is_no_picture():
    finding = find_unreadable(entries("skipped"), looked_at=entries("used", "converted"))
    assert (finding.outcome, finding.count) == ("passed", 0)
    assert "1 file that is no picture was passed over" in finding.message


def test_find_unreadable__pictures_of_classes_that_were_left_out_are_pictures(tmp_path):
    folder = write_classes(tmp_path / "data", {"ape": 2, "bee": 2, "cat": 1})
    (folder / "ape" / "notes.txt").write_text("no picture")
    index = scan(folder, reading=Reading(min_pictures=2))
    finding = find_unreadable(index.skipped, looked_at=entries("used"))
    assert "Besides, 1 file that is no picture was passed over." in finding.message
    assert finding.message.endswith(" 1 picture of a class with few was left out, as was asked for.")
    assert (finding.facts["passed_over"], finding.facts["of_rare"]) == (1, 1)


def test_find_converted__names_what_was_done():
    finding = find_converted(entries("used", "converted"))
    assert (finding.outcome, finding.severity, finding.items[0].paths) == ("found", "note", ("1.jpg",))


def test_find_converted__passes_where_all_are_used_as_they_are():
    assert find_converted(entries("used", "skipped")).outcome == "passed"
