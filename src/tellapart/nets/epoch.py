"""The one epoch function. Training and validation differ only in the step handed in; records are plain dicts.

Legend: B pictures in a batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tellapart.types import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a step is fed with."""

    inputs: NDArray[Any]  # uint8 [B, S, S, 3], or whatever the part of a net that trains takes; writable
    labels: Labels  # int64 [B]


Record = Mapping[str, float]
Step = Callable[[Batch], Record]


def run_epoch(step: Step, batches: Iterable[Batch], *, on_batch: Callable[[], None] = lambda: None) -> dict[str, float]:
    """One pass over the batches: loss and accuracy as means over the pictures, nan where there were none.

    A step takes a batch and returns its sums: loss, correct, pictures. With the means come pictures, seconds and
    pictures_per_s. `on_batch` is called after each batch.
    """
    started = time.perf_counter()
    sums = {"loss": 0.0, "correct": 0.0, "pictures": 0.0}
    for batch in batches:
        record = step(batch)
        for name in sums:
            sums[name] += record[name]
        on_batch()
    seconds = time.perf_counter() - started
    count = sums["pictures"]
    return {
        "loss": sums["loss"] / count if count else float("nan"),
        "accuracy": sums["correct"] / count if count else float("nan"),
        "pictures": count,
        "seconds": seconds,
        "pictures_per_s": count / seconds,
    }
