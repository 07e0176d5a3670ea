"""How long a head takes for many pictures or classes, on simulated rows as wide as lite0's.

    python benchmarks/head_scale.py [--case PICTURES CLASSES] …

The rows are those of `head_search.py`, and `search_head` is asked as `train` asks it, with a valid split of 1,000.
Writes one JSON document to standard output: seconds and processor seconds of the search, what was chosen, and by how
much memory grew at most. Beside it stands what looking at so many pictures takes at a rate measured for lite0.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import pairwise
from typing import Any

from head_search import environment, synthetic, with_memory
from tellapart.heads.search import HeadSearch, search_head
from tellapart.progress import Silent

CASES = ((10_000, 500), (60_000, 10))
RATE = 240  # pictures a second of lite0 on two Zen 4 cores, from their files on


class Noted(Silent):
    """A listener that notes when it heard something, to tell the longest silence."""

    def __init__(self) -> None:
        self.moments = [time.perf_counter()]

    def start(self, what: str, *, total: int, unit: str) -> None:  # noqa: ARG002
        self.moments.append(time.perf_counter())

    def advance(self, steps: int = 1) -> None:  # noqa: ARG002
        self.moments.append(time.perf_counter())

    @property
    def silence(self) -> float:
        moments = [*self.moments, time.perf_counter()]
        return max(after - before for before, after in pairwise(moments))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--case", nargs=2, type=int, action="append", metavar=("PICTURES", "CLASSES"))
    cases = parser.parse_args().case or CASES
    rows = [measured(pictures, classes) for pictures, classes in cases]
    json.dump(
        {"command": " ".join(["python", *sys.argv]), "environment": environment(), "rows": rows}, sys.stdout, indent=2
    )
    sys.stdout.write("\n")


def measured(pictures: int, classes: int) -> dict[str, Any]:
    data, heard = synthetic(pictures, classes=classes), Noted()

    def search() -> HeadSearch:
        return search_head(
            data.features,
            data.labels,
            class_count=classes,
            depths=data.depths,
            train=data.train,
            valid=data.valid,
            closed_form=True,
            seed=0,
            progress=heard,
        )

    begun, worked = time.perf_counter(), time.process_time()
    found, extra_mb = with_memory(search)
    return {
        "pictures": pictures,
        "classes": classes,
        "seconds": round(time.perf_counter() - begun, 1),
        "processor_seconds": round(time.process_time() - worked, 1),
        "looking_seconds": round(pictures / RATE, 1),
        "longest_silence_seconds": round(heard.silence, 1),
        "extra_memory_mb": extra_mb,
        "selected": found.selected,
        "history": found.history,
    }


if __name__ == "__main__":
    main()
