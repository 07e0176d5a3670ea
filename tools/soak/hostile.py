"""Make hostile graphs, containers, tables, runs, caches and requests, open them, and see what each comes to.

    python tools/soak/hostile.py [--share 1.0] [--seed 0] [--kind table]

Case n of a kind and a seed is always the same. A worker process takes them one after another: at most 5 s of CPU time
and 1 GB of memory above what it starts with for each. Anything but an answer or an error of ours, and any case beyond
its bounds, is a fault. Prints one JSON document; ends with 1 if there is one.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from fuzz import change, memory_of, reset_peak
from targets import TABLES, TARGETS, corpus, mutant

from tellapart.errors import TellapartError

CPU_SECONDS = 5
MEMORY = 1_000_000_000  # bytes
RESERVED = 3_000_000_000  # bytes of addresses, not of memory, that engines set aside
CLASSES = ("a", "b", "c")
GOLDEN = Path(__file__).parents[2] / "tests" / "golden" / "model.tellapart"


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
        check_graph(bytes(content), squares={RESIZED: int(random.integers(8, 512))}, pictures=4, outputs=OUTPUTS)
    except ValueError as error:
        raise TellapartError(str(error)) from error


def container(place: Path, random: np.random.Generator) -> None:
    """A model file with bytes changed, a member changed under digests that fit, or a member that does not belong in it.

    One in ten is a whole run's, the others the small one of tests/golden: as many members and as much structure in
    52 kB instead of 7 MB, so that most of what is changed is no weight.
    """
    from tellapart.bundle.bundle import read_bundle

    path = place / "some" / "where" / "model.tellapart"
    path.parent.mkdir(parents=True)
    path.write_bytes((place / "run" / "model.tellapart" if random.random() < 0.1 else GOLDEN).read_bytes())
    ways = (damage, forge, smuggle)
    ways[int(random.choice(len(ways), p=(0.4, 0.4, 0.2)))](path, random)
    try:
        read_bundle(path)
    finally:
        found = sorted(each.name for each in place.rglob("*") if each.is_file())
        if found != ["model.tellapart"]:
            raise RuntimeError(f"files that were not there before: {found}")


def forge(path: Path, random: np.random.Generator) -> None:
    """Change a member, and write digests that fit."""
    import hashlib

    with zipfile.ZipFile(path) as archive:
        members = {name: bytearray(archive.read(name)) for name in archive.namelist()}
    change(members[str(random.choice(sorted(members)))], random)
    stated = bytes(members.pop("model.json"))
    with contextlib.suppress(ValueError):  # else it is no JSON any more, and stays as it is
        manifest = json.loads(stated)
        manifest["sha256"] = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
        stated = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {"model.json": stated, **members}.items():
            archive.writestr(zipfile.ZipInfo(name), bytes(content))


def smuggle(path: Path, random: np.random.Generator) -> None:
    """Add members with names that lead elsewhere or are there already, some of them packed, some large."""
    outside = path.parents[2] / "escaped"
    names = (
        "../../escaped",
        f"{outside}",
        "..\\..\\escaped",
        "model.onnx",
        "a/" * 300 + "b",
        "MODEL.JSON",
        "sums.f64",
        "",
    )
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there already
        for _ in range(int(random.choice([1, 2, 20]))):
            packed = zipfile.ZIP_DEFLATED if random.random() < 0.3 else zipfile.ZIP_STORED
            content = bytes(5_000_000) if random.random() < 0.01 else random.bytes(int(random.integers(2000)))
            archive.writestr(zipfile.ZipInfo(str(random.choice(names))), content, compress_type=packed)


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


def table(place: Path, random: np.random.Generator) -> None:
    """A list of pictures of the corpus that is damaged, or much longer or deeper in one place."""
    name = str(random.choice([*TABLES] if random.random() < 0.3 else [each for each in TABLES if each != "parquet"]))
    kept = corpus(name)
    content = mutant(kept, random) if random.random() < 0.7 else swollen(kept, random)
    TARGETS[name](place, content)


def swollen(kept: list[bytes], random: np.random.Generator) -> bytes:
    """One of the kept inputs with a piece of it many times over, up to 2 MB."""
    content = kept[int(random.integers(len(kept)))]
    first = int(random.integers(len(content)))
    piece = content[first : first + int(random.integers(1, 40))] if random.random() < 0.8 else random.bytes(3)
    return content[:first] + piece * int(random.integers(1, 2_000_000 // len(piece))) + content[first:]


def body(_place: Path, random: np.random.Generator) -> None:
    """A request to a server: pictures, forms and tensors that are damaged, much too large, or make no sense."""
    from hostile_bodies import statuses

    (status,) = statuses([int(random.integers(2**31))])
    if status != 200:
        raise TellapartError(f"refused with {status}")


Kind = Callable[[Path, np.random.Generator], None]
KINDS: dict[str, tuple[Kind, int]] = {  # with the number of cases
    "graph": (graph, 10_000),
    "container": (container, 10_000),
    "table": (table, 5_000),
    "run": (run, 2_000),
    "cache": (cache, 500),
    "body": (body, 10_000),
}


def damage(path: Path, random: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(int(random.integers(1, 5))):
        change(content, random)
    path.write_bytes(bytes(content))


def work(originals: Path, seed: int, cases: list[tuple[str, int]], answers: Any) -> None:  # noqa: ANN401
    """Cases, one after another; before each it is told, so that a death can be laid to it."""
    import tellapart.bundle.bundle
    import tellapart.runs.page  # noqa: F401  loaded before memory is bounded

    limit = memory_of("VmSize") + MEMORY + RESERVED
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    for kind, number in cases:
        used = resource.getrusage(resource.RUSAGE_SELF)
        soon = int(used.ru_utime + used.ru_stime) + 2 * CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (soon, resource.RLIM_INFINITY))
        answers.put((kind, number, "begun", 0.0, 0))
        with tempfile.TemporaryDirectory() as name:
            if kind == "run":
                shutil.copytree(originals / "run", Path(name) / "run")
            elif kind == "container":  # which only reads it
                (Path(name) / "run").symlink_to(originals / "run")
            random = np.random.default_rng([seed, list(KINDS).index(kind), number])
            reset_peak()
            held, started = memory_of("VmRSS"), time.process_time()
            outcome = outcome_of(kind, Path(name), random)
            seconds, grown = time.process_time() - started, memory_of("VmHWM") - held
        if seconds > CPU_SECONDS or grown > MEMORY:
            outcome = f"fault: {seconds:.1f} s, {grown / 1e6:,.0f} MB ({outcome})"
        answers.put((kind, number, outcome, seconds, grown))


def outcome_of(kind: str, place: Path, random: np.random.Generator) -> str:
    try:
        KINDS[kind][0](place, random)
    except TellapartError as error:
        return "error" if str(error).isprintable() else "fault: more than a line"
    except Exception as error:  # noqa: BLE001  that is what is looked for
        return f"fault: {type(error).__name__}: {error}"[:300]
    return "answer"


def told_by(worker: Any, answers: Any) -> Iterator[Any]:  # noqa: ANN401
    """What a worker says, until it ends."""
    while worker.is_alive() or not answers.empty():
        if answers.empty():
            time.sleep(0.02)
        else:
            yield answers.get()


def soak(originals: Path, seed: int, cases: list[tuple[str, int]]) -> dict[str, Any]:
    """Work through cases, worker after worker; what became of them."""
    counts: collections.Counter[str] = collections.Counter()
    faults, done = [], 0
    slowest, largest = dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0)
    context = get_context("spawn")
    while done < len(cases):
        answers = context.SimpleQueue()
        worker = context.Process(target=work, args=(originals, seed, cases[done:], answers))
        worker.start()
        begun = None
        for kind, number, outcome, seconds, grown in told_by(worker, answers):
            begun = (kind, number) if outcome == "begun" else None
            if begun:
                continue
            done += 1
            counts[f"{kind} {outcome.split(':')[0]}"] += 1
            slowest[kind], largest[kind] = max(slowest[kind], seconds), max(largest[kind], grown)
            faults += [(kind, number, outcome)] if outcome.startswith("fault") else []
            if done % 1000 == 0:
                print(f"{done:,} of {len(cases):,} cases", file=sys.stderr, flush=True)
        worker.join()
        if begun:
            faults.append((*begun, f"ended by {signal_name(worker.exitcode)}"))
            done += 1
        elif worker.exitcode:
            faults.append(("worker", done, f"ended by {signal_name(worker.exitcode)}"))
            break
    return {
        "cases": done,
        "counts": dict(sorted(counts.items())),
        "slowest_cpu_s": {kind: round(seconds, 2) for kind, seconds in slowest.items()},
        "largest_mb": {kind: round(size / 1e6) for kind, size in largest.items()},
        "faults": faults,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the cases of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=sorted(KINDS), help="only this one")
    asked = parser.parse_args()
    wanted = {kind: round(count * asked.share) for kind, (_, count) in KINDS.items() if asked.kind in (None, kind)}
    cases = [(kind, number) for kind, count in wanted.items() for number in range(count)]
    with tempfile.TemporaryDirectory() as name:
        make_originals(Path(name))
        found = soak(Path(name), asked.seed, cases)
    print(json.dumps(found, indent=2))
    return 1 if found["faults"] else 0


def signal_name(code: int | None) -> str:
    return signal.Signals(-code).name if code is not None and code < 0 else f"code {code}"


if __name__ == "__main__":
    raise SystemExit(main())
