"""Draw splits at random, class by class, without dividing a group.

Legend: a unit is what may not be divided: the pictures of one group, or one picture without a group.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tellapart.data.groups import ALIKE
from tellapart.data.rare import OPTION, classes_named
from tellapart.errors import DataError
from tellapart.text import counted
from tellapart.types import Picture, SplitName

NEAR = 0.01  # of its target; a split that is off by no more is left as the hashes fill it
PRECISION = 1e-9
EMPTY = 1e6  # what a split without a picture of a class costs: more than any distance
ATTEMPTS = 64  # orders tried before groups that span classes are called indivisible


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Pictures that stay together: a name for the draw, their places in the pool, how many each class has of them."""

    name: str
    places: tuple[int, ...]
    counts: Mapping[str, int]


def draw_splits(pictures: Sequence[Picture], *, shares: Mapping[SplitName, int], seed: int) -> list[SplitName]:
    """Draw a split for each picture.

    Units are ordered by a hash of seed and name rather than shuffled: then the draw of a class depends neither on the
    other classes nor on the version of a generator, and a picture that is added later, or a group that is found by
    another base, moves few others. `shares` are the splits to fill and their parts in per cent, train first.

    A group falls into a split by its own hash; then single groups are moved as long as that brings the splits nearer to
    their shares, and no class is left out of a split.

    Raises:
        DataError: a class has fewer units than there are splits, or groups span classes so that it cannot be done.
    """
    units = units_of(pictures)
    check_enough(units, len(shares))
    splits: list[SplitName] = ["train"] * len(pictures)
    for family in _families(units):
        for unit, split in _draw_family(family, shares, seed):
            for place in unit.places:
                splits[place] = split
    return splits


def units_of(pictures: Sequence[Picture]) -> list[Unit]:
    """What may not be divided, in the order in which it comes."""
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, picture in enumerate(pictures):
        name = ("picture", picture.path) if picture.group is None else ("group", picture.group)
        places[name].append(place)
    return [
        Unit(
            name="\x1f".join(name),
            places=tuple(members),
            counts=_count([pictures[place].label or "" for place in members]),
        )
        for name, members in places.items()
    ]


def _count(labels: Sequence[str]) -> Mapping[str, int]:
    """How often there is each label; of nearly all units one once, for which a Counter takes long to make."""
    return {labels[0]: 1} if len(labels) == 1 else Counter(labels)


def check_enough(units: Sequence[Unit], needed: int, *, why: str = "Every split needs one of each class") -> None:
    """Refuse classes with fewer units than are needed.

    Raises:
        DataError: there is one.
    """
    have = Counter(label for unit in units for label in unit.counts)
    few = {label: count for label, count in have.items() if count < needed}
    if not few:
        return
    groups = [unit for unit in units if len(unit.places) > 1 and not few.keys().isdisjoint(unit.counts)]
    noun = "group" if groups else "picture"
    first = min(few)
    what = f"the class {first!r} has {counted(few[first], noun)} to draw from"
    if len(few) > 1:
        what = f"too few {noun}s to draw from in {classes_named(few)}"
    pictures = sum((Counter(unit.counts) for unit in units), Counter[str]())
    least = 1 + max(pictures[label] for label in few)
    can = sum(count >= least for count in pictures.values()) > 1
    leave = f"leave such classes out ({OPTION} {least}), " if can else ""
    hint = f"{why}: {_remedy(groups)}, {leave}or give the splits yourself."
    raise DataError(f"{what}, and {needed} are needed", hint=hint)


def _remedy(groups: Sequence[Unit]) -> str:
    """What to do about classes of too few units, with these groups among them: nobody declared those of copies."""
    if not groups:
        return "add some"
    if all(unit.name.startswith(f"group\x1f{ALIKE}") for unit in groups):
        return "those that show the same count as one, add others"
    return "declare smaller groups, add some"


def _families(units: Sequence[Unit]) -> list[list[Unit]]:
    """Units that have to be drawn together: those of one class, and of all classes that share a group with it."""
    family_of: dict[str, set[str]] = {}
    for labels in {tuple(unit.counts) for unit in units}:
        joined = set(labels).union(*(family_of.get(label, set()) for label in labels))
        if any(family_of.get(label) is None or family_of[label] != joined for label in joined):
            family_of.update(dict.fromkeys(joined, joined))
    families: dict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        families[min(family_of[next(iter(unit.counts))])].append(unit)
    return list(families.values())


def _draw_family(
    family: Sequence[Unit], shares: Mapping[SplitName, int], seed: int
) -> Iterable[tuple[Unit, SplitName]]:
    for attempt in range(ATTEMPTS):
        ordered = sorted(family, key=lambda unit: rank(unit, seed, attempt))
        groups = [unit for unit in ordered if len(unit.places) > 1]
        singles = [unit for unit in ordered if len(unit.places) == 1]
        preferred = [_preferred(rank(unit, seed, attempt), shares) for unit in groups]
        for by_hash in (True, False):
            filling = _Filling(family, shares)
            # Where the hashes leave a class out of a split: large groups first, while there is room everywhere.
            large = sorted(groups, key=lambda unit: -len(unit.places))
            drawn = filling.deal(groups, preferred) if by_hash else [(unit, filling.put(unit)) for unit in large]
            wanted = filling.wanted_singles(len(singles))
            if wanted is not None:
                return [*drawn, *_cut(singles, wanted)]
            drawn += [(unit, filling.put(unit)) for unit in singles]
            if filling.is_complete():
                return drawn
    labels = ", ".join(repr(label) for label in sorted({label for unit in family for label in unit.counts}))
    raise DataError(
        f"the groups of the classes {labels} cannot be split so that each class is in each split",
        hint="Make the groups smaller, or give the splits yourself.",
    )


def _preferred(rank: bytes, shares: Mapping[SplitName, int]) -> SplitName:
    """The split that a group falls into by its own hash, whatever else there is: so a new group moves few others."""
    place = int.from_bytes(rank[:8], "big") / 2**64 * sum(shares.values())
    for split in reversed(list(shares)):
        if place < shares[split]:
            return split
        place -= shares[split]
    return "train"


def _cut(ordered: Sequence[Unit], wanted: dict[SplitName, int]) -> Iterable[tuple[Unit, SplitName]]:
    """Single pictures of one class, in the order of their hashes: test is cut off first, train is what is left."""
    splits = [split for split in reversed(wanted) for _ in range(wanted[split])]
    return zip(ordered, splits, strict=True)


def rank(unit: Unit, seed: int, attempt: int) -> bytes:
    """Where a unit stands among those of its classes: a hash of seed, attempt and its own name."""
    labels = "\x1f".join(sorted(unit.counts))
    text = f"{seed}\x1fsplit\x1f{attempt}\x1f{labels}\x1f{unit.name}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class _Filling:
    """How full each split is of each class while the units of one family are dealt out."""

    def __init__(self, family: Sequence[Unit], shares: Mapping[SplitName, int]) -> None:
        pictures: Counter[str] = Counter()
        self._left: Counter[str] = Counter()  # units of each class not dealt out yet
        for unit in family:
            for label, count in unit.counts.items():
                pictures[label] += count
                self._left[label] += 1
        self._want = {label: targets(count, shares) for label, count in pictures.items()}
        self._have: dict[str, dict[SplitName, int]] = {label: dict.fromkeys(shares, 0) for label in pictures}
        self._shares = dict(shares)

    def deal(self, groups: Sequence[Unit], preferred: Sequence[SplitName]) -> list[tuple[Unit, SplitName]]:
        """Deal out groups as they prefer, then move those that bring each split nearest to its share of them.

        Moves end where none helps, or where no split is off by more than NEAR of its share; what single pictures of a
        class are left evens out the rest.
        """
        splits = list(preferred)
        for unit, split in zip(groups, splits, strict=True):
            self._add(unit, split, 1)
            self._left.subtract(unit.counts.keys())
        full = {label for label, left in self._left.items() if not left}
        total = sum(self._shares.values())
        sizes = {label: sum(have.values()) for label, have in self._have.items()}
        aims = {
            label: {split: size * share / total for split, share in self._shares.items()}
            for label, size in sizes.items()
            if size
        }
        for _ in groups:
            if self._is_near(aims, full):
                break
            best = max(
                (
                    (_gain(unit.counts, splits[place], split, self._have, aims, full), -place, split)
                    for place, unit in enumerate(groups)
                    for split in self._shares
                    if split != splits[place]
                ),
                key=lambda move: move[:2],
            )
            gain, place, split = best[0], -best[1], best[2]
            if gain <= PRECISION:
                break
            self._add(groups[place], splits[place], -1)
            self._add(groups[place], split, 1)
            splits[place] = split
        return list(zip(groups, splits, strict=True))

    def _add(self, unit: Unit, split: SplitName, sign: int) -> None:
        for label, count in unit.counts.items():
            self._have[label][split] += sign * count

    def _is_near(self, aims: Mapping[str, Mapping[SplitName, float]], full: Collection[str]) -> bool:
        """Whether no split is off by more than NEAR of its aim, and no class without single pictures lacks one."""
        return all(
            abs(self._have[label][split] - aim) <= NEAR * aim and (self._have[label][split] > 0 or label not in full)
            for label, aimed in aims.items()
            for split, aim in aimed.items()
        )

    def put(self, unit: Unit) -> SplitName:
        """Deal out one unit: to the split that it brings nearest to its targets, the first of equals."""
        split = min(self._open_to(unit), key=lambda candidate: self._cost(unit, candidate))
        for label, count in unit.counts.items():
            self._have[label][split] += count
            self._left[label] -= 1
        return split

    def wanted_singles(self, count: int) -> dict[SplitName, int] | None:
        """How many of count single pictures each split takes, now that the groups are dealt out.

        None where they are of several classes, or too few to fill what is missing.
        """
        if len(self._want) > 1:
            return None
        ((label, want),) = self._want.items()
        wanted = {split: max(0, want[split] - have) for split, have in self._have[label].items()}
        wanted["train"] = count - sum(number for split, number in wanted.items() if split != "train")
        enough = wanted["train"] >= (self._have[label]["train"] == 0)
        return {split: wanted[split] for split in want} if enough else None

    def is_complete(self) -> bool:
        return all(count > 0 for have in self._have.values() for count in have.values())

    def _open_to(self, unit: Unit) -> Sequence[SplitName]:
        """All splits, unless a class has just enough units left to reach those it is not in yet."""
        must: list[SplitName] = []
        for label in unit.counts:
            empty = [split for split, count in self._have[label].items() if count == 0]
            if self._left[label] <= len(empty):
                must += empty
        most = max(Counter(must).values(), default=0)
        return [split for split in self._shares if must.count(split) == most]

    def _cost(self, unit: Unit, split: SplitName) -> float:
        """How much the squared distance to the targets grows, each relative to its target."""
        cost = 0.0
        for label, count in unit.counts.items():
            want, have = self._want[label][split], self._have[label][split]
            cost += ((have + count - want) ** 2 - (have - want) ** 2) / want
        return cost


def _gain(
    counts: Mapping[str, int],
    old: SplitName,
    new: SplitName,
    have: Mapping[str, Mapping[SplitName, int]],
    aims: Mapping[str, Mapping[SplitName, float]],
    full: Collection[str],
) -> float:
    """By how much the squared distances to the aims shrink if a group moves, an empty split counting as far."""
    gain = 0.0
    for label, count in counts.items():
        for split, change in ((old, -count), (new, count)):
            before, aim = have[label][split], aims[label][split]
            gain += (before - aim) ** 2 / aim - (before + change - aim) ** 2 / aim
            if label in full:
                gain += EMPTY * ((before == 0) - (before + change == 0))
    return gain


def targets(count: int, shares: Mapping[SplitName, int]) -> dict[SplitName, int]:
    """How many of a class's pictures each split should have: rounded half up, at least one, train what is left."""
    wanted: dict[SplitName, int] = {"train": 0}
    for split, share in shares.items():
        if split != "train":
            wanted[split] = max(1, (count * share + 50) // 100)
    wanted["train"] = max(1, count - sum(wanted.values()))
    return wanted
