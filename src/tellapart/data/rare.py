"""Classes with too few pictures to learn from: named together, and left out where the user says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tellapart.errors import DataError
from tellapart.text import counted
from tellapart.types import Index, LedgerEntry, Picture

OPTION: Final = "--min-pictures"
REASON: Final = "its class "  # how the reason begins for which a picture of such a class is left out
MOST_NAMED: Final = 5  # classes; the ledger has them all


def without_rare(index: Index, least: int, *, fewest_classes: int = 2, redrawn: bool = False) -> Index:
    """The index without classes that have fewer than `least` pictures to learn from, and a note that names them.

    Pictures to learn from are those of train, or without a split; all, where splits are to be drawn anew. Those left
    out are in the index's ledger entries.

    Raises:
        DataError: fewer classes than `fewest_classes` are left.
    """
    counts = to_learn_from(index.pictures, redrawn=redrawn)
    rare = {name: counts[name] for name in index.classes if counts[name] < least}
    if not rare:
        return index
    if len(index.classes) - len(rare) < fewest_classes:
        left = f"{len(index.classes) - len(rare):,} of {counted(len(index.classes), 'class', 'classes')}"
        hint = f"{fewest_classes} are needed: ask for fewer pictures, or add some."
        raise DataError(f"{left} have {least:,} pictures or more to learn from", where=OPTION, hint=hint)
    kept = tuple(picture for picture in index.pictures if picture.label not in rare)
    out = [picture for picture in index.pictures if picture.label in rare]
    reasons = {
        name: f"{REASON}{name!r} has {counted(count, 'picture')} to learn from, fewer than {least:,}"
        for name, count in rare.items()
    }
    skipped = (LedgerEntry(path=picture.path, status="skipped", reason=reasons[picture.label or ""]) for picture in out)
    note = (
        f"Left out, with fewer than {least:,} pictures to learn from: {classes_named(rare)}; "
        f"{counted(len(out), 'picture')} in all."
    )
    return replace(
        index,
        classes=tuple(name for name in index.classes if name not in rare),
        pictures=kept,
        skipped=(*index.skipped, *skipped),
        notes=(*index.notes, note),
    )


def to_learn_from(pictures: Sequence[Picture], *, redrawn: bool = False) -> Counter[str]:
    """How many pictures of each class are in train, or without a split.

    Of all, where splits are to be drawn anew, or there is nothing but what tests.
    """
    own = [picture.label or "" for picture in pictures if picture.split in (None, "train")]
    return Counter([picture.label or "" for picture in pictures] if redrawn or not own else own)


def classes_named(counts: Mapping[str, int]) -> str:
    """Classes with how many pictures, groups or whatever each has, the first few by name."""
    named = ", ".join(f"{name!r} ({counts[name]:,})" for name in sorted(counts)[:MOST_NAMED])
    more = len(counts) - MOST_NAMED
    return f"{counted(len(counts), 'class', 'classes')}, {named}" + (f" and {more:,} more" if more > 0 else "")
