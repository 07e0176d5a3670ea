"""The whole command `tellapart train`, with an empty cache and with a full one.

    python benchmarks/train_job.py [FOLDER] [--rounds 3]

Each round trains twice in processes of their own, first with a new cache, then with the one just filled, where
everything is kept that a run keeps. "beyond" is the wall time of the process less the time spent looking at pictures:
process start, scan, head search, calibration, evaluation and files; "processors" are their seconds, which tell more on
a machine that others use. Without FOLDER, 1000 synthetic JPEG files. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from embedding import synthetic
from startup import children_s

COMMAND = [sys.executable, "-c", "from tellapart.cli.main import main; main()"]


def run(data: Path, folder: Path) -> dict[str, Any]:
    started, worked = time.perf_counter(), children_s()
    output = subprocess.run(
        [*COMMAND, "train", str(data), "-o", str(folder), "--json", "--force"],
        check=True,
        capture_output=True,
    ).stdout
    wall = time.perf_counter() - started
    metrics = json.loads(output)
    return {
        "wall_s": round(wall, 2),
        "processors_s": round(children_s() - worked, 2),
        "embed_s": metrics["timing"]["embed_s"],
        "beyond_s": round(wall - metrics["timing"]["embed_s"], 2),
        "timing": metrics["timing"],
        "test_accuracy": metrics["test"]["accuracy"]["value"],
        "peak_rss_mb": metrics["peak_rss_mb"],
        "features_mb": metrics["features_mb"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rounds = []
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python compiles a module once
    with tempfile.TemporaryDirectory() as folder:
        data = arguments.folder or synthetic(Path(folder) / "data", pictures=1000)
        for number in range(arguments.rounds):
            os.environ["TELLAPART_CACHE"] = str(Path(folder) / f"cache{number}")
            cold = run(data, Path(folder) / f"run{number}")
            warm = run(data, Path(folder) / f"run{number}")
            rounds.append({"cold": cold, "warm": warm, "warm_share": round(warm["wall_s"] / cold["wall_s"], 3)})
    result = {
        "benchmark": "train_job",
        "data": data.name,
        "rounds": rounds,
        "cold_wall_s_median": statistics.median(row["cold"]["wall_s"] for row in rounds),
        "warm_wall_s_median": statistics.median(row["warm"]["wall_s"] for row in rounds),
        "warm_processors_s_median": statistics.median(row["warm"]["processors_s"] for row in rounds),
        "beyond_s_median": statistics.median(row["cold"]["beyond_s"] for row in rounds),
        "warm_share_median": statistics.median(row["warm_share"] for row in rounds),
    }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
