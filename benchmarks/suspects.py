"""How many flipped labels are found among the suspects, and how many suspects were flipped.

    python benchmarks/suspects.py FOLDER [--share 0.03] [--seeds 5]

FOLDER is any data that `tellapart train` takes. For each seed, that share of the labels of the train split (of all
labels, where the data has no splits) is flipped to another class, each as likely; then the suspects are found as
`tellapart audit` finds them, among all pictures. Share 0 shows how many are suspected where nothing was flipped. Prints
JSON; features come from the cache where they are in it, and are not part of the seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.audit.audit import belonging, label_numbers
from tellapart.backbones.catalogue import load_backbone
from tellapart.data.scan import scan
from tellapart.duplicates.find import find_duplicates
from tellapart.evaluation.suspects import find_suspects, out_of_fold_probabilities, wrong_label_certainty
from tellapart.features.look import look_at
from tellapart.progress import Silent
from tellapart.seeds import generator


def flip(
    labels: NDArray[np.int64], rows: NDArray[np.int64], *, share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Labels with that share of the given rows flipped, and which rows were."""
    random = generator(seed, "flips")
    chosen = random.choice(rows, round(share * len(rows)), replace=False)
    classes = int(labels.max()) + 1
    flipped = labels.copy()
    flipped[chosen] = (labels[chosen] + random.integers(1, classes, len(chosen))) % classes
    return flipped, np.isin(np.arange(len(labels)), chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    base = load_backbone("lite0")
    embedded = look_at(scan(given.folder), base, Silent())
    pictures = embedded.index.pictures
    groups = belonging(pictures, find_duplicates(embedded, last=base.depths[-1]))
    labels = label_numbers(embedded.index)
    _, parts = np.unique([picture.split or "" for picture in pictures], return_inverse=True)
    trained = np.array([picture.split in (None, "train") for picture in pictures])
    runs: list[dict[str, Any]] = []
    for seed in range(given.seeds):
        wrong, flipped = flip(labels, np.flatnonzero(trained), share=given.share, seed=seed)
        started = time.perf_counter()
        probabilities = out_of_fold_probabilities(
            embedded.features,
            wrong,
            class_count=len(embedded.index.classes),
            depths=base.depths,
            seed=seed,
            groups=groups,
        )
        rows = [suspect.row for suspect in find_suspects(probabilities, wrong, parts=parts)]
        seconds = time.perf_counter() - started
        hits = int(flipped[rows].sum())
        certainty = wrong_label_certainty(probabilities, wrong, parts=parts)
        runs.append(
            {
                "seed": seed,
                "flipped": int(flipped.sum()),
                "suspects": len(rows),
                "recall": round(hits / flipped.sum(), 4) if flipped.any() else None,
                "precision": round(hits / len(rows), 4) if rows else None,
                "estimated_share_in_train": round(float(certainty[trained].mean()), 4),
                "seconds": round(seconds, 2),
            }
        )
    result = {"benchmark": "suspects", "data": given.folder.name, "share": given.share, "runs": runs}
    for name in ("recall", "precision", "suspects", "seconds"):
        values = [run[name] for run in runs if run[name] is not None]
        result[f"{name}_median"] = statistics.median(values) if values else None
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
