"""How often the errors that a learning curve forecasts for twice the pictures are what twice the pictures give.

    python benchmarks/learning_curve.py FOLDER [--train 250] [--valid 100] [--resplits 20]

FOLDER is any data that `tellapart train` takes. Each time its pictures are split anew: so many for training, so many
for valid, as many again for training later, and all others to tell the truth by. Prints JSON; features come from the
cache where they are in it. `inside` counts the truths within the interval, widened by what the pictures that tell the
truth leave open themselves; `inside_by_the_point` does not widen it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.backbones.catalogue import load_backbone
from tellapart.data.groups import label_numbers
from tellapart.data.scan import scan
from tellapart.evaluation.intervals import wilson
from tellapart.evaluation.learning_curve import Materials, fit_head, learning_curve
from tellapart.features.look import look_at
from tellapart.heads.setting import HeadSetting
from tellapart.progress import Silent
from tellapart.seeds import generator

SETTING = HeadSetting(l2=0.03)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=250)
    parser.add_argument("--valid", type=int, default=100)
    parser.add_argument("--resplits", type=int, default=20)
    given = parser.parse_args()
    base = load_backbone("lite0")
    embedded = look_at(scan(given.folder), base, Silent())
    classes = embedded.index.classes
    labels, features = label_numbers(embedded.index.pictures, classes), embedded.features
    runs: list[dict[str, Any]] = []
    for seed in range(given.resplits):
        order = generator(seed, "resplit").permutation(len(labels))
        first, seen = given.train, given.train + given.valid
        train, later, rest = order[:first], order[seen : seen + first], order[seen + first :]
        curve = learning_curve(
            Materials(
                features=features[order[:seen]],
                labels=labels[order[:seen]],
                classes=classes,
                train=slice(0, first),
                valid=slice(first, seen),
                setting=SETTING,
                seed=seed,
            )
        )
        if curve["power_law"] is None:
            continue
        twice = np.concatenate([train, later])
        head = fit_head(features[twice], labels[twice], class_count=len(classes), setting=SETTING)
        wrong = int((head.logits(features[rest]).argmax(axis=1) != labels[rest]).sum())
        truth, forecast = wilson(wrong, len(rest)), curve["power_law"]["doubled"]["error"]
        inside = (truth.high or 0) >= forecast["low"] and (truth.low or 0) <= forecast["high"]
        runs.append({"seed": seed, "forecast": forecast, "truth": truth.to_json(), "inside": inside})
    result = {
        "benchmark": "learning_curve",
        "data": given.folder.name,
        **{name: getattr(given, name) for name in ("train", "valid")},
        "resplits": len(runs),
        "inside": sum(run["inside"] for run in runs),
        "inside_by_the_point": sum(
            run["forecast"]["low"] <= run["truth"]["value"] <= run["forecast"]["high"] for run in runs
        ),
        "runs": runs,
    }
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
