"""What training says about its data on the way, and what it stops at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tellapart.audit.audit import cheap_findings
from tellapart.audit.copies import conflict_finding
from tellapart.audit.finding import Finding, by_severity
from tellapart.audit.pixels import nothing_on_them
from tellapart.data.rgb import ON_WHITE
from tellapart.duplicates.groups import DuplicateGroup, connect, equal_pairs
from tellapart.duplicates.leaks import find_conflicts
from tellapart.errors import DataError
from tellapart.features.embed import Embedded
from tellapart.progress import Progress
from tellapart.text import counted
from tellapart.types import Picture

SAID = ("error", "warning")  # notes are in metrics.json, for those who look
SAID_BEFORE = "unreadable"  # where the pictures are looked at


def tell_findings(embedded: Embedded, *, seed: int, progress: Progress) -> tuple[Finding, ...]:
    """The findings that cost next to nothing; those that matter are noted in a line each."""
    findings = cheap_findings(embedded, seed=seed)
    say_vanished(embedded, progress=progress)
    for finding in findings:
        if finding.outcome == "found" and finding.severity in SAID and finding.code != SAID_BEFORE:
            progress.note(f"{finding.title}: {finding.message}")
    return findings


def say_vanished(embedded: Embedded, *, progress: Progress) -> None:
    """Say where a transparent picture has nothing on it once it is laid on white, as a white drawing has."""
    laid = {entry.path for entry in embedded.ledger if ON_WHITE in entry.reason}
    pictures = embedded.index.pictures
    if not laid or len(embedded.miniatures) != len(pictures):
        return
    blank = nothing_on_them(embedded.miniatures)
    gone = [picture.path for picture, empty in zip(pictures, blank, strict=True) if empty and picture.path in laid]
    if gone:
        progress.note(
            f"{counted(len(gone), 'transparent picture has', 'transparent pictures have')} nothing left to see when "
            f"laid on white, as all are (the first: {gone[0]}): if it is drawn in white, save it on another ground."
        )


def with_conflicts(
    findings: Sequence[Finding], groups: Sequence[DuplicateGroup], pictures: Sequence[Picture]
) -> list[dict[str, Any]]:
    """All findings of a training, ready for JSON, with the one about pictures under two labels, known only now."""
    return [finding.to_json() for finding in by_severity([*findings, conflict_finding(groups, pictures)])]


def check_labels(embedded: Embedded, *, force: bool, progress: Progress) -> None:
    """Stop where one and the same picture is labelled with two classes.

    Raises:
        DataError: it is, and force is not given.
    """
    pictures = embedded.index.pictures
    conflicts = find_conflicts(pictures, connect(equal_pairs(embedded.digests, kind="bytes")))
    if not conflicts:
        return
    left, right = pictures[conflicts[0].first], pictures[conflicts[0].second]
    what = f"the same picture is labelled {left.label} and {right.label} ({counted(len(conflicts), 'such pair')})"
    where = f"{left.path} and {right.path}"
    if not force:
        raise DataError(
            what, where=where, hint="Keep the right one, or go on with --force; `tellapart audit DATA` lists them all."
        )
    progress.note(f"Going on although {what}: {where}")
