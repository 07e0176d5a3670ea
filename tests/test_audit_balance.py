from __future__ import annotations

import pytest

from audit_pictures import index_of, index_of_sizes, picture
from tellapart.audit.balance import class_sizes, find_imbalance, find_tiny_classes


def test_find_tiny_classes__names_the_smallest_first():
    finding = find_tiny_classes(index_of_sizes(ant=19, bee=6, cat=40))
    assert (finding.outcome, finding.severity) == ("found", "warning")
    assert [item.details["class"] for item in finding.items] == ["bee", "ant"]


def test_find_tiny_classes__is_an_error_where_no_split_can_be_drawn():
    assert find_tiny_classes(index_of_sizes(ant=3, bee=60)).severity == "error"


def test_find_tiny_classes__counts_those_of_train_where_there_are_splits_and_says_so():
    pictures = [picture(f"{place}", "ant", "train" if place < 5 else "test") for place in range(30)]
    assert "fewer than 20 pictures in train; the smallest, ant, has 5" in find_tiny_classes(index_of(pictures)).message
    assert "fewer than 20 pictures in all" in find_tiny_classes(index_of_sizes(ant=19, bee=40)).message


def test_find_tiny_classes__passes_where_every_class_has_enough():
    assert find_tiny_classes(index_of_sizes(ant=20, bee=60)).outcome == "passed"


def test_find_tiny_classes__is_not_applicable_without_labels():
    assert find_tiny_classes(index_of([])).outcome == "not applicable"


@pytest.mark.parametrize(("sizes", "severity"), [((100, 30), "note"), ((200, 20), "warning")])
def test_find_imbalance__is_graver_where_it_is_larger(sizes, severity):
    finding = find_imbalance(index_of_sizes(ant=sizes[0], bee=sizes[1]))
    assert (finding.outcome, finding.severity) == ("found", severity)
    assert finding.items[0].details == {"class": "bee", "pictures": sizes[1]}


def test_find_imbalance__passes_where_sizes_are_alike():
    assert find_imbalance(index_of_sizes(ant=100, bee=50)).outcome == "passed"


def test_find_imbalance__is_not_applicable_with_one_class():
    assert find_imbalance(index_of_sizes(ant=100)).outcome == "not applicable"


def test_class_sizes__counts_what_there_is_to_train_on():
    pictures = [picture("a", "ant", "train"), picture("b", "ant", "test"), picture("c", "bee", "test")]
    assert class_sizes(index_of(pictures)) == {"ant": 1, "bee": 0}
