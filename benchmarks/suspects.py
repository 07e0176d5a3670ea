"""How many flipped labels are found among the suspects, and how many suspects were flipped.

    python benchmarks/suspects.py FOLDER [--share 0.03] [--one-way MEANT CALLED] [--seeds 5]

FOLDER is any data that `tellapart train` takes. For each seed, that share of the labels of the train split (of all
labels, where the data has no splits) is flipped to another class, each as likely; with --one-way that share of the
class MEANT is given the label CALLED. Then the suspects are found as `tellapart audit` finds them, among all pictures.
Share 0 shows how many are suspected where nothing was flipped. Prints JSON; features come from the cache where they are
in it, and are not part of the seconds.
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

from tellapart.audit.audit import belonging
from tellapart.backbones.catalogue import load_backbone
from tellapart.data.groups import label_numbers
from tellapart.data.scan import scan
from tellapart.duplicates.find import find_duplicates
from tellapart.evaluation.suspects import find_suspects, noise_of_parts, out_of_fold_probabilities
from tellapart.features.look import look_at
from tellapart.progress import Silent
from tellapart.seeds import generator


def flip(
    labels: NDArray[np.int64], rows: NDArray[np.int64], *, share: float, way: tuple[int, int] | None, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Labels with that share of the given rows flipped, or of one class to another; and which rows were."""
    random = generator(seed, "flips")
    rows = rows if way is None else rows[labels[rows] == way[0]]
    chosen = random.choice(rows, round(share * len(rows)), replace=False)
    classes = int(labels.max()) + 1
    flipped = labels.copy()
    flipped[chosen] = way[1] if way else (labels[chosen] + random.integers(1, classes, len(chosen))) % classes
    return flipped, np.isin(np.arange(len(labels)), chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--one-way", nargs=2, metavar=("MEANT", "CALLED"))
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    base = load_backbone("lite0")
    embedded = look_at(scan(given.folder), base, Silent())
    pictures = embedded.index.pictures
    groups = belonging(pictures, find_duplicates(embedded, last=base.depths[-1]))
    labels = label_numbers(pictures, embedded.index.classes)
    _, parts = np.unique([picture.split or "" for picture in pictures], return_inverse=True)
    trained = np.array([picture.split in (None, "train") for picture in pictures])
    way = tuple(embedded.index.classes.index(name) for name in given.one_way) if given.one_way else None
    runs: list[dict[str, Any]] = []
    for seed in range(given.seeds):
        wrong, flipped = flip(labels, np.flatnonzero(trained), share=given.share, way=way, seed=seed)
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
        noises = [noise for rows_of, noise in noise_of_parts(probabilities, wrong, parts=parts) if trained[rows_of[0]]]
        runs.append(
            {
                "seed": seed,
                "flipped": int(flipped.sum()),
                "suspects": len(rows),
                "recall": round(hits / flipped.sum(), 4) if flipped.any() else None,
                "precision": round(hits / len(rows), 4) if rows else None,
                "estimated_share_in_train": [round(float(noise.certainty.mean()), 4) for noise in noises],
                "directions_in_train": [len(noise.directions) for noise in noises],
                "seconds": round(seconds, 2),
            }
        )
    result = {"benchmark": "suspects", "data": given.folder.name, "share": given.share}
    result |= {"one_way": given.one_way, "runs": runs}
    for name in ("recall", "precision", "suspects", "seconds"):
        values = [run[name] for run in runs if run[name] is not None]
        result[f"{name}_median"] = statistics.median(values) if values else None
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
