"""Findings about how many pictures each class has."""

from __future__ import annotations

from collections import Counter

from tellapart.audit.finding import Finding, Item, found, not_applicable, passed
from tellapart.text import counted
from tellapart.types import Index

TINY = 20  # pictures; of fewer, 15 % for a test are at most two, and say nothing
HOPELESS = 4  # with fewer a class cannot be in train, valid and test and leave train more than one
UNEVEN = 3.0  # times; a class a third as large as another costs recall, at a tenth a head hardly predicts it
VERY_UNEVEN = 10.0


def class_sizes(index: Index) -> dict[str, int]:
    """Pictures of each class, in the order of the classes; with splits given, those of train."""
    with_splits = has_splits(index)
    sizes = Counter(picture.label for picture in index.pictures if not with_splits or picture.split == "train")
    return {label: sizes[label] for label in index.classes}


def has_splits(index: Index) -> bool:
    """Whether the data brings splits of its own."""
    return any(picture.split for picture in index.pictures)


def find_tiny_classes(index: Index) -> Finding:
    """Classes with fewer than TINY pictures (to train on, where the data brings splits)."""
    sizes = class_sizes(index)
    tiny = sorted((count, label) for label, count in sizes.items() if count < TINY)
    if not sizes:
        return not_applicable("tiny-classes", "warning", "No picture has a label.")
    if not tiny:
        smallest = min(sizes, key=lambda label: sizes[label])
        message = f"The smallest class, {smallest}, has {counted(sizes[smallest], 'picture')}."
        facts = {"smallest": smallest, "count": sizes[smallest]}
        return passed("tiny-classes", "warning", message, facts=facts)
    count, label = tiny[0]
    which = f"{len(tiny):,} of {len(sizes):,} classes have" if len(tiny) > 1 else "One class has"
    where = "in train" if has_splits(index) else "in all, what is held back for testing included"
    return found(
        "tiny-classes",
        "error" if count < HOPELESS else "warning",
        f"{which} fewer than {TINY} pictures {where}; the smallest, {label}, has {count:,}.",
        facts={
            "tiny": len(tiny),
            "classes": len(sizes),
            "limit": TINY,
            "in_train": has_splits(index),
            "smallest": label,
            "count": count,
        },
        advice="Add pictures of them, or join classes.",
        items=[_item(label, count) for count, label in tiny],
    )


def find_imbalance(index: Index) -> Finding:
    """A largest class at least UNEVEN times the smallest."""
    sizes = class_sizes(index)
    if len(sizes) < 2:
        return not_applicable("imbalance", "warning", "There are fewer than two classes.")
    by_size = sorted(sizes, key=lambda label: (-sizes[label], label))
    largest, smallest = by_size[0], by_size[-1]
    ratio = sizes[largest] / max(sizes[smallest], 1)
    figures = f"{largest} has {counted(sizes[largest], 'picture')}, {smallest} {sizes[smallest]:,}"
    facts = {"largest": largest, "most": sizes[largest], "smallest": smallest, "least": sizes[smallest]}
    if ratio < UNEVEN:
        return passed("imbalance", "warning", f"Class sizes are alike: {figures}.", facts=facts)
    return found(
        "imbalance",
        "warning" if ratio >= VERY_UNEVEN else "note",
        f"The largest class is {ratio:,.1f} times the smallest: {figures}.",
        facts={**facts, "ratio": round(ratio, 1)},
        advice="Read the balanced accuracy and the recall of each class, and add pictures of the small ones.",
        items=[_item(label, sizes[label]) for label in reversed(by_size)],
        count=1,
    )


def _item(label: str, count: int) -> Item:
    return Item(text=f"{label}: {counted(count, 'picture')}", details={"class": label, "pictures": count})
