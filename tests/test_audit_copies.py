from __future__ import annotations

from audit_pictures import picture
from tellapart.audit.copies import conflict_finding, copy_findings, exact_finding, leak_finding, near_finding
from tellapart.duplicates.groups import DuplicatePair, connect
from tellapart.duplicates.leaks import find_leaks

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


def test_exact_finding__lists_the_groups():
    finding = exact_finding(groups((0, 4), (2, 3)), PICTURES)
    assert (finding.outcome, finding.count) == ("found", 2)
    assert [item.paths for item in finding.items] == [("a", "e"), ("c", "d")]


def test_exact_finding__passes_where_copies_are_only_near():
    assert exact_finding(groups((0, 4), kind="near", similarity=0.9), PICTURES).outcome == "passed"


def test_near_finding__says_how_alike():
    finding = near_finding(groups((0, 4), kind="near", similarity=0.93), PICTURES)
    assert finding.outcome == "found"
    assert "93.0 % alike" in finding.items[0].text


def test_near_finding__passes_where_copies_are_exact():
    assert near_finding(groups((0, 4)), PICTURES).outcome == "passed"


def test_copy_findings__a_picture_under_two_labels_is_listed_under_conflicts_only():
    for kind in ("bytes", "near"):
        findings = {finding.code: finding for finding in copy_findings(groups((0, 2), kind=kind), PICTURES)}
        assert findings["conflicting-labels"].outcome == "found"
        assert [findings[f"{which}-duplicates"].outcome for which in ("exact", "near")] == ["passed", "passed"]


def test_conflict_finding__of_near_copies_the_classes_may_be_what_differs():
    advice = [conflict_finding(groups((0, 2), kind=kind), PICTURES).advice or "" for kind in ("bytes", "near")]
    assert ["keep all" in each for each in advice] == [False, True]


def test_leak_finding__counts_the_pictures_outside_train():
    finding = leak_finding(groups((0, 1), (2, 3)), PICTURES)
    assert (finding.outcome, finding.severity, finding.count) == ("found", "error", 1)
    assert finding.items[0].details["splits"] == ["test", "train"]


def test_leak_finding__passes_where_groups_stay_in_their_split():
    assert leak_finding(groups((2, 3)), PICTURES).outcome == "passed"


def test_leak_finding__is_not_applicable_without_splits():
    finding = leak_finding(groups((0, 1)), [picture("a"), picture("b")])
    assert finding.outcome == "not applicable"
    assert "no splits" in finding.message


def test_conflict_finding__equal_pictures_of_two_classes_are_an_error_and_near_ones_a_warning():
    surely = conflict_finding(groups((0, 2)), PICTURES)
    perhaps = conflict_finding(groups((0, 2), kind="near", similarity=0.9), PICTURES)
    assert (surely.outcome, surely.severity) == ("found", "error")
    assert (perhaps.outcome, perhaps.severity) == ("found", "warning")
    assert surely.items[0].details["labels"] == ["cat", "dog"]


def test_leak_finding__counts_what_training_counts_and_names_declared_groups():
    pictures = [
        picture("a", "cat", "valid"),
        picture("b", "cat", "test"),
        picture("c", "cat", "train", group="site 1"),
        picture("d", "cat", "test", group="site 1"),
        picture("e", "cat", None),
    ]
    copies = groups((0, 1), (2, 4))
    finding = leak_finding(copies, pictures)
    leaked = {pictures[leak.row].path for leak in find_leaks(pictures, copies)}
    assert (finding.facts, leaked) == ({"groups": 2, "pictures": 2}, {"b", "d"})
    assert [item.paths for item in finding.items] == [("a", "b"), ("c", "d")]
    assert finding.items[1].text == "cat · test and train · declared to belong together"


def test_conflict_finding__an_equal_pair_is_certain_whatever_else_is_in_its_group():
    near = DuplicatePair(first=0, second=4, kind="near", similarity=0.9)
    mixed = connect([near, DuplicatePair(first=0, second=2, kind="bytes")])
    assert conflict_finding(mixed, PICTURES).severity == "error"


def test_conflict_finding__passes_where_groups_agree():
    assert conflict_finding(groups((0, 4), (2, 3)), PICTURES).outcome == "passed"


def test_copy_findings__has_each_code_once():
    codes = [finding.code for finding in copy_findings((), PICTURES)]
    assert sorted(codes) == ["conflicting-labels", "cross-split-leaks", "exact-duplicates", "near-duplicates"]
