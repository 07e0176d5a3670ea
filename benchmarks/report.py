"""The longer look and the page, with a warm cache: evaluation, learning curve, suspects, heat maps, report.html.

    python benchmarks/report.py [FOLDER] [--rounds 3]

Trains once, then each round forgets analysis.json and runs `tellapart report` in a process of its own. "parts" are the
seconds of each stage inside it; "cpu_s" is what it cost all cores together, which a busy machine changes less;
"evaluate_s" is that of the training run. Without FOLDER, 1000 synthetic JPEG files. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from embedding import synthetic

COMMAND = [sys.executable, "-c", "from tellapart.cli.main import main; main()"]
TIMED = """
import json, sys, time
from pathlib import Path
started = time.perf_counter()
from tellapart.runs.page import rewrite_report
from tellapart.progress import Silent
parts = {"import": time.perf_counter() - started}
class Timed(Silent):
    def start(self, stage, *, total, unit):
        self.stage, self.since = stage, time.perf_counter()
    def finish(self):
        parts[self.stage] = parts.get(self.stage, 0.0) + time.perf_counter() - self.since
rewrite_report(Path(sys.argv[1]), progress=Timed())
parts["in all"] = time.perf_counter() - started
json.dump({name: round(seconds, 2) for name, seconds in parts.items()}, sys.stdout)
"""


def look(run: Path) -> dict[str, Any]:
    (run / "analysis.json").unlink(missing_ok=True)
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run([sys.executable, "-c", TIMED, str(run)], check=True, capture_output=True).stdout
    wall, after = round(time.perf_counter() - started, 2), resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads((run / "analysis.json").read_text())
    return {
        "wall_s": wall,
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
        "parts": json.loads(output),
        "heat_maps": len(found["heat_maps"]),
        "suspects": len(found["suspects"]),
        "page_mb": round((run / "report.html").stat().st_size / 1e6, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = arguments.folder or synthetic(Path(folder) / "data", pictures=1000)
        os.environ.setdefault("TELLAPART_CACHE", str(Path(folder) / "cache"))
        run = Path(folder) / "run"
        train = [*COMMAND, "train", str(data), "-o", str(run), "--recipe", "features", "--json"]
        metrics = json.loads(subprocess.run(train, check=True, capture_output=True).stdout)
        rounds = [look(run) for _ in range(arguments.rounds)]
    evaluate = metrics["timing"]["evaluate_s"]
    result = {
        "benchmark": "report",
        "data": data.name,
        "evaluate_s": evaluate,
        "rounds": rounds,
        "cpu_s_median": statistics.median(row["cpu_s"] for row in rounds),
        "wall_s_median": statistics.median(row["wall_s"] for row in rounds),
        "together_s_median": round(evaluate + statistics.median(row["wall_s"] for row in rounds), 2),
    }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
