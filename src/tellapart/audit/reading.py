"""Findings about what became of the files: which could not be read, and which were converted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tellapart.audit.finding import Finding, Item, found, passed
from tellapart.data.rare import REASON
from tellapart.text import counted
from tellapart.types import LedgerEntry


def find_unreadable(entries: Sequence[LedgerEntry], *, looked_at: Sequence[LedgerEntry]) -> Finding:
    """Files that were skipped, of the pictures of the index; the entries are of what was passed over before."""
    skipped = [entry for entry in looked_at if entry.status == "skipped"]
    rare = sum(entry.reason.startswith(REASON) for entry in entries)
    passed_over = len(entries) - rare
    strangers = counted(passed_over, "file that is no picture was", "files that are no pictures were")
    others = f" Besides, {strangers} passed over." if passed_over else ""
    if rare:
        of_rare = counted(rare, "picture of a class with few was", "pictures of classes with few were")
        others += f" {of_rare} left out, as was asked for."
    facts = {"unreadable": len(skipped), "pictures": len(looked_at), "passed_over": passed_over, "of_rare": rare}
    if not skipped:
        message = f"All of {counted(len(looked_at), 'picture')} can be read.{others}"
        return passed("unreadable", "warning", message, facts=facts)
    return found(
        "unreadable",
        "warning",
        f"{len(skipped):,} of {counted(len(looked_at), 'picture')} cannot be read: {_reasons(skipped)}.{others}",
        facts={**facts, "reasons": _reasons(skipped)},
        advice="Get them anew from where they came from, or remove them.",
        items=[Item(paths=(entry.path,), text=entry.reason, details={"reason": entry.reason}) for entry in skipped],
    )


def find_converted(looked_at: Sequence[LedgerEntry]) -> Finding:
    """Pictures that were not used as they are."""
    converted = [entry for entry in looked_at if entry.status == "converted"]
    if not converted:
        return passed("converted", "note", "Every picture that can be read is used as it is.")
    return found(
        "converted",
        "note",
        f"{counted(len(converted), 'picture')} converted: {_reasons(converted)}.",
        facts={"converted": len(converted), "reasons": _reasons(converted)},
        advice="Nothing need be done, if the conversion keeps what the classes differ in.",
        items=[Item(paths=(entry.path,), text=entry.reason, details={"reason": entry.reason}) for entry in converted],
    )


def _reasons(entries: Sequence[LedgerEntry], *, shown: int = 3) -> str:
    """The commonest reasons with their numbers."""
    counts = Counter(entry.reason for entry in entries).most_common()
    text = ", ".join(f"{reason} ({count:,})" for reason, count in counts[:shown])
    return f"{text} and others" if len(counts) > shown else text
