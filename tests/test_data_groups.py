from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tellapart.data.groups import declare_groups, group_numbers, label_numbers, merge_groups
from tellapart.errors import UsageError
from tellapart.types import Index, Picture


def pictures(*rows):
    return tuple(Picture(path=path, file=Path(path), label="a", group=group) for path, group in rows)


def declared(pattern, *rows):
    index = Index(name="n", root=Path(), layout="folders", classes=("a",), pictures=pictures(*rows))
    return [picture.group for picture in declare_groups(index, pattern).pictures]


def test_declare_groups__what_matches_what_is_captured_and_the_folder():
    rows = (("a/p1_1.png", None), ("a/p1_2.png", None), ("b/p2_1.png", None), ("b/other.png", None))
    assert declared(r"p\d", *rows) == ["p1", "p1", "p2", None]
    assert declared(r"(.)/p(\d)", *rows) == ["a/1", "a/1", "b/2", None]
    assert declared(r"a/p\d|(p2)", *rows) == ["a/p1", "a/p1", "p2", None]
    assert declared("parent", *rows) == ["a", "a", "b", "b"]


def test_declare_groups__joins_what_the_data_declares():
    rows = (("p1_1", "x"), ("p1_2", "y"), ("p2_1", "y"), ("p3_1", "z"), ("else", None))
    assert declared(r"p\d", *rows) == ["p1 + p2 + x + 1 more"] * 3 + ["p3 + z", None]


@pytest.mark.parametrize("pattern", ["(", "nothing like it"])
def test_declare_groups__what_cannot_be_meant(pattern):
    with pytest.raises(UsageError):
        declared(pattern, ("a", None))


def test_merge_groups__names_that_say_nothing_give_way():
    merged = merge_groups(
        pictures(("1", "x"), ("2", None), ("3", None), ("4", None), ("5", None)),
        {"like 1": (0, 1), "like 3": (2, 3)},
        declared=False,
    )
    assert [picture.group for picture in merged] == ["x", "x", "like 3", "like 3", None]


def test_group_numbers__alone_or_together():
    rows = pictures(("1", "g"), ("2", None), ("3", "h"), ("4", "g"), ("5", None))
    assert group_numbers(rows).tolist() == [0, 1, 2, 0, 3]


def test_label_numbers__the_place_among_the_classes():
    rows = [Picture(path=name, file=Path(name), label=name) for name in ("b", "a", "b")]
    assert label_numbers(rows, ("a", "b")).tolist() == [1, 0, 1]
    with pytest.raises(KeyError):
        label_numbers(rows, ("a",))


def test_declare_groups__says_how_many_pictures_a_pattern_matches():
    notes = []
    listener = SimpleNamespace(note=notes.append)
    rows = (("a/p1-0.png", None), ("a/p1-1.png", None), ("a/other.png", None))
    index = Index(name="n", root=Path(), layout="folders", classes=("a",), pictures=pictures(*rows))
    found = declare_groups(index, r"p\d", progress=listener)
    assert [picture.group for picture in found.pictures] == ["p1", "p1", None]
    assert len(notes) == 1
    assert notes[0].startswith("--group-by matches 2 of 3 pictures; each of the others stands alone")
    assert "a/other.png" in notes[0]
    declare_groups(index, "parent", progress=listener)
    assert len(notes) == 1


def test_declare_groups__folders_of_one_name_below_several_classes_are_told():
    notes = []
    listener = SimpleNamespace(note=notes.append)
    rows = pictures(("a/site 1/1.png", None), ("b/site 1/1.png", None), ("b/site 2/1.png", None))
    index = Index(name="n", root=Path(), layout="folders", classes=("a",), pictures=rows)
    found = declare_groups(index, "parent", progress=listener)
    assert len({picture.group for picture in found.pictures}) == 3
    (note,) = notes
    assert "takes a/site 1 and b/site 1 as two groups" in note
    pattern = note.split("'")[1]
    assert [picture.group for picture in declare_groups(index, pattern).pictures] == ["site 1", "site 1", "site 2"]
    in_splits = tuple(replace(row, split="train") for row in rows)
    declare_groups(replace(index, pictures=in_splits), "parent", progress=listener)
    assert len(notes) == 1
