from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from tellapart.data.folds import assign_folds
from tellapart.errors import DataError, UsageError
from tellapart.progress import Silent
from tellapart.recipes.folds import say_folds
from tellapart.recipes.request import Request
from tellapart.runs.leakage import FoundDuplicates, draw_together
from tellapart.types import Index, Picture


def index_of(rows):
    """Of (path, label, group)."""
    pictures = tuple(Picture(path=path, file=Path(path), label=label, group=group) for path, label, group in rows)
    return Index(
        name="d", root=Path("d"), layout="folders", classes=tuple(sorted({r[1] for r in rows})), pictures=pictures
    )


def singles(**counts):
    return [(f"{label}{number}", label, None) for label, count in counts.items() for number in range(count)]


def test_assign_folds__every_class_is_spread_evenly_and_everything_is_train():
    index = index_of(singles(a=17, b=8, c=3))
    found = assign_folds(index, count=5, seed=0)
    assert [picture.path for picture in found.pictures] == [picture.path for picture in index.pictures]
    assert {picture.split for picture in found.pictures} == {"train"}
    folds = Counter(picture.fold for picture in found.pictures)
    assert sorted(folds) == [1, 2, 3, 4, 5]
    assert max(folds.values()) - min(folds.values()) <= 1
    for label, most in (("a", 4), ("b", 2), ("c", 1)):
        each = Counter(picture.fold for picture in found.pictures if picture.label == label)
        assert max(each.values()) == most


def test_assign_folds__groups_stay_whole():
    rows = [(f"{number}", "ab"[number % 40 >= 20], f"g{number % 40}") for number in range(160)]
    found = assign_folds(index_of(rows), count=4, seed=3)
    homes = Counter((picture.group, picture.fold) for picture in found.pictures)
    assert len(homes) == 40
    assert Counter(picture.fold for picture in found.pictures) == {1: 40, 2: 40, 3: 40, 4: 40}


def test_assign_folds__follow_the_seed_and_not_the_order():
    rows = singles(a=20, b=20)
    one, again, other = (
        {p.path: p.fold for p in assign_folds(index_of(given), count=5, seed=seed).pictures}
        for given, seed in ((rows, 1), (rows[::-1], 1), (rows, 2))
    )
    assert one == again
    assert one != other


def test_assign_folds__no_fold_holds_a_class_alone():
    # Three groups that each hold all of two classes' pictures in turn would else be dealt into one fold.
    rows = [(f"{group}{label}{n}", label, group) for group in "xyz" for label in "ab" for n in range(4)]
    found = assign_folds(index_of(rows), count=3, seed=0)
    for label in "ab":
        assert len({picture.fold for picture in found.pictures if picture.label == label}) > 1


@pytest.mark.parametrize(
    ("rows", "count", "kind", "message"),
    [
        (singles(a=1, b=9), 5, DataError, "the class 'a' has 1 picture to draw from, and 2 are needed"),
        (
            singles(a=1, b=1, c=9, d=9),
            5,
            DataError,
            r"too few pictures to draw from in 2 classes, 'a' \(1\), 'b' \(1\), and 2 are .* \(--min-pictures 2\)",
        ),
        (singles(a=3, b=3), 7, UsageError, "7 folds of 6 pictures or groups"),
    ],
)
def test_assign_folds__too_few(rows, count, kind, message):
    with pytest.raises(kind, match=message):
        assign_folds(index_of(rows), count=count, seed=0)


def test_assign_folds__too_few_says_of_how_many_classes_and_what_groups_nobody_declared_are():
    with pytest.raises(DataError, match=r"pictures to draw from in 3 classes, 'a' \(1\), 'b' \(1\), 'd' \(1\), and 2"):
        assign_folds(index_of(singles(a=1, b=1, c=9, d=1)), count=2, seed=0)
    copies = [(f"a/{n}", "a", "like a/0") for n in range(9)]
    with pytest.raises(DataError, match=r"'a' has 1 group .* those that show the same count as one, add others, "):
        assign_folds(index_of([*copies, *singles(b=9)]), count=2, seed=0)
    declared = [(path, label, "site") for path, label, _ in copies]
    with pytest.raises(DataError, match=r"'a' has 1 group .* declare smaller groups, add some, or"):
        assign_folds(index_of([*declared, *singles(b=9)]), count=2, seed=0)


class Notes(Silent):
    """Keeps what is noted."""

    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def test_draw_together__three_sites_make_three_folds_where_no_number_was_asked_for():
    rows = [(f"{label}{site}{number}", label, site) for label in "ab" for site in "xyz" for number in range(6)]
    draw = partial(draw_together, FoundDuplicates(index=index_of(rows), groups=()), seed=0, progress=Silent())
    found, _ = draw(folds=5, fewer=True)
    assert {picture.fold for picture in found.pictures} == {1, 2, 3}
    request = Request(progress=Notes())
    say_folds(found, request)
    assert (
        "Every one of the 36 pictures is tested, by a head that has not seen it (3 folds)" in request.progress.notes[0]
    )
    with pytest.raises(UsageError, match="5 folds of 3 pictures or groups"):
        draw(folds=5)
