"""How long a user waits for the small things: importing, `--help`, and one prediction, each in a process of its own.

    python benchmarks/startup.py [MODEL] [PICTURE] [--rounds 7]

Without MODEL a small one is trained on synthetic pictures first. Prints JSON; medians over the rounds, in seconds.
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

from embedding import synthetic

COMMAND = [sys.executable, "-c", "from tellapart.cli.main import main; main()"]


def seconds(arguments: list[str], *, rounds: int) -> float:
    """The median wall time of a command that must succeed."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(arguments, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return round(statistics.median(times), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("picture", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TELLAPART_CACHE"] = str(Path(folder) / "cache")
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
    json.dump({"benchmark": "startup", "rounds": arguments.rounds, "seconds": result}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
