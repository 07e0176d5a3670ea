"""How the search for duplicates grows with the number of pictures.

    python benchmarks/duplicates.py [--counts 4000 15000 60000]

Pictures are made: miniatures of noise at several scales, features that are a random projection of them, and one in a
hundred an edit (brightened, slightly noisy) of an earlier one. Prints JSON: seconds, the share of edits that was found,
and the other groups.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.thumbnail import SIDE
from tellapart.duplicates.find import find_duplicates
from tellapart.features.embed import Embedded
from tellapart.types import Index

WIDTH = 256
EDITED = 100  # one in so many


def made_pictures(count: int) -> NDArray[np.uint8]:
    """Miniatures uint8 [count, SIDE, SIDE, 3]; the last of every hundred is an edit of the first."""
    random = np.random.default_rng(0)
    pictures = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for start in range(0, count, EDITED):
        block = np.full((min(EDITED, count - start), SIDE, SIDE, 3), 128.0, np.float32)
        for cells in (3, 6, 12, 24):
            noise = random.normal(0, 22, (len(block), cells, cells, 3)).astype(np.float32)
            block += noise.repeat(SIDE // cells, axis=1).repeat(SIDE // cells, axis=2)
        if len(block) == EDITED:
            block[-1] = block[0] * 1.2 + random.normal(0, 2, block[0].shape)
        pictures[start : start + len(block)] = block.clip(0, 255)
    return pictures


def measure(count: int) -> dict[str, Any]:
    miniatures = made_pictures(count)
    projection = np.random.default_rng(1).normal(size=(SIDE * SIDE * 3, WIDTH)).astype(np.float32)
    features = np.concatenate([rows.reshape(len(rows), -1) @ projection for rows in np.array_split(miniatures, 64)])
    embedded = Embedded(
        features=features.astype(np.float32),
        index=Index(name="made", root=Path(), layout="paths", classes=(), pictures=()),
        ledger=(),
        digests=tuple(row.to_bytes(4, "big") for row in range(count)),
        miniatures=miniatures,
        pixel_digests=(b"",) * count,
        fresh=0,
        precision="f32",
        decode_s=0.0,
        embed_s=0.0,
    )
    started = time.perf_counter()
    groups = find_duplicates(embedded)
    seconds = time.perf_counter() - started
    edits = {(row, row + EDITED - 1) for row in range(0, count - EDITED + 1, EDITED)}
    found = {group.rows for group in groups}
    return {
        "pictures": count,
        "seconds": round(seconds, 2),
        "edits_found": round(len(edits & found) / len(edits), 4),
        "other_groups": len(found - edits),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[4000, 8000, 15000, 30000, 60000])
    results = [measure(count) for count in parser.parse_args().counts]
    json.dump({"benchmark": "duplicates", "curve": results}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
