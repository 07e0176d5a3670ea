"""What training says about its data on the way."""

from __future__ import annotations

from typing import Any

from tellapart.audit.audit import cheap_findings
from tellapart.features.embed import Embedded
from tellapart.progress import Progress

SAID = ("error", "warning")  # notes are in metrics.json, for those who look


def tell_findings(embedded: Embedded, *, seed: int, progress: Progress) -> list[dict[str, Any]]:
    """The findings that cost next to nothing, ready for JSON; those that matter are noted in a line each."""
    findings = cheap_findings(embedded, seed=seed)
    for finding in findings:
        if finding.outcome == "found" and finding.severity in SAID:
            progress.note(f"{finding.title}: {finding.message}")
    return [finding.to_json() for finding in findings]
