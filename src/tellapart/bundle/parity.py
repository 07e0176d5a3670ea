"""Whether a model file answers as its run says: model.onnx itself, in float32, on some of the test pictures.

Legend: n pictures compared, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.bundle.graph import LABEL
from tellapart.bundle.runtimes import openvino_run
from tellapart.classifier import Classifier
from tellapart.data.decode import decode, upright
from tellapart.errors import PictureError
from tellapart.features.content import picture_content
from tellapart.features.kept import Input, Kept, installed, result_key
from tellapart.heads.abstention import Flags
from tellapart.types import Depth, Index, Pixels, Probabilities

WHOLE = 1 << 15  # px; no picture is decoded smaller than it is
FOUND = ["pictures", "labels", "unsure", "unlike", "largest", "mean"]
SOURCES = ("bundle/parity.py", "bundle/runtimes.py", "heads", "data")
COMPARED = 16  # pictures; each is looked at once more, at its own size


def measure_parity(
    graph: bytes, classifier: Classifier, index: Index, probabilities: Probabilities, flags: Flags
) -> dict[str, Any]:
    """Compare the answers of a run with those of its model file, on at most COMPARED pictures, evenly spread.

    Args:
        graph: model.onnx.
        classifier: what answered.
        index: the pictures that it answered about.
        probabilities: float64 [N, K], its answers.
        flags: what it said beside them.

    Returns:
        `pictures` compared; how many `labels`, `unsure` and `unlike` marks differ; the `largest` and the `mean`
        difference of a probability (of each picture's furthest class); all null but `pictures` where it is 0.
    """
    rows = compared_rows(len(index.pictures)).tolist()
    run_graph = openvino_run(graph)
    kept, answers, labels, features = [], [], [], []
    for row in rows:
        pixels = whole_picture(index, row, white=classifier.base.preprocess.white)
        if pixels is not None:
            given = run_graph(pixels[np.newaxis])
            kept.append(row)
            answers.append(np.array(given["probabilities"][0], np.float64))
            labels.append(int(given[LABEL][0] if classifier.costs is not None else answers[-1].argmax()))
            features.append(np.array(given["features"][0], np.float32))
    if not kept:
        return {"pictures": 0, "labels": None, "unsure": None, "unlike": None, "largest": None, "mean": None}
    file, run = np.array(answers), probabilities[kept]
    last, first = classifier.base.last, classifier.head.start  # the file has only the depths that its head reads
    own = Depth(name=last.name, start=last.start - first, stop=last.stop - first)
    said = np.array(labels)
    marks = classifier.abstention.flags(file, np.array(features), last=own, predicted=said)
    furthest = np.abs(file - run).max(axis=1)
    return {
        "pictures": len(kept),
        "labels": int((said != classifier.predicted(run)).sum()),
        "unsure": _different(marks.unsure, flags.unsure, kept),
        "unlike": _different(marks.unlike, flags.unlike, kept),
        "largest": round(float(furthest.max()), 6),
        "mean": round(float(furthest.mean()), 6),
    }


def kept_parity(
    graph: bytes, *, stated: str, digests: Sequence[bytes], probabilities: Probabilities, flags: Flags
) -> Kept[dict[str, Any]]:
    """Where is kept what `measure_parity` found of this very graph, by the content of the pictures.

    Args:
        graph: model.onnx.
        stated: the digest of what else the model file states.
        digests: sha256 [N] of the content of each picture.
        probabilities: float64 [N, K], the answers of the run.
        flags: what it said beside them.
    """
    marks = [None if each is None else each.tolist() for each in (flags.unsure, flags.unlike)]
    said = json.dumps([stated, marks, installed("openvino")]).encode()
    inputs: list[Input] = [graph, said, b"".join(digests), np.ascontiguousarray(probabilities)]
    return Kept(
        key=result_key("parity", inputs, sources=SOURCES),
        # One that could not be read this time need not stay so.
        pack=lambda found: json.dumps(found).encode() if found["pictures"] == len(digests) else b"",
        unpack=read_parity,
    )


def read_parity(packed: bytes) -> dict[str, Any]:
    """What `measure_parity` found, from JSON.

    Raises:
        ValueError: it is not that.
    """
    found = json.loads(packed)
    if (
        not isinstance(found, dict)
        or list(found) != FOUND
        or not all(isinstance(one, int | float) for one in found.values())
    ):
        raise ValueError("no figures of parity")
    return found


def compared_rows(count: int) -> NDArray[np.int64]:
    """Which of so many pictures are compared, in rising order: all, or COMPARED evenly spread."""
    rows = np.linspace(0, max(count - 1, 0), min(count, COMPARED)).round().astype(np.int64)
    return np.unique(rows)


def whole_picture(index: Index, row: int, *, white: int | None) -> Pixels | None:
    """A picture as a runtime is fed with it, uint8 [H, W, 3]; None where it can no longer be read."""
    try:
        content = picture_content(index, index.pictures[row])
        if not isinstance(content, np.ndarray):
            decoded = decode(content, at_least=WHOLE, white=white)
            return np.ascontiguousarray(upright(decoded.pixels, decoded.orientation))
    except PictureError:
        return None
    return np.ascontiguousarray(np.repeat(content[:, :, np.newaxis], 3, axis=2) if content.ndim == 2 else content)


def _different(file: NDArray[np.bool_] | None, run: NDArray[np.bool_] | None, rows: Sequence[int]) -> int:
    return 0 if file is None or run is None else int((file != run[list(rows)]).sum())
