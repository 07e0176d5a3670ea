"""Findings about pictures that show the same: copies, near copies, leaks between splits, contradictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.audit.finding import Finding, Item, Severity, found, not_applicable, passed
from tellapart.duplicates.groups import DuplicateGroup
from tellapart.duplicates.leaks import Leak, find_conflicts, find_leaks
from tellapart.text import counted, percent
from tellapart.types import Picture

Groups = Sequence[DuplicateGroup]
PictureGroup = Sequence[Picture]


def copy_findings(groups: Groups, pictures: PictureGroup) -> tuple[Finding, ...]:
    """All findings of this family, about groups of rows that show the same and the picture of each row."""
    return (
        conflict_finding(groups, pictures),
        leak_finding(groups, pictures),
        exact_finding(groups, pictures),
        near_finding(groups, pictures),
    )


def exact_finding(groups: Groups, pictures: PictureGroup) -> Finding:
    """Groups whose pictures are equal, byte by byte or pixel by pixel, and have one label."""
    chosen = [group for group in groups if group.kind != "near" and not _is_conflict(group, pictures)]
    advice = "Keep one of each, so that no picture counts twice."
    return _group_finding(chosen, pictures, code="exact-duplicates", severity="note", what="equal", advice=advice)


def near_finding(groups: Groups, pictures: PictureGroup) -> Finding:
    """Groups of one label in which at least one picture is an edit of another."""
    chosen = [group for group in groups if group.kind == "near" and not _is_conflict(group, pictures)]
    advice = "Look at them; one of each is enough to learn from. Training keeps each group on one side of its splits."
    what = "edits of each other"
    return _group_finding(chosen, pictures, code="near-duplicates", severity="note", what=what, advice=advice)


def leak_finding(groups: Groups, pictures: PictureGroup) -> Finding:
    """Groups that are in more than one split: what is tested on was trained on."""
    if not any(picture.split for picture in pictures):
        reason = "The data has no splits; those that training draws keep copies together."
        return not_applicable("cross-split-leaks", "error", reason)
    leaks = find_leaks(pictures, groups)
    if not leaks:
        return passed("cross-split-leaks", "error", "No picture of one split is seen again in another.")
    copies = {leak.row for leak in leaks if leak.kind != "group"}
    declared: dict[str | None, list[Leak]] = {}
    for leak in leaks:
        if leak.kind == "group":
            declared.setdefault(pictures[leak.row].group, []).append(leak)
    items = [_item(group, pictures) for group in groups if not copies.isdisjoint(group.rows)]
    items += [_declared_item(together, pictures) for together in declared.values()]
    return found(
        "cross-split-leaks",
        "error",
        f"{counted(len(items), 'group')} of copies or declared to belong together in more than one split; "
        f"{counted(len(leaks), 'picture')} of valid and test concerned, and their score flatters.",
        facts={"groups": len(items), "pictures": len(leaks)},
        advice="Put all pictures of a group into one split.",
        items=items,
    )


def conflict_finding(groups: Groups, pictures: PictureGroup) -> Finding:
    """Groups with more than one label: at least one of them is wrong."""
    conflicts = [group for group in groups if _is_conflict(group, pictures)]
    if not conflicts:
        return passed("conflicting-labels", "error", "No picture is found under two classes.")
    # Equal pictures contradict each other for certain; of near ones the classes may be what differs.
    surely = any(pair.kind != "near" for pair in find_conflicts(pictures, conflicts))
    return found(
        "conflicting-labels",
        "error" if surely else "warning",
        f"{counted(len(conflicts), 'group')} of the same picture under more than one class.",
        facts={"groups": len(conflicts)},
        advice="Find out which label is right, and remove the other file."
        if surely
        else "Look at them: remove what has a wrong label; where classes differ in no more, such as colour, keep all.",
        items=[_item(group, pictures) for group in conflicts],
    )


def _is_conflict(group: DuplicateGroup, pictures: PictureGroup) -> bool:
    """Whether the pictures of a group have more than one label; what to do about them is not what copies need."""
    return bool(find_conflicts(pictures, [group]))


def _group_finding(
    groups: Groups, pictures: PictureGroup, *, code: str, severity: Severity, what: str, advice: str
) -> Finding:
    if not groups:
        message = f"No two of {counted(len(pictures), 'picture')} are {what} and of one class."
        return passed(code, severity, message, facts={"pictures": len(pictures)})
    surplus = sum(len(group.rows) - 1 for group in groups)
    message = f"{counted(len(groups), 'group')} of pictures that are {what}; {counted(surplus, 'picture')} too many."
    items = [_item(group, pictures) for group in groups]
    facts = {"groups": len(groups), "surplus": surplus}
    return found(code, severity, message, advice=advice, items=items, facts=facts)


def _item(group: DuplicateGroup, pictures: PictureGroup) -> Item:
    likeness = min(pair.similarity for pair in group.pairs)
    mirrored = any(pair.mirrored for pair in group.pairs)
    how = f"{percent(likeness)} alike{', mirrored' if mirrored else ''}" if group.kind == "near" else ""
    details = {"kind": group.kind, "mirrored": mirrored, "similarity": round(likeness, 4)}
    return _described([pictures[row] for row in group.rows], how, details)


def _declared_item(leaks: Sequence[Leak], pictures: PictureGroup) -> Item:
    """The leaked pictures of one declared group, behind the one of an earlier split."""
    members = [pictures[leaks[0].other], *(pictures[leak.row] for leak in leaks)]
    return _described(members, "declared to belong together", {"kind": "group"})


def _described(members: PictureGroup, how: str, details: Mapping[str, Any]) -> Item:
    splits = sorted({member.split for member in members if member.split})
    labels = sorted({member.label for member in members if member.label is not None})
    text = " · ".join(filter(None, [" and ".join(labels), " and ".join(splits), how]))
    paths = tuple(member.path for member in members)
    return Item(paths=paths, text=text, details={**details, "labels": labels, "splits": splits})
