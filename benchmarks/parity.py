"""How far the ways to an answer differ: a run's own files, predict, and model.onnx in plain ONNX Runtime.

    python benchmarks/parity.py RUN DATA [--pictures 400] [--rounds 3]

Compares the test pictures of a run with what `tellapart predict` says, and with ONNX Runtime fed with pixels that
Pillow has decoded, one picture at a time; then times `predict` against half precision alone, without a cache.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

from tellapart.answers import Answers, answer
from tellapart.backbones.engine import native_precision
from tellapart.bundle.bundle import Bundle, read_bundle
from tellapart.data.scan import scan
from tellapart.features.embed import embed_pictures
from tellapart.heads.calibration import top_probability
from tellapart.runs.read import read_answers, read_metrics
from tellapart.types import Index


def by_onnx_runtime(bundle: Bundle, index: Index) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, unsure and unlike of each picture from model.onnx alone."""
    session = onnxruntime.InferenceSession(bundle.members["model.onnx"])
    classifier, rows, features = bundle.classifier, [], []
    for picture in index.pictures:
        pixels = index.arrays[picture.file][picture.row] if picture.row is not None else None
        image = Image.fromarray(pixels) if pixels is not None else ImageOps.exif_transpose(Image.open(picture.file))
        images = np.asarray(image.convert("RGB"))[None]
        probabilities, seen = session.run(["probabilities", "features"], {"images": images})
        rows.append(probabilities[0])
        features.append(seen[0])
    answers = np.array(rows, np.float64)
    flags = classifier.flags(answers, np.array(features))
    nothing = np.zeros(len(answers), np.bool_)
    return answers, *(nothing if mark is None else mark for mark in (flags.unsure, flags.unlike))


def apart(given: tuple[np.ndarray, ...], expected: tuple[np.ndarray, ...]) -> dict[str, Any]:
    """How many labels and marks differ, and by how much the probabilities do."""
    differences = np.abs(given[0] - expected[0]).max(axis=1)
    return {
        "pictures": len(differences),
        "labels": int((given[0].argmax(axis=1) != expected[0].argmax(axis=1)).sum()),
        "unsure": int((given[1] != expected[1]).sum()),
        "unlike": int((given[2] != expected[2]).sum()),
        "largest": round(float(differences.max()), 5),
        "mean": round(float(differences.mean()), 6),
        "over_0.02": int((differences > 0.02).sum()),
    }


def columns(answers: Answers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    nothing = np.zeros(len(answers.pictures), np.bool_)
    marks = (answers.flags.unsure, answers.flags.unlike)
    return answers.probabilities, *(nothing if mark is None else mark for mark in marks)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    metrics, index = read_metrics(arguments.run), scan(arguments.data)
    told = read_answers(arguments.run, metrics.classes)[: arguments.pictures]
    places = {picture.path: picture for picture in index.pictures}
    index = replace(index, pictures=tuple(places[each.path] for each in told), skipped=())
    run = (
        np.array([each.probabilities for each in told]),
        np.array([bool(each.unsure) for each in told]),
        np.array([bool(each.unlike) for each in told]),
    )
    bundle, engine = read_bundle(arguments.run / "model.tellapart")
    runtime = by_onnx_runtime(bundle, index)
    half, whole, predicted = [], [], None
    for _ in range(arguments.rounds):
        started = time.perf_counter()
        embedded = embed_pictures(index, bundle.classifier.base, engine=engine)
        looked = time.perf_counter()
        predicted = answer(bundle.classifier, embedded, keep=False)
        half.append(looked - started)
        whole.append(time.perf_counter() - started)
    assert predicted is not None
    native = bundle.classifier.probabilities(embedded.features)
    flags = bundle.classifier.flags(native, embedded.features)
    nothing = np.zeros(len(native), np.bool_)
    marks = tuple(nothing if mark is None else mark for mark in (flags.unsure, flags.unlike))
    result = {
        "benchmark": "parity",
        "data": index.name,
        "precision": native_precision(),
        "run_and_runtime": apart(run, runtime),
        "predict_and_runtime": apart(columns(predicted), runtime),
        "native_and_runtime": apart((native, *marks), runtime),
        "sure_enough": round(float((top_probability(native) >= 0.98).mean()), 3),
        "pictures_per_s": round(len(told) / statistics.median(whole), 1),
        "native_pictures_per_s": round(len(told) / statistics.median(half), 1),
        "rate_median": round(statistics.median(a / b for a, b in zip(half, whole, strict=True)), 3),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
