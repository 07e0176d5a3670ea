from __future__ import annotations

import json

import pytest

from tellapart.audit.finding import Item, by_severity, found, not_applicable, passed


def test_by_severity__what_was_found_first_and_the_worst_first():
    findings = [
        not_applicable("metadata", "error", "no files"),
        passed("unreadable", "error", "all read"),
        found("blurred", "note", "one", advice="look"),
        found("dark", "error", "two", advice="look"),
        found("near-empty", "note", "three", advice="look"),
    ]
    codes = [finding.code for finding in by_severity(findings)]
    assert codes == ["dark", "near-empty", "blurred", "unreadable", "metadata"]


def test_to_json__holds_the_items_with_their_details():
    finding = found("dark", "note", "one", advice="look", items=[Item(paths=("a",), text="t", details={"level": 3})])
    document = json.loads(json.dumps(finding.to_json()))
    assert document["items"] == [{"paths": ["a"], "text": "t", "level": 3}]
    assert (document["code"], document["outcome"], document["count"]) == ("dark", "found", 1)


def test_title__fails_for_a_code_that_is_not_listed():
    with pytest.raises(KeyError):
        _ = passed("nonsense", "note", "m").title
