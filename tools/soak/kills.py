"""Kill `train`, `split` and `predict -o` at random moments, run them again, and compare every byte with one left alone.

    python tools/soak/kills.py --kills 50 --seed 0 [--command train]

Every kill starts from an empty folder and an empty cache. Moments are drawn evenly from the length of an undisturbed
run; every second kill waits until the first file of the result is there, so that the short time of writing is struck
too. Prints one JSON document; ends with 1 if a byte differs, if something is left behind or if the second run fails.

metrics.json, history.jsonl, report.html and run.log tell how long things took. They are compared without that: of
metrics.json all but timing, environment and memory, of history.jsonl all but the seconds, of the other two only that
they are there.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

TIMED = ("report.html", "run.log")
TIMES = ("timing", "environment", "peak_rss_mb", "features_mb")
PROGRAM = (sys.executable, "-c", "from tellapart.cli.main import main; main()")
STAGED = ".tellapart-"
KEPT = ("features.sqlite", "tests")  # what the cache folder holds
ENDED = "had ended"
INBOX = 10  # names for each picture, so that there are several parts to be killed in


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One command to be killed.

    Attributes:
        name: of the command.
        words: what it is called with.
        result: the folder (below the place it runs in) that it fills.
        first: a pattern of what is there as soon as it has begun to write.
    """

    name: str
    words: tuple[str, ...]
    result: str
    first: str


JOBS = (
    Job(name="train", words=("train", "data", "-o", "result", "--size", "64"), result="result", first="ledger.csv"),
    Job(
        name="split",
        words=("split", "data", "result", "--train", "20", "--valid", "8", "--test", "8"),
        result="result",
        first="train",
    ),
    Job(
        name="predict",
        words=("predict", "model.tellapart", "inbox", "-o", "result/answers.csv"),
        result="result",
        first=f"{STAGED}answers-*.journal",
    ),
)


def make_given(folder: Path, *, count: int = 40) -> Path:
    """What the commands are given: data, an inbox that has ten names for each picture of it, and a model file.

    Data are three classes of small pictures, one of them unreadable and one to be converted.
    """
    from exported import small_classifier, write_model
    from pictures import encode, make_pixels, write_classes

    root = write_classes(folder / "data", dict.fromkeys(("ant", "bee", "fly"), count))
    (root / "ant" / "000.png").write_bytes(encode(make_pixels(1), "PNG")[:700])
    (root / "bee" / "001.png").write_bytes(encode(make_pixels(2)[:, :, [0, 1, 2, 0]], "PNG"))
    (folder / "inbox").mkdir()
    for path in sorted(root.rglob("*.png")):
        for number in range(INBOX):
            os.link(path, folder / "inbox" / f"{number}-{path.parent.name}-{path.name}")
    write_model(folder / "model.tellapart", small_classifier(3, size=32))
    return folder


def start(job: Job, place: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "TELLAPART_CACHE": str(place / "cache")}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*PROGRAM, *job.words], cwd=place, env=environment, **silent)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate()
    return process.returncode, said


def fresh_place(folder: Path, given: Path) -> Path:
    """A folder with nothing in it but links to what is given."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in given.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, as far as it must be the same in each run."""
    return {
        path.relative_to(folder).as_posix(): stable(path) for path in sorted(folder.rglob("*")) if not path.is_dir()
    }


def stable(path: Path) -> bytes:
    """What must be the same in a file: all of it, but for what tells how long something took."""
    if path.name == "metrics.json":
        return json.dumps(without(json.loads(path.read_bytes()), TIMES)).encode()
    if path.name == "history.jsonl":
        rows = map(json.loads, path.read_bytes().splitlines())
        return "\n".join(json.dumps(without(row, ("seconds",))) for row in rows).encode()
    return b"there" if path.name in TIMED else path.read_bytes()


def without(document: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in keys}


def kill_once(job: Job, place: Path, *, moment: float, while_writing: bool) -> str:
    """Start a job and kill it; what it had done by then: nothing, some files, or everything."""
    process = start(job, place)
    result = place / job.result
    if while_writing:
        while process.poll() is None and not any(result.glob(job.first)):
            time.sleep(0.001)
    ended = time.monotonic() + moment
    while process.poll() is None and time.monotonic() < ended:
        time.sleep(0.001)
    if process.poll() is not None:
        finish(process)
        return ENDED
    process.send_signal(signal.SIGKILL)
    finish(process)
    return "some files there" if result.exists() and any(result.iterdir()) else "no file there"


def check(job: Job, place: Path, expected: dict[str, bytes]) -> list[str]:
    """Run the job again after a kill; everything that is not as it should be."""
    if job.name != "train" or not (place / job.result / "metrics.json").exists():
        code, said = finish(start(job, place))
        if code:
            return [f"the next run ended with {code}: {said.strip().splitlines()[-1:]}"]
    found = contents(place / job.result)
    faults = [f"{name} differs" for name in sorted(expected) if name in found and found[name] != expected[name]]
    faults += [f"{name} is missing" for name in sorted(set(expected) - set(found))]
    faults += [f"{name} is left behind" for name in sorted(set(found) - set(expected))]
    left = {path.name for path in place.rglob(f"{STAGED}*")} - {Path(name).name for name in found}
    faults += [f"{name} is left behind" for name in sorted(left)]
    if (place / "cache").exists():
        faults += [f"{path.name} in the cache" for path in (place / "cache").iterdir() if path.name not in KEPT]
    return faults


def soak(job: Job, folder: Path, *, kills: int, seed: int, given: Path) -> dict[str, Any]:
    """Kill one job so many times; what happened."""
    place = fresh_place(folder / "left alone", given)
    began = time.monotonic()
    code, said = finish(start(job, place))
    if code:
        raise SystemExit(f"{job.name} ended with {code}: {said}")
    length = time.monotonic() - began
    expected = contents(place / job.result)
    random = np.random.default_rng([seed, len(job.name)])
    stopped: collections.Counter[str] = collections.Counter()
    faults = []
    number = 0
    while number < kills:
        place = fresh_place(folder / "killed", given)
        while_writing = number % 2 == 1
        moment = float(random.uniform(0, 0.1 if while_writing else length))
        stopped[done := kill_once(job, place, moment=moment, while_writing=while_writing)] += 1
        faults += [f"kill {number} after {moment:.3f} s: {fault}" for fault in check(job, place, expected)]
        number += done != ENDED  # the machine was faster this time: another moment is drawn
        print(f"{job.name}: {number} of {kills} kills, {len(faults)} faults", file=sys.stderr, flush=True)
    return {"kills": kills, "length_s": round(length, 2), "stopped": dict(stopped), "faults": faults}


def run(folder: Path, *, kills: int, seed: int, jobs: Sequence[Job] = JOBS) -> dict[str, Any]:
    given = make_given(folder / "given")
    return {job.name: soak(job, folder / job.name, kills=kills, seed=seed, given=given) for job in jobs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", choices=[job.name for job in JOBS], help="only this one")
    asked = parser.parse_args()
    jobs = [job for job in JOBS if asked.command in (None, job.name)]
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), kills=asked.kills, seed=asked.seed, jobs=jobs)
    print(json.dumps(found, indent=2))
    raise SystemExit(1 if any(job["faults"] for job in found.values()) else 0)


if __name__ == "__main__":
    main()
