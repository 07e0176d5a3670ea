"""Classes with too few pictures are left out where that is asked for, and named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictures import write_classes
from tellapart.data.rare import to_learn_from, without_rare
from tellapart.data.reading import Reading
from tellapart.data.scan import scan
from tellapart.errors import DataError, UsageError


def test_scan__leaves_classes_out_and_says_which(tmp_path):
    folder = write_classes(tmp_path / "data", {"ape": 3, "bee": 3, "cat": 1, "dog": 2})
    index = scan(folder, reading=Reading(min_pictures=3))
    assert index.classes == ("ape", "bee")
    assert len(index.pictures) == 6
    assert [(entry.path.split("/")[0], entry.status) for entry in index.skipped] == [
        ("cat", "skipped"),
        ("dog", "skipped"),
        ("dog", "skipped"),
    ]
    assert index.skipped[0].reason == "its class 'cat' has 1 picture to learn from, fewer than 3"
    assert index.notes[0] == (
        "Left out, with fewer than 3 pictures to learn from: 2 classes, 'cat' (1), 'dog' (2); 3 pictures in all."
    )


def test_without_rare__pictures_of_the_test_are_not_to_learn_from(tmp_path):
    for split, counts in {"train": {"ape": 2, "bee": 2, "cat": 1}, "test": {"ape": 1, "bee": 1, "cat": 4}}.items():
        write_classes(tmp_path / "data" / split, counts)
    index = without_rare(scan(tmp_path / "data"), 2)
    assert index.classes == ("ape", "bee")
    assert {picture.label for picture in index.pictures} == {"ape", "bee"}
    assert len(index.skipped) == 5


def test_without_rare__where_splits_are_drawn_anew_every_picture_counts(tmp_path, tellapart):
    for split in ("train", "test"):
        write_classes(tmp_path / "data" / split, {"ape": 3, "bee": 3, "cat": 1})
    options = ("--train", "3", "--valid", "0", "--test", "2", "--equal-only", "--min-pictures", "5")
    assert tellapart("split", tmp_path / "data", tmp_path / "out", *options).code == 0
    assert sorted(entry.name for entry in (tmp_path / "out" / "train").iterdir()) == ["ape", "bee"]


def test_without_rare__of_what_only_tests_every_picture_counts(tmp_path):
    index = scan(write_classes(tmp_path / "data" / "test", {"ape": 3, "bee": 1}), reading=Reading(scoring=True))
    assert without_rare(index, 2, fewest_classes=1).classes == ("ape",)


def test_without_rare__two_classes_must_be_left(tmp_path):
    index = scan(write_classes(tmp_path / "data", {"ape": 3, "bee": 1, "cat": 1}))
    with pytest.raises(DataError, match="1 of 3 classes have 2 pictures or more to learn from: --min-pictures"):
        without_rare(index, 2)
    assert without_rare(index, 1) is index
    assert without_rare(index, 2, fewest_classes=1).classes == ("ape",)


@given(counts=st.lists(st.integers(1, 6), min_size=2, max_size=9), least=st.integers(1, 6))
def test_without_rare__every_picture_is_kept_or_in_the_ledger(tmp_path_factory, counts, least):
    index = scan(write_classes(tmp_path_factory.mktemp("data"), {f"c{place}": n for place, n in enumerate(counts)}))
    if sum(count >= least for count in counts) < 2:
        with pytest.raises(DataError):
            without_rare(index, least)
        return
    kept = without_rare(index, least)
    paths = sorted([*(picture.path for picture in kept.pictures), *(entry.path for entry in kept.skipped)])
    assert paths == sorted(picture.path for picture in index.pictures)
    assert set(to_learn_from(kept.pictures)) == set(kept.classes)
    assert min(to_learn_from(kept.pictures).values()) >= least


@pytest.mark.parametrize("number", [0, -1, True, 1.5])
def test_reading__refuses_what_is_no_number_of_pictures(number):
    with pytest.raises(UsageError, match="no such number of pictures"):
        Reading(min_pictures=number)
