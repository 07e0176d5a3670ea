"""How often a test was opened: the cache folder counts the models that were scored on the very same test pictures.

A test tells the truth once. Who tries many settings and keeps the one that does best on it chooses by it, and the best
of several figures is better than what it stands for. Only digests are kept: of a test set, and of each model.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path
from statistics import NormalDist
from typing import Any

from tellapart import files
from tellapart.classifier import Classifier
from tellapart.errors import OutputError

FOLDER = "tests"
LARGEST = 4_000_000  # bytes; some sixty thousand models
FEWEST = 3  # models from which on it matters


def count_test_uses(
    digests: Iterable[bytes],
    classifier: Classifier,
    accuracy: float,
    *,
    weight: float = 1.0,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Count a model that was scored on a test; `runs`, the models so far, and `flattery`, ready for JSON.

    Flattery is by how much the best of so many models with the same true accuracy is expected to look better than it
    is, as a share: the standard error times the expected largest of as many normal values (Blom 1958), an upper bound,
    since models that are trained on the same pictures err alike; null for fewer than FEWEST. The same model again
    counts once, also where only its thresholds differ; one that answers by other costs is another. Where nothing can be
    kept, runs is null.

    Args:
        digests: sha256 of the content of each test picture.
        classifier: what was scored.
        accuracy: on that test.
        weight: what each of its pictures counts as in the interval of that, in (0, 1].
        folder: where the counts are; None for the cache folder.
    """
    contents = sorted(digests)
    name = hashlib.sha256(b"".join(contents)).hexdigest()[:32]
    parts = [classifier.base.digest.encode(), classifier.head.weight.tobytes(), classifier.head.bias.tobytes()]
    if classifier.costs is not None:  # by which the same head gives other answers
        parts.append(classifier.costs.tobytes())
    model = hashlib.sha256(b"".join(parts)).hexdigest()[:32]
    try:
        place = (folder or files.cache_folder()) / FOLDER
        files.make_private(place)
        path = place / f"{name}.txt"
        known = set(files.read_bounded(path, limit=LARGEST).decode("ascii").split()) if path.exists() else set()
        files.write_bytes(path, "".join(f"{each}\n" for each in sorted(known | {model})).encode(), private=True)
    except (OSError, ValueError, OutputError):
        return {"runs": None, "flattery": None}
    runs = len(known | {model})
    error = math.sqrt(accuracy * (1 - accuracy) / (weight * len(contents))) if contents else 0.0
    largest = NormalDist().inv_cdf((runs - 0.375) / (runs + 0.25))
    return {"runs": runs, "flattery": round(error * largest, 6) if runs >= FEWEST else None}
