from pathlib import Path

from tellapart.duplicates.groups import DuplicatePair, among, connect
from tellapart.duplicates.leaks import find_conflicts, find_leaks
from tellapart.types import Picture


def pictures(*splits, groups=None, labels=None):
    return [
        Picture(
            path=f"{row}",
            file=Path(f"{row}"),
            label=labels[row] if labels else "a",
            split=split,
            group=groups[row] if groups else None,
        )
        for row, split in enumerate(splits)
    ]


def near(first, second, similarity=0.9):
    return DuplicatePair(first=first, second=second, kind="near", similarity=similarity)


def test_find_leaks__names_the_nearest_like_in_an_earlier_split():
    groups = connect([near(0, 3, 0.9), near(1, 3, 0.95), near(3, 4), near(2, 5)])
    leaks = find_leaks(pictures("train", "valid", "test", "test", "test", "test"), groups)
    assert [(leak.row, leak.other, leak.kind, leak.similarity) for leak in leaks] == [
        (1, 0, "near", None),
        (3, 1, "near", 0.95),
        (4, 0, "near", None),
    ]


def test_find_leaks__declared_groups_and_pictures_without_a_split():
    found = find_leaks(pictures("test", "train", None, "valid", groups=["g", "g", "g", None]), ())
    assert [(leak.row, leak.other, leak.kind) for leak in found] == [(0, 1, "group")]
    assert find_leaks(pictures(None, None), connect([near(0, 1)])) == ()


def test_find_leaks__none_where_all_is_on_one_side():
    assert find_leaks(pictures("test", "test", "train", groups=["g", "g", "h"]), connect([near(0, 1)])) == ()


def test_find_conflicts__are_the_pairs_with_two_labels():
    groups = connect([near(0, 1), near(1, 2)])
    found = find_conflicts(pictures("train", "train", "train", labels="aab"), groups)
    assert [(pair.first, pair.second) for pair in found] == [(1, 2)]


def test_among__counts_rows_anew_and_drops_what_is_alone():
    groups = among(connect([near(0, 2), near(2, 5), near(3, 4)]), [0, 2, 3, 5])
    assert [group.rows for group in groups] == [(0, 1, 3)]
