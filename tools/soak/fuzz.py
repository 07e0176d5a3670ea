"""Damage picture files of every kind, decode them, and see that nothing but a picture or a reason comes out.

    python tools/soak/fuzz.py --files 20000 --seed 0 [--only NAME] [--seconds S] [--keep FOLDER]

Sound files of every format, with all that stands beside pixels, and small hostile ones are what mutants are made of;
--only takes those whose name starts so. Mutant n of a seed is always the same file. A worker process takes them one
after another through every door that pictures come in by: at most 5 s of CPU time each, or --seconds (then the system
ends it, whatever it is busy with), and at most 1 GB of address space above what it starts with, of which a picture may
use 768 MB. When a worker dies the mutant is counted and the next worker goes on behind it. Prints one JSON document;
ends with 1 if any file did what none may do, and writes those files to --keep.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tellapart.data.preprocess import Preprocess

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

CPU_SECONDS = 5.0
HOSTILE = "hostile "  # what the names of hostile ones begin with
LARGEST_HOSTILE = 200_000  # bytes; larger ones would be all that the worker copies
WALL_SECONDS = 120.0  # for one that waits instead of working, on a machine that may be busy
MEMORY = 1_000_000_000  # bytes
SIZE = 64  # pixels, the square that every picture is brought to
WORDS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def originals(*, only: str = "") -> dict[str, bytes]:
    """One sound file of each kind whose name starts so, and hostile ones but for the huge: name -> bytes.

    No other hostile one is made, as some take a second.
    """
    from format_kinds import kinds
    from hostile_pictures import further_formats, hostile
    from pictures import every_format

    makers: dict[str, Callable[[], bytes]] = {
        name: kind.make for name, kind in kinds().items() if kind.picture is not None and kind.status != "skipped"
    }
    makers |= {name: partial(bytes, content) for name, content in (every_format() | further_formats()).items()}
    makers |= {f"{HOSTILE}{name}": make for name, make in hostile().items()}
    made = {name: make() for name, make in sorted(makers.items()) if name.casefold().startswith(only.casefold())}
    small = {name: content for name, content in made.items() if 0 < len(content) <= most_bytes(name)}
    return {name.replace("/", "-"): content for name, content in small.items()}


def most_bytes(name: str) -> float:
    return LARGEST_HOSTILE if name.startswith(HOSTILE) else math.inf


def write_originals(folder: Path, *, only: str) -> None:
    for name, content in originals(only=only).items():
        (folder / f"{name}.bin").write_bytes(content)


def read_originals(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(folder.iterdir())}


def mutant(files: dict[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """The name of the kind it was made of, and the bytes."""
    random = np.random.default_rng([seed, number])
    name = sorted(files)[number % len(files)]
    content = bytearray(files[name])
    for _ in range(int(random.integers(1, 7))):
        change(content, random)
    if random.random() < 0.1:
        other = files[sorted(files)[int(random.integers(len(files)))]]
        cut = int(random.integers(len(other)))
        content[int(random.integers(len(content) + 1)) :] = other[cut:]
    if random.random() < 0.7:
        mend_checksums(content)
    return name, bytes(content)


def mend_checksums(content: bytearray) -> None:
    """Make the checksums of a PNG right again, without which hardly a damage gets past the first chunk."""
    place = 8
    while content.startswith(b"\x89PNG") and place + 12 <= len(content):
        end = place + 8 + int.from_bytes(content[place : place + 4], "big")
        if end + 4 > len(content):
            return
        content[end : end + 4] = zlib.crc32(content[place + 4 : end]).to_bytes(4, "big")
        place = end + 4


def change(content: bytearray, random: np.random.Generator) -> None:
    """Do one damage in place. Half of all damages strike the first 600 bytes, where the headers are."""
    reach = min(len(content), 600) if random.random() < 0.5 else len(content)
    place = int(random.integers(max(1, reach)))
    length = int(random.integers(1, 65))
    ways = (
        lambda: content.__setitem__(slice(place, place + 1), random.bytes(1)),
        lambda: flip(content, place, int(random.integers(8))),
        lambda: content.__setitem__(slice(place, place + length), random.bytes(length)),
        lambda: content.__setitem__(slice(place, place + length), bytes([int(random.choice([0, 255]))]) * length),
        lambda: content.__delitem__(slice(place, place + length)),
        lambda: content.__setitem__(slice(place, place), content[place : place + length]),
        lambda: content.__setitem__(slice(place, place), random.bytes(length)),
        lambda: write_word(content, place, random),
        lambda: content.__delitem__(slice(int(random.integers(len(content) + 1)), None)),
    )
    chances = np.array([4, 4, 2, 2, 1, 1, 1, 4, 1], float)
    ways[int(random.choice(len(ways), p=chances / chances.sum()))]()


def flip(content: bytearray, place: int, bit: int) -> None:
    if place < len(content):
        content[place] ^= 1 << bit


def write_word(content: bytearray, place: int, random: np.random.Generator) -> None:
    """Two or four bytes that mean a number at the edge of something, in either order."""
    width = int(random.choice([2, 4]))
    value = int(random.choice(WORDS)) & (256**width - 1)
    content[place : place + width] = value.to_bytes(width, "big" if random.random() < 0.5 else "little")


def work(folder: Path, *, seed: int, seconds: float, start: int, stop: int) -> None:
    """Decode mutants start to stop, and say of each what came out, a JSON line each."""
    from pictures import encode
    from tellapart.data.memory import MEMORY_LIMIT
    from tellapart.data.preprocess import Preprocess
    from tellapart.errors import PictureError

    files, preprocess = read_originals(folder), Preprocess(size=SIZE)
    # Whatever is loaded and set up once is not the first mutant's.
    enter_every_door(preprocess, encode(np.zeros((8, 8), np.uint8), "PNG"))
    limit = memory_of("VmSize") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in range(start, stop):
        name, content = mutant(files, seed, number)
        say({"begin": number, "kind": name})
        reset_peak()
        before, began = memory_of("VmRSS"), time.process_time()
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
        try:
            outcome, detail = "picture", enter_every_door(preprocess, content)
        except PictureError as error:
            outcome, detail = ("memory" if "more memory than there is" in error.what else "reason"), error.what
        except BaseException as error:  # noqa: BLE001  this is what is looked for
            outcome, detail = "foreign exception", repr(error)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        spent, grown = time.process_time() - began, memory_of("VmHWM") - before
        outcome = "memory" if grown > MEMORY_LIMIT else outcome
        say({"outcome": outcome, "detail": detail, "seconds": spent, "bytes": grown})


def enter_every_door(preprocess: Preprocess, content: bytes) -> str:
    """Look at a file in every way there is, and say what was converted; a PictureError where it cannot be decoded."""
    from tellapart.audit.look import _properties
    from tellapart.data.decode import brightest
    from tellapart.errors import PictureError

    _properties(content)
    with contextlib.suppress(PictureError):
        brightest(content)
    return "; ".join(preprocess.apply(content).notes)


def say(document: dict[str, Any]) -> None:
    os.write(1, (json.dumps(document) + "\n").encode())


def memory_of(name: str) -> int:
    """One line of this process's memory status, in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def results(folder: Path, *, seed: int, seconds: float, count: int) -> Iterator[dict[str, Any]]:
    """What became of each mutant of the originals in a folder, worker after worker."""
    start = 0
    while start < count:
        asked = ["--work", str(folder), str(start), str(count), "--seed", str(seed), "--seconds", str(seconds)]
        command = [sys.executable, __file__, *asked]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        begun: dict[str, Any] = {}
        for line in worker.stdout or ():
            said = json.loads(line)
            if "begin" in said:
                begun = said
                continue
            yield {**begun, **said}
            begun = {}
        code = worker.wait()
        if not begun and code:
            raise SystemExit(f"a worker ended with {code} outside any file")
        if not begun:
            return
        outcome = (
            "hang"
            if -code in (signal.SIGPROF, signal.SIGALRM)
            else f"crash ({signal.Signals(-code).name if code < 0 else code})"
        )
        yield {**begun, "outcome": outcome, "detail": "", "seconds": seconds, "bytes": 0}
        start = begun["begin"] + 1


def summary(found: Sequence[dict[str, Any]], seconds: float) -> dict[str, Any]:
    spent = np.array([each["seconds"] for each in found]) * 1000
    return {
        "files": len(found),
        "kinds": len({each["kind"] for each in found}),
        "outcomes": dict(collections.Counter(each["outcome"] for each in found)),
        "cpu_ms": {name: round(float(np.quantile(spent, at)), 2) for name, at in (("p99", 0.99), ("most", 1.0))},
        "slowest": [
            {"number": each["begin"], "kind": each["kind"], "cpu_s": round(each["seconds"], 3)}
            for each in sorted(found, key=lambda each: -each["seconds"])[:3]
        ],
        "largest": [
            {"number": each["begin"], "kind": each["kind"], "mb": round(each["bytes"] / 1e6, 1)}
            for each in sorted(found, key=lambda each: -each["bytes"])[:3]
        ],
        "seconds": round(seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="take the files whose names start so")
    parser.add_argument("--seconds", type=float, default=CPU_SECONDS, help="of CPU time that one may take")
    parser.add_argument("--keep", type=Path, help="where files that did what none may do are written")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        folder, start, stop = asked.work
        work(Path(folder), seed=asked.seed, seconds=asked.seconds, start=int(start), stop=int(stop))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_originals(Path(folder), only=asked.only)
        raise SystemExit(fuzz(Path(folder), count=asked.files, seed=asked.seed, seconds=asked.seconds, keep=asked.keep))


def fuzz(folder: Path, *, count: int, seed: int, seconds: float, keep: Path | None) -> int:
    """Decode so many mutants and print what became of them; the exit code."""
    began, found = time.perf_counter(), []
    for each in results(folder, seed=seed, seconds=seconds, count=count):
        found.append(each)
        if len(found) % 1000 == 0:
            print(f"{len(found):,} of {count:,} files", file=sys.stderr, flush=True)
    bad = [each for each in found if each["outcome"] not in ("picture", "reason")]
    print(json.dumps({**summary(found, time.perf_counter() - began), "bad": bad}, indent=2))
    if keep and bad:
        keep.mkdir(parents=True, exist_ok=True)
        files = read_originals(folder)
        for each in bad:
            (keep / f"{each['begin']:06d}.bin").write_bytes(mutant(files, seed, each["begin"])[1])
    return 1 if bad else 0


if __name__ == "__main__":
    main()
