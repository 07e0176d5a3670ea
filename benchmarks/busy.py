"""Training steps where other programs run: threads that spin where they wait, threads that sleep, and a single one.

    python benchmarks/busy.py [--net chapter-convnet] [--steps 12] [--rounds 3] [--load 0 2 4]

For each number of competing processes, each of which computes all the time, a training of a net in a process of its
own, in turn with threads that spin (OMP_WAIT_POLICY=ACTIVE), with threads as `tellapart` has them, and with one thread.
A share is what a fair scheduler would leave it: of c cores, beside p other processes, min(t, c * t / (t + p)) for t
threads. Prints JSON: pictures a second and seconds of processor time, each the median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tellapart.cores import VARIABLE, thread_count
from tellapart.extras import WAITING
from tellapart.nets.architectures import build_net
from tellapart.nets.device import open_machine
from training import PLAN, bare_rate, step_of

WAYS = {"spinning": {WAITING: "ACTIVE"}, "as we have it": {}, "one thread": {VARIABLE: "1"}}
TIMEOUT = 600  # seconds


def train(net_name: str, steps: int) -> None:
    """Train for so many steps and print the rate and the processor time."""
    net = build_net(net_name, classes=2, dropout=PLAN.dropout, seed=0)
    pictures = steps * PLAN.training.batch
    step = step_of(net, open_machine(), pictures=pictures)
    bare_rate(step, net, pictures=2 * PLAN.training.batch)
    used = time.process_time()
    rate = bare_rate(step, net, pictures=pictures)
    print(json.dumps({"pictures_per_s": rate, "cpu_s": time.process_time() - used, "threads": thread_count()}))


@contextmanager
def load(processes: int) -> Iterator[None]:
    """So many processes that compute meanwhile; they end by themselves if this one dies."""
    code = f"import os, time\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range({10**6}))"
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def measure(way: str, net: str, steps: int) -> dict[str, float]:
    """What one training in a process of its own came to."""
    environment = {name: value for name, value in os.environ.items() if name not in (WAITING, VARIABLE)}
    words = [sys.executable, __file__, "--train", "--net", net, "--steps", str(steps)]
    ran = subprocess.run(
        words, env=environment | WAYS[way], capture_output=True, text=True, check=True, timeout=TIMEOUT
    )
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--net", default="chapter-convnet")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--load", type=int, nargs="*", default=[0, 2, 4])
    parser.add_argument("--train", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        train(arguments.net, arguments.steps)
        return
    rows = []
    for processes in arguments.load:
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        with load(processes):
            for _ in range(arguments.rounds):
                for way, kept in found.items():
                    kept.append(measure(way, arguments.net, arguments.steps))
        for way, kept in found.items():
            medians = {
                name: round(statistics.median(each[name] for each in kept), 2) for name in ("pictures_per_s", "cpu_s")
            }
            rows.append({"competing": processes, "way": way, "threads": kept[0]["threads"], **medians})
    json.dump({"benchmark": "busy", "net": arguments.net, "cores": thread_count(), "rows": rows}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
