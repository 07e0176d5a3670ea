from __future__ import annotations

from audit_pictures import picture
from tellapart.audit.copies import find_conflicts, find_copies, find_exact, find_leaks, find_near
from tellapart.duplicates.groups import DuplicatePair, connect

PICTURES = (
    picture("a", "cat", "train"),
    picture("b", "cat", "test"),
    picture("c", "dog", "train"),
    picture("d", "dog", "train"),
    picture("e", "cat", "train"),
)


def groups(*links, kind="bytes", similarity=1.0):
    return connect(
        DuplicatePair(first=first, second=second, kind=kind, similarity=similarity) for first, second in links
    )


def test_find_exact__lists_the_groups():
    finding = find_exact(groups((0, 4), (2, 3)), PICTURES)
    assert (finding.outcome, finding.count) == ("found", 2)
    assert [item.paths for item in finding.items] == [("a", "e"), ("c", "d")]


def test_find_exact__passes_where_copies_are_only_near():
    assert find_exact(groups((0, 4), kind="near", similarity=0.9), PICTURES).outcome == "passed"


def test_find_near__says_how_alike():
    finding = find_near(groups((0, 4), kind="near", similarity=0.93), PICTURES)
    assert finding.outcome == "found"
    assert "93.0 % alike" in finding.items[0].text


def test_find_near__passes_where_copies_are_exact():
    assert find_near(groups((0, 4)), PICTURES).outcome == "passed"


def test_find_copies__a_picture_under_two_labels_is_listed_under_conflicts_only():
    for kind in ("bytes", "near"):
        findings = {finding.code: finding for finding in find_copies(groups((0, 2), kind=kind), PICTURES)}
        assert findings["conflicting-labels"].outcome == "found"
        assert [findings[f"{which}-duplicates"].outcome for which in ("exact", "near")] == ["passed", "passed"]


def test_find_leaks__counts_the_pictures_outside_train():
    finding = find_leaks(groups((0, 1), (2, 3)), PICTURES)
    assert (finding.outcome, finding.severity, finding.count) == ("found", "error", 1)
    assert finding.items[0].details["splits"] == ["test", "train"]


def test_find_leaks__passes_where_groups_stay_in_their_split():
    assert find_leaks(groups((2, 3)), PICTURES).outcome == "passed"


def test_find_leaks__is_not_applicable_without_splits():
    finding = find_leaks(groups((0, 1)), [picture("a"), picture("b")])
    assert finding.outcome == "not applicable"
    assert "no splits" in finding.message


def test_find_conflicts__equal_pictures_of_two_classes_are_an_error_and_near_ones_a_warning():
    surely = find_conflicts(groups((0, 2)), PICTURES)
    perhaps = find_conflicts(groups((0, 2), kind="near", similarity=0.9), PICTURES)
    assert (surely.outcome, surely.severity) == ("found", "error")
    assert (perhaps.outcome, perhaps.severity) == ("found", "warning")
    assert surely.items[0].details["labels"] == ["cat", "dog"]


def test_find_conflicts__passes_where_groups_agree():
    assert find_conflicts(groups((0, 4), (2, 3)), PICTURES).outcome == "passed"


def test_find_copies__has_each_code_once():
    codes = [finding.code for finding in find_copies((), PICTURES)]
    assert sorted(codes) == ["conflicting-labels", "cross-split-leaks", "exact-duplicates", "near-duplicates"]
