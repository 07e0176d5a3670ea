"""How long a user waits for the small things: importing, `--help`, and one prediction, each in a process of its own.

    python benchmarks/startup.py [MODEL] [PICTURE] [--rounds 7]

Without MODEL a small one is trained on synthetic pictures first. Prints JSON; medians over the rounds, in seconds of
the clock and of processors. The first round, in which Python writes down what it has compiled, does not count.
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

from embedding import synthetic

COMMAND = [sys.executable, "-c", "from tellapart.cli.main import main; main()"]


def seconds(arguments: list[str], *, rounds: int) -> tuple[float, float]:
    """The median wall time and processor time of a command that must succeed."""
    walls, works = [], []
    for _ in range(rounds + 1):
        started, worked = time.perf_counter(), children_s()
        subprocess.run(arguments, check=True, capture_output=True)
        walls.append(time.perf_counter() - started)
        works.append(children_s() - worked)
    return round(statistics.median(walls[1:]), 3), round(statistics.median(works[1:]), 3)


def children_s() -> float:
    """Seconds of processors that processes of ours have taken which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("picture", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TELLAPART_CACHE"] = str(Path(folder) / "cache")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python compiles a module once
        model, picture = arguments.model, arguments.picture
        if model is None or picture is None:
            data = synthetic(Path(folder) / "data", pictures=40)
            subprocess.run([*COMMAND, "train", str(data), "-o", f"{folder}/run"], check=True, capture_output=True)
            model, picture = Path(folder) / "run" / "model.tellapart", next((data / "a").iterdir())
        commands = {
            "python": [sys.executable, "-c", "pass"],
            "import_tellapart": [sys.executable, "-c", "import tellapart"],
            "help": [*COMMAND, "--help"],
            "predict_one": [*COMMAND, "predict", str(model), str(picture)],
        }
        result = {name: seconds(command, rounds=arguments.rounds) for name, command in commands.items()}
    walls, works = ({name: both[place] for name, both in result.items()} for place in (0, 1))
    told = {"benchmark": "startup", "rounds": arguments.rounds, "seconds": walls, "processor_seconds": works}
    json.dump(told, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
