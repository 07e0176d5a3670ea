"""Folds to test by: each picture is held out in one of them, with its group, and every class is in several.

Legend: a unit is what may not be divided: the pictures of one group, or one picture without a group.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tellapart.data.draw import Unit, check_enough, rank, units_of
from tellapart.errors import DataError, UsageError
from tellapart.text import counted
from tellapart.types import Index

NEEDED = 2  # units of a class: one is tested, one is left to learn from
WHY = "Folds test one and learn from another"
MOVES = 100  # of a unit into another fold, before a class is said to be indivisible


def check_foldable(index: Index) -> None:
    """Stop where folds cannot be made of pictures: what `assign_folds` would find, before anything is looked at.

    Raises:
        DataError: a class has one unit.
    """
    check_enough(units_of(index.pictures), NEEDED, why=WHY)


def assign_folds(index: Index, *, count: int, seed: int) -> Index:
    """Put every picture into train and into one of `count` folds, 1 to count; the order of the index stays.

    Units are dealt in the order of a hash of seed and name, large ones first, each to the fold that has least of its
    classes, so that the folds are as even in every class as whole groups allow.

    Raises:
        DataError: a class has one unit, or one fold would hold all of it.
        UsageError: there are fewer units than folds.
    """
    units = units_of(index.pictures)
    check_enough(units, NEEDED, why=WHY)
    if len(units) < count:
        what = f"{count} folds of {counted(len(units), 'picture or group', 'pictures or groups')}"
        raise UsageError(what, where="--folds", hint="Ask for fewer.")
    home = _spread(_dealt(units, count=count, seed=seed), count=count)
    fold = {place: number for unit, number in home for place in unit.places}
    pictures = (replace(picture, split="train", fold=fold[place] + 1) for place, picture in enumerate(index.pictures))
    return replace(index, pictures=tuple(pictures))


def _dealt(units: Sequence[Unit], *, count: int, seed: int) -> list[tuple[Unit, int]]:
    sizes: Counter[str] = Counter()
    for unit in units:
        sizes.update(unit.counts)
    have: list[Counter[str]] = [Counter() for _ in range(count)]
    pictures = [0] * count

    def fullness(number: int, unit: Unit) -> tuple[float, int]:
        shares = (have[number][label] * many / sizes[label] for label, many in unit.counts.items())
        return sum(shares), pictures[number]

    dealt = []
    for unit in sorted(units, key=lambda unit: (-len(unit.places), rank(unit, seed, 0))):
        number = min(range(count), key=lambda number: fullness(number, unit))
        have[number].update(unit.counts)
        pictures[number] += len(unit.places)
        dealt.append((unit, number))
    return dealt


def _spread(dealt: Sequence[tuple[Unit, int]], *, count: int) -> list[tuple[Unit, int]]:
    """The same, with a unit moved to the next fold for each class that lies in one fold alone.

    Raises:
        DataError: groups span classes so that there is no end to that.
    """
    home = dict(enumerate(number for _, number in dealt))
    members: Mapping[str, list[int]] = defaultdict(list)
    for place, (unit, _) in enumerate(dealt):
        for label in unit.counts:
            members[label].append(place)
    for _ in range(MOVES):
        alone = [label for label, places in members.items() if len({home[place] for place in places}) == 1]
        if not alone:
            return [(unit, home[place]) for place, (unit, _) in enumerate(dealt)]
        smallest = members[min(alone)][-1]
        home[smallest] = (home[smallest] + 1) % count
    raise DataError(
        f"the groups of the class {min(alone)!r} cannot be parted into folds",
        hint="Make the groups smaller, or give the splits yourself.",
    )
