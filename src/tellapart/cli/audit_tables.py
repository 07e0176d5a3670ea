"""What `tellapart audit` prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.commands.audit import FINDINGS, PAGE
from tellapart.errors import one_line
from tellapart.text import counted

EXAMPLES = 2  # of each finding; the page and the JSON file have more


def print_audit(document: Mapping[str, Any], folder: Path) -> None:
    """What was found, with examples; what passed and what could not be looked for in a line each."""
    pictures = document["pictures"]
    fates = ", ".join(f"{pictures[status]:,} {status}" for status in ("used", "converted", "skipped"))
    print(
        one_line(
            f"{document['data']['name']}: {counted(len(document['classes']), 'class', 'classes')}; pictures: {fates}"
        )
    )
    for finding in document["findings"]:
        if finding["outcome"] == "found":
            print()
            print(f"{finding['severity']:<8} {finding['title']} [{finding['code']}]")
            print(one_line(f"         {finding['message']}"))
            for item in finding["items"][:EXAMPLES]:
                print(one_line(f"           {'; '.join(filter(None, (item['text'], ' = '.join(item['paths']))))}"))
            print(one_line(f"         {finding['advice']}"))
    for outcome, heading in (("passed", "looked for and not there"), ("not applicable", "could not be looked for")):
        codes = [finding["code"] for finding in document["findings"] if finding["outcome"] == outcome]
        if codes:
            print(f"\n{heading}: {', '.join(codes)}")
    print()
    print(f"page  {folder / PAGE}")
    print(f"all   {folder / FINDINGS}")
