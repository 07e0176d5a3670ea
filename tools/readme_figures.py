"""Puts the figures that the README quotes into it, in both languages, from the record of benchmarks/RESULTS.md.

    python tools/readme_figures.py [--check]

The sentence stands between two comments in each README, and is written here. With --check nothing is written, and a
README that says something else ends it with 1.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks" / "compare"))  # whose page says the same of the same record

from figures import jobs  # noqa: E402
from ledger import cells_of  # noqa: E402
from plan import OURS  # noqa: E402
from plots import plain  # noqa: E402

RESULTS: Final = ROOT / "benchmarks" / "results" / "compare.json"
SET: Final = "cats_vs_dogs_small"
BEGIN, END = "<!-- figures: tools/readme_figures.py -->", "<!-- end of figures -->"
SENTENCES: Final[Mapping[str, str]] = {
    "README.md": (
        "What to expect: after {train} photographs of cats and dogs, {seconds} seconds on two CPU cores, {accuracy} of "
        "{test} others are right\n(between {low} and {high}). [More figures](docs/recipes.md), and those of others "
        "[side by side](benchmarks/RESULTS.md)."
    ),
    "README.zh-CN.md": (
        "可以期待什么：用 {train} 张猫狗照片训练，两个 CPU 核心 {seconds} 秒，另外 {test} 张中 {accuracy} 判断正确"
        "（介于 {low} 与 {high} 之间）。\n[更多数字](docs/recipes.zh-CN.md)，以及与其他工具的"
        "[并排比较](benchmarks/RESULTS.md)。"
    ),
}


def main() -> None:
    if sys.argv[1:] not in ([], ["--check"]):
        raise SystemExit("usage: readme_figures.py [--check]")
    results, late = json.loads(RESULTS.read_text(encoding="utf-8")), []
    for name in SENTENCES:
        file = ROOT / name
        before = file.read_text(encoding="utf-8")
        after = filled(before, name, results)
        if before != after:
            late.append(name)
            if not sys.argv[1:]:
                file.write_text(after, encoding="utf-8")
    if late and sys.argv[1:]:
        raise SystemExit(f"not in step with {RESULTS.name}: {', '.join(late)}; run tools/readme_figures.py")


def filled(text: str, name: str, results: Mapping[str, Any]) -> str:
    """The README with its sentence anew.

    Raises:
        SystemExit: the two comments are not in it, once each and in this order.
    """
    parts = re.split(f"{re.escape(BEGIN)}\n|{re.escape(END)}\n", text)
    if len(parts) != 3 or text.index(BEGIN) > text.index(END):
        raise SystemExit(f"{name} lacks the lines {BEGIN} and {END}")
    return f"{parts[0]}{BEGIN}\n{sentence(name, results)}\n{END}\n{parts[2]}"


def sentence(name: str, results: Mapping[str, Any]) -> str:
    row = jobs(results, SET)[OURS]
    first = next(figures for (found, peer, _), figures in cells_of(results, "job") if (found, peer) == (SET, OURS))
    shares = {"accuracy": "value", "low": "low", "high": "high"}
    return SENTENCES[name].format(
        train=first["train"],
        test=first["test"],
        seconds=plain(row["seconds"]["median"]),
        **{word: f"{100 * row['accuracy'][key]:.1f} %" for word, key in shares.items()},
    )


if __name__ == "__main__":
    main()
