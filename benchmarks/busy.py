"""Training steps where other programs run: threads that spin where they wait, threads that sleep, and a single one.

    python benchmarks/busy.py [--net mnist-convnet] [--batch 16] [--seconds 20] [--rounds 3] [--load 0 4 8]

For each number of competing processes, each of which computes all the time, a training of a net in a process of its
own, in turn with threads that spin (OMP_WAIT_POLICY=ACTIVE), with threads that sleep, with as many of those as steps
are fastest with (as `tellapart` has it), and with one thread. A share is what a fair scheduler would leave it: of c
cores, beside p other processes, min(t, c * t / (t + p)) for t threads. Prints JSON: steps a second, milliseconds of
processor time a step and cores had, each the median of the rounds, and the threads at the end.
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
from contextlib import contextmanager, nullcontext

from tellapart.cores import VARIABLE, thread_count
from tellapart.extras import WAITING, load_torch
from tellapart.nets.architectures import build_net
from tellapart.nets.device import open_machine
from tellapart.nets.memory import kept_memory
from tellapart.nets.threads import fitting_threads
from training import PLAN, ready_batches, step_of

OURS = "as we have it"
WAYS = {"spinning": {WAITING: "ACTIVE"}, "sleeping": {}, OURS: {}, "one thread": {VARIABLE: "1"}}
TIMEOUT = 600  # seconds


def train(net_name: str, *, batch: int, seconds: float, chosen: bool) -> None:
    """Train for so long and print the rate, the processor time and the threads that steps have in the end."""
    net, machine = build_net(net_name, classes=2, dropout=PLAN.dropout, seed=0), open_machine()
    bare, count = step_of(net, machine, pictures=batch), 0
    (given,) = ready_batches(net, pictures=batch, batch=batch)
    with kept_memory(), fitting_threads(machine) if chosen else nullcontext(lambda step: step) as timed:
        step = timed(bare)
        for _ in range(2):
            bare(given)
        print("ready", flush=True)
        sys.stdin.readline()  # until the others compute
        started, used = time.perf_counter(), time.process_time()
        while (passed := time.perf_counter() - started) < seconds:
            step(given)
            count += 1
        used, threads = time.process_time() - used, load_torch().get_num_threads()
    rates = {"steps_per_s": count / passed, "cpu_ms": 1000 * used / count, "cores_had": used / passed}
    print(json.dumps({**rates, "threads": threads}))


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


def measure(way: str, words: list[str], *, competing: int) -> dict[str, float]:
    """What one training in a process of its own came to; what competes begins when it is ready to."""
    environment = {name: value for name, value in os.environ.items() if name not in (WAITING, VARIABLE)}
    command = [sys.executable, __file__, "--train", *words, *(["--chosen"] if way == OURS else [])]
    with subprocess.Popen(
        command, env=environment | WAYS[way], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError(f"the training did not begin: {command}")
        with load(competing):
            told, _ = process.communicate("\n", timeout=TIMEOUT)
    found: dict[str, float] = json.loads(told)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--net", default="mnist-convnet")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--load", type=int, nargs="*", default=[0, 4, 8])
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--train", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--chosen", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        train(arguments.net, batch=arguments.batch, seconds=arguments.seconds, chosen=arguments.chosen)
        return
    given = {name: str(getattr(arguments, name)) for name in ("net", "batch", "seconds")}
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    rows = []
    for processes in arguments.load:
        found: dict[str, list[dict[str, float]]] = {way: [] for way in arguments.ways}
        for _ in range(arguments.rounds):
            for way, kept in found.items():
                kept.append(measure(way, words, competing=processes))
        for way, kept in found.items():
            medians = {
                name: round(statistics.median(each[name] for each in kept), 2)
                for name in ("steps_per_s", "cpu_ms", "cores_had")
            }
            rows.append({"competing": processes, "way": way, **medians, "threads": [each["threads"] for each in kept]})
    json.dump({"benchmark": "busy", **given, "cores": thread_count(), "rows": rows}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
