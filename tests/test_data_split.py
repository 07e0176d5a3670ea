import csv
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tellapart.data.split import assign_splits, one_part_as_test, write_splits
from tellapart.errors import DataError
from tellapart.types import SPLITS, Index, Picture


def make_index(rows):
    """Rows of (path, label, split, group)."""
    pictures = tuple(
        Picture(path=path, file=Path(path), label=label, split=split, group=group) for path, label, split, group in rows
    )
    classes = tuple(sorted({picture.label for picture in pictures}))
    return Index(name="x", root=Path("x"), layout="folders", classes=classes, pictures=pictures)


def plain(counts, *, split=None):
    return [(f"{label}/{n}", label, split, None) for label, count in sorted(counts.items()) for n in range(count)]


def counts(index):
    found = defaultdict(Counter)
    for picture in index.pictures:
        found[picture.label][picture.split] += 1
    return {label: tuple(found[label][split] for split in SPLITS) for label in index.classes}


def homes(index):
    return {picture.path: picture.split for picture in index.pictures}


def test_assign_splits__70_15_15_of_each_class():
    index = assign_splits(make_index(plain({"a": 100, "b": 3, "c": 7, "d": 1000})), seed=0)
    assert counts(index) == {"a": (70, 15, 15), "b": (1, 1, 1), "c": (5, 1, 1), "d": (700, 150, 150)}
    assert [picture.split for picture in index.pictures] == sorted((p.split for p in index.pictures), key=SPLITS.index)


def test_assign_splits__is_the_same_on_every_machine():
    index = assign_splits(make_index(plain({"a": 20, "b": 20})), seed=7)
    test = [picture.path for picture in index.pictures if picture.split == "test"]
    assert test == ["a/3", "a/7", "a/13", "b/2", "b/3", "b/11"]


def test_assign_splits__seed_matters_order_and_other_classes_do_not():
    rows = plain({"a": 40, "b": 40})
    first = homes(assign_splits(make_index(rows), seed=0))
    assert homes(assign_splits(make_index(rows[::-1]), seed=0)) == first
    assert homes(assign_splits(make_index(rows), seed=1)) != first
    more = homes(assign_splits(make_index([*rows, *plain({"c": 9})]), seed=0))
    assert {path: more[path] for path in first} == first


def test_assign_splits__a_new_picture_moves_few_others():
    rows = plain({"a": 200, "b": 200})
    before = homes(assign_splits(make_index(rows), seed=0))
    after = homes(assign_splits(make_index([*rows, ("a/new", "a", None, None)]), seed=0))
    assert sum(after[path] != before[path] for path in before) <= 2


@pytest.mark.parametrize(
    ("given_splits", "expected"),
    [
        ({"train": 20, "test": 5}, (17, 3, 5)),
        ({"train": 20, "valid": 5}, (17, 5, 3)),
        ({"train": 20}, (14, 3, 3)),
        ({"train": 20, "valid": 4, "test": 5}, (20, 4, 5)),
        ({"train": 2, "test": 1}, (1, 1, 1)),
    ],
)
def test_assign_splits__missing_splits_come_from_train(given_splits, expected):
    rows = [
        (f"{split}/{label}/{n}", label, split, None)
        for label in ("a", "b")
        for split, count in given_splits.items()
        for n in range(count)
    ]
    index = assign_splits(make_index(rows), seed=0)
    assert counts(index) == {"a": expected, "b": expected}
    assert all(picture.path.startswith(("train", picture.split)) for picture in index.pictures)


def test_assign_splits__complete_splits_are_left_as_they_are():
    rows = [*plain({"a": 2, "b": 2}, split="train"), ("v", "a", "valid", None), ("t", "b", "test", None)]
    assert assign_splits(make_index(rows), seed=0) == make_index(rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (plain({"a": 2, "b": 9}), "the class 'a' has 2 pictures to draw from, and 3 are needed"),
        (
            [(f"{n}", "ab"[n % 2], None, f"g{n % 4}") for n in range(20)],
            r"2 classes, 'a' \(2\), 'b' \(2\), and 3 are needed",
        ),
        (plain({"a": 2, "b": 9, "c": 9}), r"leave such classes out \(--min-pictures 3\)"),
        ([*plain({"a": 1, "b": 9}, split="train"), ("t", "a", "test", None)], "'a' has 1 picture .* 2 are needed"),
        (
            [*plain({"a": 5, "b": 5}, split="train"), ("lone", "a", None, None)],
            "1 of 11 pictures has no split.*: lone",
        ),
        (plain({"a": 5, "b": 5}, split="test"), "no train split, only test"),
        ([*plain({"a": 5}, split="train"), ("b/1", "b", "test", None)], "the class 'b' has no picture in train"),
    ],
)
def test_assign_splits__what_cannot_be_done_is_said(rows, message):
    with pytest.raises(DataError, match=message):
        assign_splits(make_index(rows), seed=0)


def test_assign_splits__groups_stay_whole_and_shares_are_nearly_met():
    rows = [(f"{label}/{n}", label, None, f"{label}{n // 4}") for label in ("a", "b") for n in range(200)]
    index = assign_splits(make_index(rows), seed=0)
    assert_whole(index)
    for train, valid, test in counts(index).values():
        assert (abs(train - 140) <= 4, abs(valid - 30) <= 4, abs(test - 30) <= 4) == (True, True, True)


def test_assign_splits__groups_of_one_large_and_two_small():
    rows = [(f"{n}", "a", None, "large" if n < 96 else f"g{n % 2}") for n in range(100)] + plain({"b": 10})
    index = assign_splits(make_index(rows), seed=0)
    assert_whole(index)
    assert counts(index)["a"] == (96, 2, 2)
    assert counts(index)["b"] == (6, 2, 2)


def test_assign_splits__groups_that_span_classes():
    rows = [(f"{n}/{label}", label, None, f"g{n}") for n in range(20) for label in ("a", "b", "c")]
    index = assign_splits(make_index(rows), seed=0)
    assert_whole(index)
    assert counts(index) == dict.fromkeys("abc", (14, 3, 3))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=3, max_size=60), st.integers(0, 3))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_assign_splits__any_groups_stay_whole(pairs, seed):
    rows = [(f"{n}", label, None, f"g{group}" if group else None) for n, (label, group) in enumerate(pairs)]
    try:
        index = assign_splits(make_index(rows), seed=seed)
    except DataError:
        assume(False)
    assert_whole(index)
    assert sorted(homes(index)) == sorted(row[0] for row in rows)
    assert all(min(found) >= 1 for found in counts(index).values())


def assert_whole(index):
    places = defaultdict(set)
    for picture in index.pictures:
        if picture.group is not None:
            places[picture.group].add(picture.split)
    assert all(len(splits) == 1 for splits in places.values())


def test_write_splits__reads_back(tmp_path):
    index = make_index([("a,1", "a", "train", "g"), ('b"2', "b", "test", None)])
    write_splits(tmp_path / "split.csv", index, {"a,1": b"\x01\xff", 'b"2': b""})
    with (tmp_path / "split.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["path", "label", "split", "group", "sha256"],
            ["a,1", "a", "train", "g", "01ff"],
            ['b"2', "b", "test", "", ""],
        ]


def grouped(count, *, first=0):
    """Groups of 2 to 9 pictures of one class each, two classes."""
    random = np.random.default_rng(5)
    sizes = random.integers(2, 10, count + first)
    return [
        (f"{number}/{place}", "ab"[number % 2], None, f"g{number}")
        for number in range(first, count + first)
        for place in range(sizes[number])
    ]


def splits_of_groups(rows, seed):
    return {picture.group: picture.split for picture in assign_splits(make_index(rows), seed=seed).pictures}


def test_assign_splits__groups_follow_the_seed():
    rows = grouped(60)
    drawn = [splits_of_groups(rows, seed) for seed in range(30)]
    tests = [frozenset(group for group, split in found.items() if split == "test") for found in drawn]
    assert len(set(tests)) == 30
    assert set().union(*tests) == set(drawn[0])  # in thirty draws each group is tested once
    pictures = Counter(row[3] for row in rows)
    shares = [sum(pictures[group] for group in test) / len(rows) for test in tests]
    assert 0.13 <= min(shares) <= max(shares) <= 0.17


def test_assign_splits__a_new_group_moves_few_others():
    moved = []
    for seed in range(20):
        before, after = splits_of_groups(grouped(60), seed), splits_of_groups(grouped(61), seed)
        moved.append(sum(before[group] != after[group] for group in before))
    assert np.mean(moved) < 4


@pytest.mark.parametrize("shares", [{"train": 70, "valid": 15, "test": 15}, {"train": 85, "valid": 15}])
def test_one_part_as_test__where_a_test_is_wanted_and_nothing_else_is_set_aside(shares):
    rows = [*plain({"a": 9, "b": 9}, split="train"), *(("v" + path, *rest) for path, *rest in plain({"a": 3, "b": 2}))]
    rows = [(path, label, split or "valid", group) for path, label, split, group in rows]
    index, line = one_part_as_test(make_index(rows), shares=shares)
    if "test" in shares:
        assert counts(index) == {"a": (9, 0, 3), "b": (9, 0, 2)}
        assert line.startswith("The 5 pictures set aside beside train are the test")
        assert counts(assign_splits(index, seed=0)) == {"a": (8, 1, 3), "b": (8, 1, 2)}
    else:
        assert (index, line) == (make_index(rows), "")


def test_one_part_as_test__complete_or_missing_splits_are_left_alone():
    for splits in (["train"], ["train", "test"], ["train", "valid", "test"], [None]):
        rows = [(f"{split}/{label}", label, split, None) for split in splits for label in "ab"]
        assert one_part_as_test(make_index(rows)) == (make_index(rows), "")
