"""Holds new ratios against those on record, and fails where ours has lost more than 15 %.

    make bench-guard
    python benchmarks/compare/guard.py NEW [--record FILE] [--most 15]

Both are results of the comparison. Only what both have is compared, and only ratios: seconds belong to a machine, while
a gain over a peer's neighbouring run travels between machines of one kind. Ratios of processors with other instructions
differ by more than what is looked for, and so may a single round on a busy machine: begin a record of your own there,
and measure again what was lost. What ours has gained is said as well, so that it is put on record.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from figures import gains
from ledger import Ledger
from plan import ROOT, SETS


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A ratio on record and the new one, and what became of it in per cent."""

    name: str
    recorded: float
    new: float

    @property
    def per_cent(self) -> float:
        return 100 * (self.new / self.recorded - 1)


def changes(recorded: Mapping[str, float], new: Mapping[str, float]) -> list[Change]:
    """Of the ratios that both have, the worst first."""
    both = [Change(name=name, recorded=recorded[name], new=new[name]) for name in recorded if name in new]
    return sorted(both, key=lambda change: change.per_cent)


def said(change: Change, *, most: float) -> str:
    word = "LOST" if change.per_cent < -most else "gained" if change.per_cent > most else "kept"
    return f"{word:6} {change.name}: {change.recorded:.2f} on record, {change.new:.2f} now ({change.per_cent:+.0f} %)"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("new", type=Path)
    parser.add_argument("--record", type=Path, default=ROOT / "benchmarks" / "results" / "compare.json")
    parser.add_argument("--most", type=float, default=15, help="per cent that may be lost")
    arguments = parser.parse_args()
    for file in (arguments.record, arguments.new):
        if not file.exists():
            raise SystemExit(f"{file} is not there; `make compare` makes it")
    documents = [Ledger(file).document for file in (arguments.record, arguments.new)]
    recorded, new = (gains(document, SETS) for document in documents)
    found = changes(recorded, new)
    if not found:
        raise SystemExit("no ratio is in both: nothing can be said")
    told = [", ".join(document["machine"]["instructions"]) or "none named" for document in documents]
    if told[0] != told[1]:
        print(
            f"The record is of a processor with other instructions ({told[0]}; here {told[1]}): its ratios do not hold"
        )
        print("here. Begin a record of this machine: make compare SHORT=1 RECORD=build/mine.json")
    for change in found:
        print(said(change, most=arguments.most))
    if unknown := sorted(set(new) - set(recorded)):
        print(f"measured, and not on record: {', '.join(unknown)}")
    sys.exit(1 if found[0].per_cent < -arguments.most else 0)


if __name__ == "__main__":
    main()
