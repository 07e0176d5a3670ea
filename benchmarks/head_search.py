"""How long the search for a head takes, beside scikit-learn's logistic regression on the same strengths.

    python benchmarks/head_search.py [--features FILE.npz --depths A,B,…] [--rows N] [--classes K] [--runs N]
                                     [--fold] [--alone]

Writes one JSON document to standard output. The data are synthetic, or a file of "y" (class names [N]), "z" (0 train,
1 valid, [N]) and arrays [N, D], of which --depths names those to use, the last depth last. Both sides choose between
"last" and "all" by the same rows; scikit-learn gets standardised float32 rows and the strengths that tellapart tried,
no more, and its default tolerance.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

from tellapart.heads.dual_space import COMMON, OWN, column_standard
from tellapart.heads.folds import MOST
from tellapart.heads.search import HeadSearch, search_head
from tellapart.types import Depth

WIDTHS = {"third": 240, "fourth": 480, "fifth": 672, "seventh": 320, "last": 1280}  # those of EfficientNet-Lite0
HIDDEN = 200  # directions the synthetic features vary in, beside noise
VALID_ROWS = 1000


class Data:
    """Features [N, D], labels [N], depths, and the training and valid rows."""

    def __init__(self, arrays: dict[str, NDArray[np.float32]], labels: NDArray[np.int64], *, train_count: int) -> None:
        self.features = np.concatenate(list(arrays.values()), axis=1, dtype=np.float32)
        self.labels = labels
        ends = np.cumsum([array.shape[1] for array in arrays.values()]).tolist()
        starts = [0, *ends[:-1]]
        self.depths = [Depth(name=name, start=a, stop=b) for name, a, b in zip(arrays, starts, ends, strict=True)]
        self.train, self.valid = slice(0, train_count), slice(train_count, len(labels))
        self.class_count = int(labels.max()) + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, help="an .npz file instead of synthetic data")
    parser.add_argument("--depths", default="last", help="arrays of that file, the last depth last")
    parser.add_argument("--rows", type=int, default=2000, help="training rows of the synthetic data")
    parser.add_argument("--classes", type=int, default=6, help="classes of the synthetic data")
    parser.add_argument("--runs", type=int, default=5, help="searches that are timed; the median is reported")
    parser.add_argument("--fold", action="store_true", help="cross-validate instead of judging by the valid rows")
    parser.add_argument("--alone", action="store_true", help="leave scikit-learn out")
    given = parser.parse_args()
    data = (
        read(given.features, names=given.depths.split(","))
        if given.features
        else synthetic(given.rows, classes=given.classes)
    )
    json.dump(measure(data, runs=given.runs, fold=given.fold, alone=given.alone), sys.stdout, indent=2)
    sys.stdout.write("\n")


def measure(data: Data, *, runs: int, fold: bool, alone: bool) -> dict[str, Any]:
    """Time both sides; the first search is not counted, since it imports scipy."""
    ours(data, fold=fold)
    found, extra_mb = with_memory(lambda: ours(data, fold=fold))
    seconds = sorted(timed(lambda: ours(data, fold=fold)) for _ in range(runs))
    report = {
        "command": " ".join(["python", *sys.argv]),
        "environment": environment(),
        "data": {"train": data.train.stop, "features": data.features.shape[1], "classes": data.class_count},
        "tellapart": {
            "median_s": statistics.median(seconds),
            "least_s": seconds[0],
            "most_s": seconds[-1],
            "n": runs,
            "extra_memory_mb": extra_mb,
            "selected": found.selected,
        },
    }
    if not alone:
        began = time.perf_counter()
        scores = theirs(data, strengths=found.selected["out_of"]["l2"], fold=fold)
        took = time.perf_counter() - began
        report["scikit_learn"] = {"s": took, "log_loss": scores}
        report["ratio"] = took / statistics.median(seconds)
    return report


def ours(data: Data, *, fold: bool) -> HeadSearch:
    return search_head(
        data.features,
        data.labels,
        class_count=data.class_count,
        depths=data.depths,
        train=data.train,
        valid=None if fold else data.valid,
        seed=0,
    )


def theirs(data: Data, *, strengths: list[float], fold: bool) -> dict[str, float]:
    """The best log loss of each choice of depths, by scikit-learn."""
    scores = {}
    for name, start in (("last", data.depths[-1].start), ("all", 0)):
        standard = column_standard(data.features[data.train, start:], COMMON if name == "last" else OWN)
        train, valid = (
            ((data.features[rows, start:] - standard.mean) * standard.inverse_deviation).astype(np.float32)
            for rows in (data.train, data.valid)
        )
        inverse = [1 / (strength * len(train)) for strength in strengths]
        judge = by_folds if fold else by_valid
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", FutureWarning)
            scores[name] = judge(train, data.labels[data.train], valid, data.labels[data.valid], inverse)
    return scores


def by_valid(train: Any, labels: Any, valid: Any, valid_labels: Any, inverse: list[float]) -> float:  # noqa: ANN401
    model = LogisticRegression(warm_start=True, max_iter=1000)
    losses = []
    for strength in inverse:
        given = model.set_params(C=strength).fit(train, labels).predict_proba(valid)
        losses.append(float(-np.log(given[np.arange(len(valid)), valid_labels]).mean()))
    return min(losses)


def by_folds(train: Any, labels: Any, _valid: Any, _valid_labels: Any, inverse: list[float]) -> float:  # noqa: ANN401
    model = LogisticRegressionCV(Cs=inverse, cv=MOST, scoring="neg_log_loss", max_iter=1000, refit=True)
    scores = next(iter(model.fit(train, labels).scores_.values()))
    return float(-np.asarray(scores).mean(axis=0).max())


def synthetic(rows: int, *, classes: int) -> Data:
    """Features as a rectified net's are: correlated, with a decaying spectrum, not quite separable."""
    generator = np.random.default_rng(0)
    width = sum(WIDTHS.values())
    labels = generator.integers(0, classes, rows + VALID_ROWS)
    directions = generator.standard_normal((HIDDEN, width)) / np.sqrt(np.arange(1, HIDDEN + 1))[:, None]
    centres = 0.5 * generator.standard_normal((classes, HIDDEN))
    features = np.empty((len(labels), width), dtype=np.float32)
    for first in range(0, len(labels), VALID_ROWS):
        part = slice(first, first + VALID_ROWS)
        hidden = centres[labels[part]] + generator.standard_normal((len(labels[part]), HIDDEN))
        noise = generator.standard_normal((len(hidden), width))
        features[part] = np.maximum(0.3 * hidden @ directions + 0.5 * noise + 0.3, 0.0)
    ends = np.cumsum(list(WIDTHS.values()))[:-1]
    return Data(dict(zip(WIDTHS, np.split(features, ends, axis=1), strict=True)), labels, train_count=rows)


def read(path: Path, *, names: list[str]) -> Data:
    with np.load(path) as file:
        split = file["z"]
        order = np.flatnonzero(split < 2)[np.argsort(split[split < 2], kind="stable")]
        labels = np.unique(file["y"], return_inverse=True)[1][order]
        arrays = {name: file[name][order] for name in names}
    return Data(arrays, labels, train_count=int((split == 0).sum()))


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def with_memory(work: Callable[[], HeadSearch]) -> tuple[HeadSearch, float | None]:
    """What work returns, and the most memory in MB it took beyond what was in use; None off Linux."""
    if not Path("/proc/self/statm").exists():
        return work(), None
    before, peak, over = resident_mb(), [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.005):
            peak[0] = max(peak[0], resident_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = work()
    over.set()
    watcher.join()
    return result, round(max(peak[0] - before, 0.0), 1)


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def environment() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit_learn": sklearn.__version__,
        "cpus": os.cpu_count(),
        "threads": os.environ.get("OPENBLAS_NUM_THREADS", "all"),
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


if __name__ == "__main__":
    main()
