"""Make hostile graphs, containers, caches and runs, open them, and see that each ends in an answer or an error of ours.

    python tools/soak/hostile.py --cases 400 --seed 0

Case n of a seed is always the same. A worker process takes them one after another: at most 5 s of CPU time and 1 GB
of memory above what it starts with for each; then the system ends it. Prints one JSON document; ends with 1 if any case
did what none may do.
"""

from __future__ import annotations

import argparse
import collections
import json
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from fuzz import change

from tellapart.errors import TellapartError

CPU_SECONDS = 5
MEMORY = 1_000_000_000  # bytes
CLASSES = ("a", "b", "c")


def make_originals(folder: Path) -> None:
    """A small trained run to be damaged."""
    from pictures import write_classes
    from tellapart.commands.train import train

    write_classes(folder / "data", dict.fromkeys(CLASSES, 12))
    train(folder / "data", out=folder / "run", size=32)


def graph(_place: Path, random: np.random.Generator) -> None:
    """A graph of tests/hostile_graphs.py, or a sound one with bytes changed, before it comes to any engine."""
    from hostile_graphs import HOSTILE, OUTPUTS, RESIZED, sound
    from tellapart.backbones.graph_check import check_graph

    names = sorted(HOSTILE)
    content = bytearray(HOSTILE[names[int(random.integers(len(names)))]]() if random.random() < 0.5 else sound())
    for _ in range(int(random.integers(0, 4))):
        change(content, random)
    try:
        check_graph(bytes(content), side=int(random.integers(8, 512)), pictures=4, entry=RESIZED, outputs=OUTPUTS)
    except ValueError as error:
        raise TellapartError(str(error)) from error


def container(place: Path, random: np.random.Generator) -> None:
    """A model file with bytes changed, or with a member changed and digests that fit."""
    import hashlib

    from tellapart.bundle.bundle import read_bundle

    path = place / "run" / "model.tellapart"
    if random.random() < 0.5:
        damage(path, random)
    else:
        with zipfile.ZipFile(path) as archive:
            members = {name: bytearray(archive.read(name)) for name in archive.namelist()}
        change(members[str(random.choice(["model.onnx", "check.json", "familiar.f16"]))], random)
        manifest = json.loads(bytes(members.pop("model.json")))
        manifest["sha256"] = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {"model.json": json.dumps(manifest).encode(), **members}.items():
                archive.writestr(zipfile.ZipInfo(name), bytes(content))
    read_bundle(path)


def run(place: Path, random: np.random.Generator) -> None:
    """A run with one of its files damaged."""
    from tellapart.runs.page import rewrite_report

    names = ("metrics.json", "analysis.json", "predictions.csv", "split.csv", "ledger.csv", "history.jsonl")
    damage(place / "run" / str(random.choice(names)), random)
    rewrite_report(place / "run")


def cache(place: Path, random: np.random.Generator) -> None:
    """A store of features with bytes changed, or with something more in it."""
    from tellapart.features.cache import FILE_NAME, TABLE, Entry, cache_status, open_cache

    with sqlite3.connect(place / FILE_NAME) as store:
        store.execute(TABLE)
        if random.random() < 0.5:
            endless = "with recursive n(x) as (values(1) union all select x + 1 from n) select x from n"
            store.execute(f"create {random.choice(['view v as ' + endless, 'table t (x)', 'index i on entry (row)'])}")
    store.close()
    if random.random() < 0.5:
        damage(place / FILE_NAME, random)
    cache_status(place)
    with open_cache(place) as opened:
        opened.put([(b"k" * 32, Entry(row=np.zeros(8, np.float16), notes=""))])
        opened.get(b"k" * 32)


KINDS: dict[str, Callable[[Path, np.random.Generator], None]] = {
    "graph": graph,
    "container": container,
    "run": run,
    "cache": cache,
}


def damage(path: Path, random: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(int(random.integers(1, 5))):
        change(content, random)
    path.write_bytes(bytes(content))


def work(originals: Path, seed: int, first: int, last: int, answers: Any) -> None:  # noqa: ANN401
    """Cases first to last, one after another; before each its number is told, so that a death can be laid to it."""
    import tellapart.bundle.bundle
    import tellapart.runs.page  # noqa: F401  loaded before memory is bounded

    status = Path("/proc/self/statm")
    held = int(status.read_text().split()[0]) * resource.getpagesize() if status.exists() else 0
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY + 3_000_000_000, resource.RLIM_INFINITY))  # engines reserve
    for number in range(first, last):
        kind = sorted(KINDS)[number % len(KINDS)]
        used = resource.getrusage(resource.RUSAGE_SELF)
        soon = int(used.ru_utime + used.ru_stime) + CPU_SECONDS + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soon, resource.RLIM_INFINITY))
        answers.put((number, kind, "begun", 0.0))
        with tempfile.TemporaryDirectory() as name:
            shutil.copytree(originals / "run", Path(name) / "run")
            started = time.process_time()
            try:
                KINDS[kind](Path(name), np.random.default_rng([seed, number]))
                outcome = "answer"
            except TellapartError as error:
                outcome = "error" if str(error).isprintable() else "fault: more than a line"
            except Exception as error:  # noqa: BLE001  that is what is looked for
                outcome = f"fault: {type(error).__name__}: {error}"
            seconds = time.process_time() - started
        answers.put((number, kind, outcome, seconds))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    counts: collections.Counter[str] = collections.Counter()
    faults, slowest, done = [], 0.0, 0
    with tempfile.TemporaryDirectory() as name:
        make_originals(Path(name))
        context = get_context("spawn")
        while done < asked.cases:
            answers = context.SimpleQueue()
            worker = context.Process(target=work, args=(Path(name), asked.seed, done, asked.cases, answers))
            worker.start()
            worker.join(0.1)
            told = ("", "", "", 0.0)
            while worker.is_alive() or not answers.empty():
                if answers.empty():
                    time.sleep(0.02)
                    continue
                told = answers.get()
                if told[2] == "begun":
                    continue
                done, slowest = int(told[0]) + 1, max(slowest, told[3])
                counts[f"{told[1]} {told[2].split(':')[0]}"] += 1
                if told[2].startswith("fault"):
                    faults.append(told)
            worker.join()
            if told[2] == "begun":
                faults.append((*told[:2], f"ended by {signal_name(worker.exitcode)}", 0.0))
                done = int(told[0]) + 1
            elif worker.exitcode:
                faults.append((done, "worker", f"ended by {signal_name(worker.exitcode)}", 0.0))
                break
    print(json.dumps({"cases": done, "counts": counts, "slowest_cpu_s": round(slowest, 2), "faults": faults}, indent=2))
    return 1 if faults else 0


def signal_name(code: int | None) -> str:
    return signal.Signals(-code).name if code is not None and code < 0 else f"code {code}"


if __name__ == "__main__":
    raise SystemExit(main())
