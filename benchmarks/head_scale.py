"""How long a head takes for many pictures or classes, on simulated rows as wide as lite0's.

    python benchmarks/head_scale.py [--case PICTURES CLASSES] … [--flat PICTURES CLASSES]

The rows are those of `head_search.py`, and `search_head` is asked as `train` asks it, with a valid split of 1,000.
Writes one JSON document to standard output: seconds and processor seconds of the search, what was chosen, and by how
much memory grew at most. Beside it stands what looking at so many pictures takes at a rate measured for lite0. With
`--flat` the rows are never in memory together: they come in blocks, only their sums are kept, and a ridge head is made
of those.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import pairwise
from typing import Any

import numpy as np

from head_search import environment, resident_mb, synthetic, with_memory
from tellapart.heads.ridge import moments_of, ridge_fit
from tellapart.heads.search import HeadSearch, search_head
from tellapart.heads.sums import Sums, add, sums_of
from tellapart.progress import Silent
from tellapart.runs.environment import peak_rss_mb

CASES = ((10_000, 500), (60_000, 10), (30_000, 1000))
BLOCK = 8192  # rows
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
    parser.add_argument("--flat", nargs=2, type=int, metavar=("PICTURES", "CLASSES"))
    given = parser.parse_args()
    cases = given.case or (() if given.flat else CASES)
    rows = [measured(pictures, classes) for pictures, classes in cases]
    rows += [flat(*given.flat)] if given.flat else []
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


def flat(pictures: int, classes: int) -> dict[str, Any]:
    """Sums of rows that come in blocks, and the head that they give.

    The rows are those of one block again and again, each time with other noise, so that making them costs little.
    """
    data = synthetic(BLOCK, classes=classes)
    features, labels = data.features[data.train], data.labels[data.train]
    random = np.random.default_rng(1)
    peak = [resident_mb()]
    before = peak[0]

    def block(count: int) -> Sums:
        rows = features[:count] * random.uniform(0.8, 1.2, (count, 1)).astype(np.float32)
        found = sums_of(rows, labels[:count], class_count=classes)
        peak.append(resident_mb())
        return found

    begun, worked = time.perf_counter(), time.process_time()
    sums = add(block(min(BLOCK, pictures - first)) for first in range(0, pictures, BLOCK))
    added, worked_adding = time.perf_counter() - begun, time.process_time() - worked
    begun, worked = time.perf_counter(), time.process_time()
    ridge_fit(moments_of(sums), features, labels, l2=1.0)
    peak.append(resident_mb())
    return {
        "pictures": sums.rows,
        "classes": classes,
        "features": sums.totals.shape[1],
        "adding_seconds": round(added, 1),
        "adding_processor_seconds": round(worked_adding, 1),
        "head_seconds": round(time.perf_counter() - begun, 1),
        "head_processor_seconds": round(time.process_time() - worked, 1),
        "looking_seconds": round(pictures / RATE, 1),
        "memory_before_mb": round(before),
        "peak_memory_mb": round(max(peak)),
        "peak_memory_mb_of_the_kernel": peak_rss_mb(),
        "memory_after_blocks_mb": [round(each) for each in (*peak[1:4], *peak[-3:])],
    }


if __name__ == "__main__":
    main()
