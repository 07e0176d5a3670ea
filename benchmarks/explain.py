"""Heat maps and the learning curve of a trained run: how exact, and how long.

    python benchmarks/explain.py [FOLDER] [--pictures 40] [--rounds 3]

Trains on FOLDER (by way of the usual cache; without FOLDER, on 1000 synthetic JPEG files). Then, each round: explains
so many test pictures, and draws the learning curve of the head that was chosen, once fitting the largest size and once
with the head given. "off" is the largest difference between what a map adds up to and its logit, relative to the
logit, in float32. Seconds are of the wall, cpu_s of the process: on a busy machine they tell more. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from embedding import synthetic
from tellapart.backbones.engine import Engine
from tellapart.bundle.bundle import read_bundle
from tellapart.bundle.known_base import on_known_base
from tellapart.commands.train import train
from tellapart.data.scan import scan
from tellapart.data.split import assign_splits
from tellapart.evaluation.learning_curve import Materials, learning_curve
from tellapart.explain.explain import explain_pictures
from tellapart.features.look import look_at
from tellapart.heads.setting import chosen_setting
from tellapart.progress import Silent


def measured(work: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    seconds = {"s": round(time.perf_counter() - wall, 3), "cpu_s": round(time.process_time() - cpu, 3)}
    return seconds, result


def curve_materials(data: Path, metrics: dict[str, Any], run: Path) -> Materials:
    """What `learning_curve` needs of a run: the rows of its splits and the strength and columns of its head."""
    known, _ = on_known_base(*read_bundle(run / "model.tellapart"))
    base, head = known.base, known.head
    index = assign_splits(scan(data), seed=0)
    seen = look_at(index, base, Silent())
    splits = np.array([picture.split for picture in seen.index.pictures])
    order = np.argsort(np.where(splits == "train", 0, np.where(splits == "valid", 1, 2)), kind="stable")
    counts = [int((splits == name).sum()) for name in ("train", "valid")]
    places = {name: place for place, name in enumerate(index.classes)}
    labels = np.array([places[picture.label or ""] for picture in seen.index.pictures])[order]
    setting = chosen_setting(metrics["selected"], slice(head.start, head.stop))
    if setting is None:
        raise SystemExit("this run has a head in closed form")
    return Materials(
        features=seen.features[order],
        labels=labels,
        classes=index.classes,
        train=slice(0, counts[0]),
        valid=slice(counts[0], sum(counts)),
        setting=setting,
        seed=0,
        head=head,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = arguments.folder or synthetic(Path(folder) / "data", pictures=1000)
        run, metrics = train(data, out=Path(folder) / "run", recipe="features")
        bundle, engine = read_bundle(run / "model.tellapart")
        index = scan(data)
        chosen = index.pictures[-1 :: -max(1, len(index.pictures) // 3 // arguments.pictures)][: arguments.pictures]
        some = replace(index, pictures=chosen)
        materials = curve_materials(data, metrics, run)
        exact = Engine(bundle.classifier.base, precision="f32")
        heats = [found.heat for found in explain_pictures(bundle.classifier, some, engine=exact) if found.heat]
        off = [
            abs(heat.values.sum(dtype=np.float64) + (heat.bias or 0) - heat.logit) / abs(heat.logit) for heat in heats
        ]
        rounds = []
        for _ in range(arguments.rounds):
            maps, _ = measured(lambda: list(explain_pictures(bundle.classifier, some, engine=engine)))
            given, _ = measured(lambda: learning_curve(materials))
            fitted, found = measured(lambda: learning_curve(replace(materials, head=None)))
            rounds.append({"heat_maps": maps, "curve_with_head": given, "curve": fitted})
    names = ("heat_maps", "curve_with_head", "curve")
    result = {
        "benchmark": "explain",
        "data": data.name,
        "pictures": len(heats),
        "methods": sorted({heat.method for heat in heats}),
        "precision": engine.precision,
        "off": max(off),
        "rounds": rounds,
        **{f"{name}_s_median": statistics.median(row[name]["s"] for row in rounds) for name in names},
        **{f"{name}_cpu_s_median": statistics.median(row[name]["cpu_s"] for row in rounds) for name in names},
        "points": [[point["n"], round(point["accuracy"]["value"], 4)] for point in found["points"]],
        "advice": found["advice"]["sentence"]["en"],
    }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
