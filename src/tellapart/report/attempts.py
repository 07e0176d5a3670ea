"""What the recipe `auto` tried, as a table of the page with a sentence about each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tellapart.report.labels import value_label
from tellapart.report.language import either


def attempts_table(selected: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `auto` tried; None where it was not asked, or where no table of it was kept.

    Returns:
        `rows`, each with the `recipe`, `loss` and `gain` in nats with four digits, seconds that were `expected` and
        that it `took`, "" for what was not measured, and whether it was `taken`; and `reasons`, a sentence for each
        that was thought of.
    """
    if not selected.get("tried"):
        return None
    rows = [
        {
            "recipe": value_label(row["recipe"]),
            **{
                name: "" if row.get(key) is None else f"{row[key]:{digits}}"
                for name, key, digits in (
                    ("loss", "log_loss", ".4f"),
                    ("gain", "gain", "+.4f"),
                    ("expected", "expected_s", ",.0f"),
                    ("took", "seconds", ",.0f"),
                )
            },
            "taken": row.get("taken", False),
        }
        for row in selected["tried"]
    ]
    return {"rows": rows, "reasons": [either(each["en"], each["zh"]) for each in selected.get("auto") or ()]}
