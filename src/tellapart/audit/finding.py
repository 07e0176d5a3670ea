"""What an audit says: findings with a stable code, a severity and one of three honest outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Severity = Literal["error", "warning", "note"]
Outcome = Literal["found", "passed", "not applicable"]

# Every code there is, with what it is about, in the order in which findings are listed. A code never changes its
# meaning; what is no longer looked for leaves its code unused.
TITLES: Final[Mapping[str, str]] = {
    "unreadable": "Pictures that cannot be read",
    "converted": "Pictures that had to be converted",
    "conflicting-labels": "The same picture under two classes",
    "cross-split-leaks": "The same picture in two splits",
    "exact-duplicates": "Copies",
    "near-duplicates": "Near copies",
    "tiny-classes": "Classes with few pictures",
    "imbalance": "Classes of very different sizes",
    "metadata": "File properties that give the class away",
    "suspects": "Labels that are probably wrong",
    "near-empty": "Pictures with next to nothing on them",
    "dark": "Pictures that are almost black",
    "blown-out": "Pictures that are almost white",
    "blurred": "Blurred pictures",
}
RANKS: Final[Mapping[str, int]] = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One case of a finding."""

    paths: tuple[str, ...] = ()  # the pictures it is about, as the ledger writes them
    text: str = ""  # the case in a few words
    details: Mapping[str, Any] = field(default_factory=dict)  # its figures, ready for JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked for."""

    code: str  # stable, a key of TITLES
    outcome: Outcome  # "found", "passed", or "not applicable" (the message says why it could not be looked for)
    # "error": figures made with this data would mislead; "warning": they may; "note": worth knowing. What was not found
    # has the severity it would have had
    severity: Severity
    message: str  # one sentence with the figures
    advice: str = ""  # what to do about it; "" where nothing was found
    count: int = 0  # how many cases there are; 0 where nothing was found
    items: tuple[Item, ...] = ()  # the cases, the worst first
    facts: Mapping[str, Any] = field(default_factory=dict)  # figures and names of the message, for other languages

    @property
    def title(self) -> str:
        return TITLES[self.code]

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "title": self.title,
            "outcome": self.outcome,
            "severity": self.severity,
            "message": self.message,
            "advice": self.advice,
            "facts": dict(self.facts),
            "count": self.count,
            "items": [{"paths": list(item.paths), "text": item.text, **item.details} for item in self.items],
        }


def found(
    code: str,
    severity: Severity,
    message: str,
    *,
    advice: str,
    items: Sequence[Item] = (),
    count: int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Finding:
    """Something was found; count is that of the items where it is not given."""
    return Finding(
        code=code,
        outcome="found",
        severity=severity,
        message=message,
        advice=advice,
        count=len(items) if count is None else count,
        items=tuple(items),
        facts=facts or {},
    )


def passed(code: str, severity: Severity, message: str, *, facts: Mapping[str, Any] | None = None) -> Finding:
    """It was looked for and is not there."""
    return Finding(code=code, outcome="passed", severity=severity, message=message, facts=facts or {})


def not_applicable(code: str, severity: Severity, reason: str, *, facts: Mapping[str, Any] | None = None) -> Finding:
    """It could not be looked for."""
    return Finding(code=code, outcome="not applicable", severity=severity, message=reason, facts=facts or {})


def by_severity(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """What was found first, the worst first, then what passed, then the rest; each in the order of TITLES."""
    outcomes = ("found", "passed", "not applicable")
    codes = list(TITLES)

    def place(finding: Finding) -> tuple[int, int, int]:
        rank = RANKS[finding.severity] if finding.outcome == "found" else 0
        return outcomes.index(finding.outcome), rank, codes.index(finding.code)

    return tuple(sorted(findings, key=place))
